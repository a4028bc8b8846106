/* The page: one file that needs nothing else, on paper white or dark as the reader has it. */
#include "bench_page.h"

#include "bench_json.h"
#include "values.h"

#include <inttypes.h>
#include <string.h>

static const char style[] =
    "<style>\n"
    ":root{color-scheme:light "
    "dark;--bg:#ffffff;--fg:#1c2128;--dim:#5b6470;--line:#d5dae0;--row:#eef1f4;--hot:#fff0d6;\n"
    "--good:#1d9a5b;--bad:#d1443c;--c0:#2f6fdb;--c1:#e07b00;--c2:#1d9a5b;--c3:#b0409a;--c4:#0d93a8;--c5:#d1443c;--c6:#"
    "7a5bd0;"
    "--c7:#7d8a10}\n"
    "@media (prefers-color-scheme:dark){:root{--bg:#14181d;--fg:#e6e9ed;--dim:#9aa4b0;--line:#38414b;--row:#20272f;"
    "--hot:#3d2e10;\n"
    "--good:#4fd08f;--bad:#ff8078;--c0:#6ea2ff;--c1:#ffa64d;--c2:#4fd08f;--c3:#e584d2;--c4:#4ccadf;--c5:#ff8078;--c6:#"
    "ab92ff;"
    "--c7:#c5d152}}\n"
    "body{margin:0 auto;padding:1.2rem 1rem 3rem;max-width:1120px;background:var(--bg);color:var(--fg);"
    "font:15px/1.45 system-ui,-apple-system,\"Segoe UI\",\"DejaVu Sans\",sans-serif}\n"
    "h1{font-size:1.5rem;margin:.2rem 0 .6rem}h2{font-size:1.12rem;margin:2rem 0 .5rem}p{margin:.3rem "
    "0;max-width:46rem}\n"
    ".dim{color:var(--dim)}code,.m{font-family:ui-monospace,\"DejaVu Sans Mono\",monospace;font-size:.92em}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem .9rem;margin:.4rem "
    "0}dt{color:var(--dim)}dd{margin:0;"
    "overflow-wrap:anywhere}\n"
    ".figs{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr));gap:1.2rem}\n"
    ".small{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,250px),1fr));gap:.6rem}\n"
    "figure{margin:0}figcaption{font-weight:600;margin:.2rem 0 "
    ".3rem}svg{display:block;width:100%;height:auto;font-size:13px}\n"
    ".wide{overflow-x:auto;margin:.3rem "
    "0}table{border-collapse:collapse;white-space:nowrap;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.22rem .7rem;text-align:right;border-bottom:1px solid "
    "var(--line)}th{color:var(--dim);font-weight:500}\n"
    ".t{text-align:left}.w{white-space:normal}.first td{border-top:2px solid var(--line)}.wrong{background:var(--hot);font-weight:600}\n"
    "ul{padding-left:1.2rem}.key{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;margin:.4rem 0}.key "
    "i{display:inline-block;width:.75em;height:.75em;"
    "border-radius:50%;margin-right:.4em}\n"
    "svg text{fill:var(--fg)}svg .d{fill:var(--dim)}svg .s{font-size:11px}svg .b{font-weight:600}svg "
    ".e{text-anchor:end}"
    "svg .c{text-anchor:middle}svg .h{paint-order:stroke;stroke:var(--bg);stroke-width:3px}\n"
    ".small "
    "svg{max-width:340px}circle{stroke:var(--bg);stroke-width:.8}.l{stroke:var(--line)}.z{stroke:var(--dim)}.r{stroke:var(--fg);stroke-width:1.6}.p{stroke-"
    "dasharray:5 4;stroke:var(--dim)}"
    ".n{fill:none;stroke-width:1.8}.row{fill:var(--row)}.good{fill:var(--good)}.bad{fill:var(--bad)}.weak{opacity:.4}"
    "\n";

/* c0{fill:var(--c0)} and so on, for points, lines and the key. */
static void put_colors(FILE *out)
{
    for (int k = 0; k < PAGE_COLORS; k++)
        fprintf(out, ".c%d{fill:var(--c%d)}.k%d{stroke:var(--c%d)}i.c%d{background:var(--c%d)}", k, k, k, k, k, k);
    fputs("\n</style>\n", out);
}

void page_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '>')
            fputs("&gt;", out);
        else if (*text == '&')
            fputs("&amp;", out);
        else if (*text == '"')
            fputs("&quot;", out);
        else
            fputc((unsigned char)*text < 0x20 ? ' ' : *text, out);
    }
}

unsigned page_color(const bench *b, const bench_config *config)
{
    unsigned k = 0;
    for (size_t i = 0; i < b->config_count && &b->configs[i] != config; i++) k += page_shows(b, &b->configs[i]);
    return k % PAGE_COLORS;
}

bool page_shows(const bench *b, const bench_config *config)
{
    return !config->sync && (config->opencl || config->threads == 1 || config == &b->configs[0]);
}

static void put_pair(FILE *out, const char *key, const char *value)
{
    fprintf(out, "<dt>%s</dt><dd>", key);
    page_text(out, value);
    fputs("</dd>\n", out);
}

static void put_head(const bench *b, FILE *out)
{
    const bench_machine *m = &b->machine;
    char text[700], memory[VALUE_TEXT];
    fputs("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>gpuproc bench</title>\n",
          out);
    fputs(style, out);
    put_colors(out);
    fputs("<h1>gpuproc bench</h1>\n<dl>\n", out);
    snprintf(text, sizeof text, "%s, %u core%s, %s", m->cpu, m->cores, m->cores == 1 ? "" : "s",
             bytes_text(m->memory_bytes, memory));
    put_pair(out, "machine", text);
    for (size_t i = 1; i < b->device_count; i++) {
        snprintf(text, sizeof text, "%s (%s, %s)%s%s", b->devices[i].name, b->devices[i].platform, b->devices[i].driver,
                 b->devices[i].matrices[0] != '\0' ? ", matrices by " : "", b->devices[i].matrices);
        put_pair(out, i == 1 ? "OpenCL" : "", text);
    }
    put_pair(out, "system", m->kernel);
    snprintf(text, sizeof text, "gpuproc %s, commit %s, %s", gpuproc_version(), bench_commit(), bench_compiler());
    put_pair(out, "program", text);
    put_pair(out, "date", m->date);
    put_pair(out, "command", m->command);
    fputs("</dl>\n", out);
}

static void put_key(const bench *b, FILE *out)
{
    fputs("<div class=\"key\">", out);
    for (size_t i = 0; i < b->config_count; i++) {
        if (!page_shows(b, &b->configs[i])) continue;
        fprintf(out, "<span><i class=\"c%u\"></i>%s</span>", page_color(b, &b->configs[i]), b->configs[i].name);
    }
    fputs("</div>\n", out);
}

static void put_limit(FILE *out, const char *what, const char *id, double value, double per, const char *unit)
{
    if (value > 0)
        fprintf(out, "<tr><td class=\"t\">%s<td data-limit=\"%s\" data-v=\"%.9g\">%.4g %s</tr>\n", what, id, value,
                value / per, unit);
}

static void put_limits(const bench *b, FILE *out)
{
    const bench_limits *l = &b->limits;
    char size[VALUE_TEXT], what[120];
    fputs("<figure><figcaption>Limits of the machine, measured in this run</figcaption><div class=\"wide\"><table>\n",
          out);
    for (int i = 0; i < BENCH_SIZES; i++) {
        snprintf(what, sizeof what, "memory read, %s", bytes_text(l->memory[i].bytes, size));
        put_limit(out, what, "read_bytes_per_s", l->memory[i].read, 1e9, "GB/s");
        snprintf(what, sizeof what, "memory copy, %s", size);
        put_limit(out, what, "copy_bytes_per_s", l->memory[i].copy, 1e9, "GB/s");
    }
    put_limit(out, "one thread, read", "one_thread_read_bytes_per_s", l->read_one, 1e9, "GB/s");
    put_limit(out, "one thread, copy", "one_thread_copy_bytes_per_s", l->copy_one, 1e9, "GB/s");
    put_limit(out, "arithmetic, float32", "flops", l->flops, 1e9, "GFLOP/s");
    put_limit(out, "arithmetic, one thread", "one_thread_flops", l->flops_one, 1e9, "GFLOP/s");
    put_limit(out, "cached file", "cached_file_bytes_per_s", l->cached, 1e9, "GB/s");
    put_limit(out, "cold file", "cold_file_bytes_per_s", l->cold, 1e9, "GB/s");
    fputs("</table></div></figure>\n", out);
}

static void put_findings(const bench *b, int kind, FILE *out)
{
    bool first = true;
    char text[160];
    for (size_t i = 0; i < b->finding_count; i++) {
        const bench_finding *f = &b->findings[i];
        if ((int)f->kind != kind) continue;
        if (first)
            fprintf(out,
                    "<figure><figcaption>%s</figcaption><div class=\"wide\"><table>\n<tr><th class=\"t\">case<th "
                    "class=\"t\">"
                    "how<th class=\"t\">against<th class=\"t\">pays</tr>\n",
                    bench_finding_title(kind));
        first = false;
        bench_finding_text(f, text, sizeof text);
        fprintf(out, "<tr><td class=\"t\">%s<td class=\"t\">%s<td class=\"t\">%s<td class=\"t w\">%s</tr>\n",
                f->row->c->name, f->row->config->name, f->against->config->name, text);
    }
    if (!first) fputs("</table></div></figure>\n", out);
}

static bool has_findings(const bench *b, int kind)
{
    bool any = false;
    for (size_t i = 0; i < b->finding_count; i++) any = any || (int)b->findings[i].kind == kind;
    return any;
}

static bool has_sizes(const bench *b)
{
    bool any = false;
    for (size_t i = 1; i < b->row_count; i++)
        any = any || (b->rows[i].c == b->rows[i - 1].c && b->rows[i].elements != b->rows[i - 1].elements);
    return any;
}

static void put_row(const bench_row *r, bool first, size_t columns, FILE *out)
{
    char cell[BENCH_COLUMNS_SHOWN][VALUE_TEXT];
    bench_cells(r, cell);
    fprintf(out, "<tr class=\"%s%s\" data-case=\"%s\" data-elements=\"%" PRIu64 "\" data-config=\"%s\">",
            first ? "first" : "", r->wrong ? " wrong" : "", r->c->name, r->elements, r->config->name);
    for (size_t k = 0; k < columns; k++) {
        double v = k == 3 ? r->summary.median : k == 4 ? r->summary.spread : r->fraction;
        fputs(bench_column_left(k) ? "<td class=\"t\"" : "<td", out);
        if ((k == 3 || k == 4 || k == 6) && cell[k][0] != '\0' && r->summary.count > 0)
            fprintf(out, " data-k=\"%s\" data-v=\"%.9g\"", k == 3 ? "median_s" : k == 4 ? "spread" : "fraction", v);
        fputc('>', out);
        page_text(out, cell[k]);
    }
    fputs("</tr>\n", out);
}

static void put_rows(const bench *b, FILE *out)
{
    fputs("<h2>All times</h2>\n<div class=\"wide\"><table>\n<tr>", out);
    size_t columns = bench_columns(b);
    for (size_t k = 0; k < columns; k++)
        fprintf(out, bench_column_left(k) ? "<th class=\"t\">%s" : "<th>%s", bench_column_title(k));
    fputs("</tr>\n", out);
    for (size_t i = 0; i < b->row_count; i++) put_row(&b->rows[i], i == 0 || b->rows[i].c != b->rows[i - 1].c, columns, out);
    fputs("</table></div>\n<p class=\"dim\">" BENCH_SPREAD_TEXT "</p>\n", out);
    bench_forecast f = bench_judge_forecast(b);
    char text[160];
    bench_forecast_text(&f, text, sizeof text);
    if (f.rows > 0) fprintf(out, "<p>What explain says before: %s.</p>\n", text);
}

static void put_cases(const bench *b, FILE *out)
{
    const bench_case *before = NULL;
    fputs("<h2>The cases</h2>\n<div class=\"wide\"><table>\n<tr><th class=\"t\">case<th class=\"t\">group<th "
          "class=\"t\">expression"
          "<th class=\"t\">data</tr>\n",
          out);
    for (size_t i = 0; i < b->row_count; i++) {
        const bench_case *c = b->rows[i].c;
        if (c == before) continue;
        before = c;
        fprintf(out, "<tr><td class=\"t\">%s<td class=\"t\">%s<td class=\"t m\">", c->name, c->group);
        page_text(out, c->expression);
        fprintf(out, "<td class=\"t\">%s</tr>\n", bench_where(c->data));
    }
    fputs("</table></div>\n", out);
}

/* For whoever wants the numbers out of the page again. */
static void put_json(const bench *b, FILE *out)
{
    json_object *o = bench_json(b);
    fputs("<script type=\"application/json\" id=\"bench\">", out);
    for (const char *p = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN); *p != '\0'; p++) {
        if (*p == '<')
            fputs("\\u003c", out);
        else
            fputc(*p, out);
    }
    fputs("</script>\n", out);
    json_object_put(o);
}

void bench_print_html(const bench *b, FILE *out)
{
    put_head(b, out);
    if (b->wrong > 0)
        fprintf(out, "<p class=\"wrong\">%zu result%s differ%s from the CPU's by more than is allowed.</p>\n", b->wrong,
                b->wrong == 1 ? "" : "s", b->wrong == 1 ? "s" : "");
    put_key(b, out);
    fputs("<h2>Beside the machine's limits</h2>\n<div class=\"figs\">\n", out);
    page_roofline(b, out);
    put_limits(b, out);
    fputs("</div>\n<h2>What pays</h2>\n<p class=\"dim\">Times as fast, at the largest size; pale bars are within "
          "noise.</p>\n"
          "<div class=\"figs\">\n",
          out);
    for (int kind = BENCH_SPEEDUP; kind <= BENCH_SCALING; kind++) {
        if (!has_findings(b, kind)) continue;
        fprintf(out, "<figure><figcaption>%s</figcaption>\n", bench_finding_title(kind));
        if (kind == BENCH_SCALING) page_scaling(b, out);
        else page_ratios(b, kind, out);
        fputs("</figure>\n", out);
    }
    put_findings(b, BENCH_BREAK_EVEN, out);
    fputs("</div>\n", out);
    if (has_sizes(b)) {
        fputs("<h2>Time against size</h2>\n", out);
        put_key(b, out);
        fputs("<div class=\"small\">\n", out);
        page_sizes(b, out);
        fputs("</div>\n", out);
    }
    put_rows(b, out);
    put_cases(b, out);
    if (b->note_count > 0) fputs("<h2>Notes</h2>\n<ul>\n", out);
    for (size_t i = 0; i < b->note_count; i++) {
        fputs("<li>", out);
        page_text(out, b->notes[i]);
        fputc('\n', out);
    }
    if (b->note_count > 0) fputs("</ul>\n", out);
    put_json(b, out);
}
