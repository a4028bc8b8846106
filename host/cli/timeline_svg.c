/* The timeline as SVG. Its size is bounded: a bar narrower than a pixel or two is drawn together with its
 * neighbours, as dense as they are. */
#include "timeline.h"

#include "values.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define WIDTH 1180
#define LEFT 128   /* of the plot */
#define PLOT 800
#define RIGHT (LEFT + PLOT)
#define TOP 104
#define GAP 10     /* between rows */
#define MOST_LANES 8 /* drawn apart */
#define COLORS 8
#define LEAST_BAR 1.6 /* narrower bars are drawn together */
#define MERGED 6.0    /* up to this width */
#define LEAST_OPACITY 0.25 /* so that what is hardly busy can still be seen */

static const char *const explanation[GPUPROC_STAGES] = {
    [GPUPROC_STAGE_READ] = "read",       [GPUPROC_STAGE_UPLOAD] = "upload",
    [GPUPROC_STAGE_KERNEL] = "kernel",   [GPUPROC_STAGE_DOWNLOAD] = "download",
    [GPUPROC_STAGE_FOLD] = "in order",   [GPUPROC_STAGE_WRITE] = "write",
    [GPUPROC_STAGE_PROGRAM] = "compile", [GPUPROC_STAGE_SPOOL] = "keep a stream",
    [GPUPROC_STAGE_COMMIT] = "sync to disk",
    [GPUPROC_STAGE_OPEN] = "plan, files"};

typedef struct picture {
    const spans *s;
    FILE *out;
    double per_ns;
} picture;

static const char style[] =
    "<style>\n"
    "svg{--bg:#ffffff;--fg:#1c2128;--dim:#5b6470;--line:#d5dae0;--row:#f3f5f7;--hot:#fff0d6;--hotfg:#8a4b00;\n"
    "--c0:#2f6fdb;--c1:#e07b00;--c2:#1d9a5b;--c3:#b0409a;--c4:#0d93a8;--c5:#d1443c;--c6:#7a5bd0;--c7:#7d8a10;"
    "--cn:#8b95a1;--in:#ffffff;\n"
    "background:var(--bg);font-family:system-ui,-apple-system,\"Segoe UI\",\"DejaVu Sans\",sans-serif;"
    "font-size:13px}\n"
    "@media (prefers-color-scheme:dark){svg{--bg:#14181d;--fg:#e6e9ed;--dim:#9aa4b0;--line:#38414b;--row:#1c2229;"
    "--hot:#3d2e10;--hotfg:#ffc46b;\n"
    "--c0:#6ea2ff;--c1:#ffa64d;--c2:#4fd08f;--c3:#e584d2;--c4:#4ccadf;--c5:#ff8078;--c6:#ab92ff;--c7:#c5d152;"
    "--cn:#76818d;--in:#101418}}\n"
    "text{fill:var(--fg)}.d{fill:var(--dim)}.m{font-family:ui-monospace,\"DejaVu Sans Mono\",monospace}\n"
    ".b{font-weight:600}.e{text-anchor:end}.c{text-anchor:middle}.s{font-size:11px}.hf{fill:var(--hotfg)}\n"
    ".in{fill:var(--in);font-size:10px;text-anchor:middle}.bg{fill:var(--bg)}.row{fill:var(--row)}"
    ".hot{fill:var(--hot)}.l{stroke:var(--line)}.p{stroke:var(--dim);stroke-dasharray:3 3}\n"
    ".c0{fill:var(--c0)}.c1{fill:var(--c1)}.c2{fill:var(--c2)}.c3{fill:var(--c3)}.c4{fill:var(--c4)}"
    ".c5{fill:var(--c5)}.c6{fill:var(--c6)}.c7{fill:var(--c7)}.cn{fill:var(--cn)}\n"
    ".f{stroke:var(--fg);stroke-dasharray:2 2}\n"
    "</style>\n";

/* Bytes of the character that begins here; 0: it is none in UTF-8. */
static size_t character(const unsigned char *p)
{
    size_t bytes = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : *p >= 0xe0 && *p < 0xf0 ? 3 : *p >= 0xf0 && *p < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < bytes; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
    }
    return bytes;
}

/* At most `most` characters, as XML has them. What it cannot hold is a space or a question mark. */
static void put_text(FILE *out, const char *text, size_t most)
{
    const unsigned char *p = (const unsigned char *)text;
    for (size_t shown = 0, bytes; *p != '\0'; p += bytes > 0 ? bytes : 1) {
        bytes = character(p);
        if (shown++ == most) {
            fputs("…", out);
            return;
        }
        if (*p == '<') fputs("&lt;", out);
        else if (*p == '>') fputs("&gt;", out);
        else if (*p == '&') fputs("&amp;", out);
        else if (*p == '"') fputs("&quot;", out);
        else if (*p < 0x20 || *p == 0x7f) fputc(' ', out);
        else if (bytes == 0) fputc('?', out);
        else fwrite(p, 1, bytes, out);
    }
}

static double x_of(const picture *p, uint64_t ns) { return LEFT + (double)ns * p->per_ns; }

static double lane_height(const span_row *row)
{
    return row->lanes <= 1 ? 24 : row->lanes <= 2 ? 15 : row->lanes <= 4 ? 13 : 8;
}

static unsigned lanes_of(const span_row *row) { return row->lanes < MOST_LANES ? row->lanes : MOST_LANES; }

static double row_height(const span_row *row)
{
    double lanes = lane_height(row) * lanes_of(row);
    return (lanes > 30 ? lanes : 30) + 8;
}

/* ---- Around the rows ------------------------------------------------------- */

static void put_head(const picture *p, double height)
{
    const gpuproc_report *r = &p->s->report;
    FILE *out = p->out;
    char a[VALUE_TEXT], b[VALUE_TEXT], c[VALUE_TEXT];
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%d\" height=\"%.0f\" role=\"img\""
            " data-wall-ns=\"%" PRIu64 "\" data-limit=\"%s\" data-limit-share=\"%.6g\" data-overlap=\"%.6g\">\n",
            WIDTH, height, WIDTH, height, r->wall_ns, gpuproc_stage_name(r->limit), r->limit_share, r->overlap);
    fputs("<title>", out);
    put_text(out, p->s->expression, 2000);
    fputs("</title>\n", out);
    fputs(style, out);
    fprintf(out, "<rect class=\"bg\" width=\"%d\" height=\"%.0f\"/>\n", WIDTH, height);
    fputs("<text class=\"m b\" x=\"20\" y=\"34\" font-size=\"18\">", out);
    put_text(out, p->s->expression, 98);
    fputs("</text>\n<text class=\"d\" x=\"20\" y=\"58\">", out);
    put_text(out, r->device[0] != '\0' ? r->device : "no device", 60);
    fprintf(out, " · %s · %s read, %s written · %" PRIu64 " chunk%s, %u slot%s</text>\n", time_text(r->wall_ns, a),
            bytes_text(r->bytes_read, b), bytes_text(r->bytes_written, c), r->chunks, r->chunks == 1 ? "" : "s",
            r->slots, r->slots == 1 ? "" : "s");
    fprintf(out, "<text class=\"d s e\" x=\"%d\" y=\"%d\">busy</text>", RIGHT + 92, TOP - 10);
    fprintf(out, "<text class=\"d s e\" x=\"%d\" y=\"%d\">of wall</text>", RIGHT + 142, TOP - 10);
    fprintf(out, "<text class=\"d s e\" x=\"%d\" y=\"%d\">rate</text>\n", WIDTH - 16, TOP - 10);
}

static double nice_step(double range)
{
    double step = pow(10, floor(log10(range / 8)));
    while (range / step > 10) step *= range / step > 25 ? 5 : 2;
    return step;
}

/* Ticks at round times, in one unit. */
static void put_axis(const picture *p, double bottom)
{
    static const char *const unit[] = {"ns", "us", "ms", "s"};
    double wall = (double)p->s->report.wall_ns, scale = 1;
    int u = 0;
    for (; u < 3 && wall / scale >= 2000; u++) scale *= 1000;
    double range = wall / scale;
    if (!(range > 0)) return;
    double step = nice_step(range);
    int places = step >= 1 ? 0 : (int)ceil(-log10(step) - 1e-9);
    for (int k = 0; k * step <= range * (1 + 1e-9); k++) {
        double x = LEFT + k * step / range * PLOT;
        fprintf(p->out, "<line class=\"l\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%.0f\"/>", x, x, TOP, bottom);
        fprintf(p->out, "<text class=\"d s c\" x=\"%.1f\" y=\"%.0f\">%.*f%s%s</text>\n", x, bottom + 16, places,
                k * step, k == 0 ? " " : "", k == 0 ? unit[u] : "");
    }
}

/* Where passes begin, if there are several. */
static void put_passes(const picture *p, double bottom)
{
    double last_label = 0;
    for (unsigned pass = 1; pass <= p->s->report.passes && p->s->report.passes > 1; pass++) {
        uint64_t begin = UINT64_MAX;
        for (size_t i = 0; i < p->s->count; i++) {
            const gpuproc_span *span = &p->s->item[i].span;
            if (span->pass == pass && span->begin_ns < begin) begin = span->begin_ns;
        }
        if (begin == UINT64_MAX) continue;
        double x = x_of(p, begin);
        if (x < last_label + 46) continue; /* many short ones: not each has room */
        last_label = x;
        fprintf(p->out, "<line class=\"p\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%.0f\"/>", x, x, TOP - 16, bottom);
        fprintf(p->out, "<text class=\"d s\" x=\"%.1f\" y=\"%d\">pass %u</text>\n", x + 4, TOP - 8, pass);
    }
}

static void put_legend(const picture *p, double y)
{
    const gpuproc_report *r = &p->s->report;
    FILE *out = p->out;
    char wall[VALUE_TEXT], all[VALUE_TEXT], longest[VALUE_TEXT];
    uint64_t sum = 0;
    for (int i = 0; i < GPUPROC_STAGES; i++) sum += r->stage[i].busy_ns;
    double x = 20;
    if (r->slots == 0) return; /* nothing went through in chunks */
    for (unsigned slot = 0; slot < r->slots && slot < COLORS; slot++, x += 62) {
        fprintf(out, "<rect class=\"c%u\" x=\"%.0f\" y=\"%.0f\" width=\"12\" height=\"12\" rx=\"2\"/>", slot, x, y - 11);
        fprintf(out, "<text class=\"s\" x=\"%.0f\" y=\"%.0f\">slot %u</text>\n", x + 17, y - 1, slot);
    }
    fprintf(out, "<rect class=\"cn\" x=\"%.0f\" y=\"%.0f\" width=\"12\" height=\"12\" rx=\"2\"/>", x, y - 11);
    fprintf(out, "<text class=\"s\" x=\"%.0f\" y=\"%.0f\">none, or several</text>\n", x + 17, y - 1);
    x += 112;
    fprintf(out, "<text class=\"d s\" x=\"%.0f\" y=\"%.0f\">A slot is one set of buffers; the number in a bar is the "
                 "chunk that is in it%s.</text>\n",
            x + 6, y - 1, r->slots > COLORS ? " (colours come again)" : "");
    if (r->slots <= 1)
        fprintf(out, "<text class=\"d\" x=\"20\" y=\"%.0f\">One slot: a chunk goes down the rows before the next one "
                     "begins, so while one row works, the others wait.</text>\n", y + 24);
    else
        fprintf(out, "<text class=\"d\" x=\"20\" y=\"%.0f\">Follow one colour down the rows: that is a chunk on its "
                     "way. Bars one above the other are different chunks at the same time: the stages overlap.</text>\n",
                y + 24);
    fprintf(out, "<text class=\"d\" x=\"20\" y=\"%.0f\">One stage after the other would take %s; it took %s. "
                 "Nothing is quicker than its longest stage: <tspan class=\"hf b\">%s</tspan>, %s.</text>\n",
            y + 44, time_text(sum, all), time_text(r->wall_ns, wall), gpuproc_stage_name(r->limit),
            time_text(r->stage[r->limit].busy_ns, longest));
}

/* ---- Rows ------------------------------------------------------------------ */

/* Narrow bars that are drawn together. */
typedef struct heap {
    double begin, end, covered; /* pixels */
    uint64_t spans;
    int slot;
} heap;

static void put_bar(const picture *p, double x, double width, double y, double height, int slot, double opacity)
{
    char color[8] = "cn";
    if (slot >= 0) snprintf(color, sizeof color, "c%d", slot % COLORS);
    fprintf(p->out, "<rect class=\"%s\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\"", color, x, y,
            width > 0.4 ? width : 0.4, height);
    if (opacity < 0.995) fprintf(p->out, " fill-opacity=\"%.2f\"", opacity);
}

static void flush_run(const picture *p, heap *run, double y, double height)
{
    double width = run->end - run->begin;
    if (run->spans == 0) return;
    double density = width > 0.5 ? run->covered / width : 1;
    put_bar(p, run->begin, width, y, height, run->slot, density < LEAST_OPACITY ? LEAST_OPACITY : density);
    fputs("/>\n", p->out);
    run->spans = 0;
}

static void put_whole(const picture *p, const gpuproc_span *span, double y, double height)
{
    double x = x_of(p, span->begin_ns), width = x_of(p, span->end_ns) - x;
    char a[VALUE_TEXT], b[VALUE_TEXT], chunk[32] = "";
    put_bar(p, x, width > 2 ? width - 0.5 : width, y, height, span->slot, 1);
    if (span->flags != 0) fputs(" stroke=\"var(--fg)\" stroke-dasharray=\"2 2\"", p->out);
    if (width > 3) fputs(" rx=\"1.5\"", p->out);
    if (width < 4) {
        fputs("/>\n", p->out);
        return;
    }
    if (span->chunk != GPUPROC_NO_CHUNK) snprintf(chunk, sizeof chunk, "chunk %" PRIu64 ", ", span->chunk);
    fprintf(p->out, "><title>%s%s%s%s, %s</title></rect>", chunk, time_text(span->end_ns - span->begin_ns, a),
            span->flags & GPUPROC_SPAN_FAILED ? ", failed" : "",
            span->flags & GPUPROC_SPAN_FALLBACK ? ", again on the CPU" : "", bytes_text(span->bytes, b));
    if (span->chunk != GPUPROC_NO_CHUNK && height >= 10) {
        snprintf(chunk, sizeof chunk, "%" PRIu64, span->chunk);
        if (width > 6.5 * (double)strlen(chunk) + 3)
            fprintf(p->out, "<text class=\"in\" x=\"%.1f\" y=\"%.1f\">%s</text>", x + width / 2, y + height / 2 + 3.6,
                    chunk);
    }
    fputc('\n', p->out);
}

static void put_lane(const picture *p, const span_row *row, unsigned lane, double y, double height)
{
    heap run = {0};
    for (size_t i = row->first; i < row->first + row->count; i++) {
        const span_item *item = &p->s->item[i];
        if ((item->lane < MOST_LANES ? item->lane : MOST_LANES - 1) != lane) continue;
        double begin = x_of(p, item->span.begin_ns), end = x_of(p, item->span.end_ns);
        bool narrow = end - begin < LEAST_BAR;
        if (run.spans > 0 && (!narrow || begin - run.end > 1 || end - run.begin > MERGED))
            flush_run(p, &run, y, height);
        if (!narrow) {
            put_whole(p, &item->span, y, height);
            continue;
        }
        if (run.spans++ == 0) {
            run.begin = begin;
            run.end = end;
            run.covered = 0;
            run.slot = item->span.slot;
        } else if (run.slot != item->span.slot) {
            run.slot = -1;
        }
        run.covered += end - begin;
        if (end > run.end) run.end = end;
    }
    flush_run(p, &run, y, height);
}

/* What is behind the time axis' lines. */
static void put_backgrounds(const picture *p, double y)
{
    for (size_t r = 0; r < p->s->rows; r++) {
        double height = row_height(&p->s->row[r]);
        if (spans_limits(p->s, &p->s->row[r]))
            fprintf(p->out, "<rect class=\"hot\" x=\"8\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" rx=\"5\"/>\n", y - 3,
                    WIDTH - 16, height + 6);
        fprintf(p->out, "<rect class=\"row\" x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\"/>\n", LEFT, y, PLOT,
                height);
        y += height + GAP;
    }
}

/* One row; returns where the next begins. */
static double put_row(const picture *p, const span_row *row, double y)
{
    FILE *out = p->out;
    char busy[VALUE_TEXT], bytes[VALUE_TEXT], rate[VALUE_TEXT];
    double height = row_height(row), wall = (double)p->s->report.wall_ns, middle = y + height / 2;
    bool limits = spans_limits(p->s, row);
    uint64_t moved = row->bytes - row->bytes_in_place;
    fprintf(out, "<g data-stage=\"%s\" data-device=\"%d\" data-busy-ns=\"%" PRIu64 "\" data-bytes=\"%" PRIu64
                 "\" data-spans=\"%zu\">\n",
            gpuproc_stage_name(row->stage), row->device, row->busy_ns, row->bytes, row->count);
    fprintf(out, "<text class=\"%s\" x=\"20\" y=\"%.1f\">%s</text>", limits ? "b hf" : "b", middle - 1, row->name);
    fputs("<text class=\"d s\" x=\"20\" ", out);
    fprintf(out, "y=\"%.1f\">", middle + 13);
    if (row->device_name != NULL) put_text(out, row->device_name, 15);
    else fprintf(out, "%s%s", explanation[row->stage], limits ? ": limits" : "");
    fputs("</text>\n", out);
    unsigned lanes = lanes_of(row);
    double lane = lane_height(row), first = middle - lane * lanes / 2;
    for (unsigned k = 0; k < lanes; k++) put_lane(p, row, k, first + k * lane + 1, lane - 2);
    fprintf(out, "<text class=\"%s\" x=\"%d\" y=\"%.1f\">%s</text>", limits ? "e b hf" : "e", RIGHT + 92, middle + 4.5,
            time_text(row->busy_ns, busy));
    fprintf(out, "<text class=\"%s\" x=\"%d\" y=\"%.1f\">%.0f %%</text>", limits ? "e b hf" : "e", RIGHT + 142,
            middle + 4.5, wall > 0 ? 100 * (double)row->busy_ns / wall : 0.0);
    if (row->bytes > 0) {
        bool in_place = moved == 0;
        fprintf(out, "<text class=\"e\" x=\"%d\" y=\"%.1f\">%s</text>", WIDTH - 16, middle - 1,
                in_place ? "in place" : rate_text(moved, row->busy_ns, rate));
        fprintf(out, "<text class=\"d s e\" x=\"%d\" y=\"%.1f\">%s</text>", WIDTH - 16, middle + 13,
                bytes_text(row->bytes, bytes));
    }
    fputs("\n</g>\n", out);
    return y + height + GAP;
}

void timeline_svg_write(const spans *s, FILE *out)
{
    double bottom = TOP;
    picture p = {.s = s, .out = out,
                 .per_ns = s->report.wall_ns > 0 ? (double)PLOT / (double)s->report.wall_ns : 0};
    for (size_t r = 0; r < s->rows; r++) bottom += row_height(&s->row[r]) + GAP;
    put_head(&p, bottom + 116);
    double y = TOP + GAP / 2.0;
    put_backgrounds(&p, y);
    put_axis(&p, bottom);
    for (size_t r = 0; r < s->rows; r++) y = put_row(&p, &s->row[r], y);
    put_passes(&p, bottom);
    put_legend(&p, bottom + 48);
    fputs("</svg>\n", out);
}
