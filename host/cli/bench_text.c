/* A bench as text, as markdown and as CSV. */
#include "bench.h"

#include "values.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define COLUMNS ((size_t)BENCH_COLUMNS_SHOWN)
static const char *const headings[COLUMNS] = {"case",   "elements", "how",      "median",
                                              "spread", "rate",     "of limit", "difference", "predicted"};

size_t bench_columns(const bench *b)
{
    for (size_t i = 0; i < b->row_count; i++) {
        if (b->rows[i].predicted > 0) return COLUMNS;
    }
    return COLUMNS - 1;
}

const char *bench_column_title(size_t column)
{
    return headings[column];
}

void bench_cells(const bench_row *r, char cell[COLUMNS][VALUE_TEXT])
{
    char text[VALUE_TEXT];
    for (size_t i = 0; i < COLUMNS; i++) cell[i][0] = '\0';
    snprintf(cell[0], VALUE_TEXT, "%s", r->c->name);
    snprintf(cell[1], VALUE_TEXT, "%" PRIu64, r->elements);
    snprintf(cell[2], VALUE_TEXT, "%s", r->config->name);
    if (r->summary.count == 0) {
        snprintf(cell[3], VALUE_TEXT, "-");
        return;
    }
    time_text((uint64_t)(r->summary.median * 1e9), cell[3]);
    snprintf(cell[4], VALUE_TEXT, "%.1f %%", 100 * r->summary.spread);
    if (r->c->data == BENCH_SQUARE && r->flops > 0)
        snprintf(cell[5], VALUE_TEXT, "%.4g GFLOP/s", r->flops / r->summary.median / 1e9);
    else if (r->c->data == BENCH_SMALL)
        snprintf(cell[5], VALUE_TEXT, "%s per job", time_text((uint64_t)(r->summary.median * 1e9 / BENCH_BATCH), text));
    else
        rate_text(bench_moved(r), (uint64_t)(r->summary.median * 1e9), cell[5]);
    if (r->limit != NULL) snprintf(cell[6], VALUE_TEXT, "%.0f %% %s", 100 * r->fraction, r->limit);
    if (r->predicted > 0)
        snprintf(cell[8], VALUE_TEXT, "%s, %.2f times", time_text((uint64_t)(r->predicted * 1e9), text),
                 r->predicted / r->summary.median);
    if (r->wrong)
        snprintf(cell[7], VALUE_TEXT, "WRONG: %.3g units", r->difference);
    else if (r->compared && r->difference == 0)
        snprintf(cell[7], VALUE_TEXT, "same bits");
    else if (r->compared)
        snprintf(cell[7], VALUE_TEXT, "%.2g of %.3g units", r->difference, r->allowed);
}

bool bench_column_left(size_t column)
{
    return column == 0 || column == 2 || column == 6 || column == 7;
}

static void put_limits(const bench *b, FILE *out, const char *bullet)
{
    const bench_limits *l = &b->limits;
    char size[VALUE_TEXT];
    for (int i = 0; i < BENCH_SIZES; i++) {
        if (l->memory[i].read > 0)
            fprintf(out, "%smemory, %s in all: read %.1f GB/s, copy %.1f GB/s\n", bullet,
                    bytes_text(l->memory[i].bytes, size), l->memory[i].read / 1e9, l->memory[i].copy / 1e9);
    }
    if (l->read_one > 0)
        fprintf(out, "%sone thread, the largest of these: read %.1f GB/s, copy %.1f GB/s\n", bullet, l->read_one / 1e9,
                l->copy_one / 1e9);
    if (l->flops > 0)
        fprintf(out, "%sarithmetic, float32: %.1f GFLOP/s, one thread %.1f\n", bullet, l->flops / 1e9,
                l->flops_one / 1e9);
    if (l->cached > 0) fprintf(out, "%sa file in the page cache: %.2f GB/s\n", bullet, l->cached / 1e9);
    if (l->cold > 0) fprintf(out, "%sa file that is not: %.2f GB/s\n", bullet, l->cold / 1e9);
}

static void put_machine(const bench *b, FILE *out, const char *bullet)
{
    const bench_machine *m = &b->machine;
    char memory[VALUE_TEXT];
    fprintf(out, "%s%s, %u core%s, %s, %s; temporary files on %s\n", bullet, m->cpu, m->cores, m->cores == 1 ? "" : "s",
            bytes_text(m->memory_bytes, memory), m->kernel, m->temporary);
    for (size_t i = 1; i < b->device_count; i++)
        fprintf(out, "%sopencl %zu is %s (%s, %s)\n", bullet, i, b->devices[i].name, b->devices[i].platform,
                b->devices[i].driver);
    fprintf(out, "%sgpuproc %s, commit %s, %s\n", bullet, gpuproc_version(), bench_commit(), bench_compiler());
    fprintf(out, "%s%s: %s, in %.1f s\n", bullet, m->date, m->command, b->seconds);
}

static const char *const finding_titles[] = {
    [BENCH_SPEEDUP] = "A device against the CPU with all threads",
    [BENCH_OVERLAP] = "Overlapping against --sync",
    [BENCH_SCALING] = "All threads against one",
    [BENCH_BREAK_EVEN] = "From which size it pays",
};

const char *bench_finding_title(int kind)
{
    return finding_titles[kind];
}

static void put_findings(const bench *b, FILE *out, const char *title, const char *bullet, const char *after)
{
    char text[160];
    for (int kind = BENCH_SPEEDUP; kind <= BENCH_BREAK_EVEN; kind++) {
        bool first = true;
        for (size_t i = 0; i < b->finding_count; i++) {
            const bench_finding *f = &b->findings[i];
            if ((int)f->kind != kind) continue;
            if (first) fprintf(out, "\n%s%s%s", title, finding_titles[kind], after);
            first = false;
            bench_finding_text(f, text, sizeof text);
            if (kind == BENCH_BREAK_EVEN)
                fprintf(out, "%s%-11s %11s  %s against %s: %s\n", bullet, f->row->c->name, "", f->row->config->name,
                        f->against->config->name, text);
            else
                fprintf(out, "%s%-11s %11" PRIu64 "  %s: %s\n", bullet, f->row->c->name, f->row->elements,
                        f->row->config->name, text);
        }
    }
}

static void put_notes(const bench *b, FILE *out, const char *title, const char *bullet, const char *after)
{
    if (b->note_count > 0) fprintf(out, "\n%sNotes%s", title, after);
    for (size_t i = 0; i < b->note_count; i++) fprintf(out, "%s%s\n", bullet, b->notes[i]);
}

static void put_forecast(const bench *b, FILE *out, const char *title, const char *bullet, const char *after)
{
    char text[160];
    bench_forecast f = bench_judge_forecast(b);
    if (f.rows == 0) return;
    bench_forecast_text(&f, text, sizeof text);
    fprintf(out, "\n%sWhat explain says before%s%s%s\n", title, after, bullet, text);
}

void bench_print_text(const bench *b, FILE *out)
{
    char cell[COLUMNS][VALUE_TEXT];
    size_t width[COLUMNS], columns = bench_columns(b);
    for (size_t k = 0; k < columns; k++) width[k] = strlen(headings[k]);
    for (size_t i = 0; i < b->row_count; i++) {
        bench_cells(&b->rows[i], cell);
        for (size_t k = 0; k < columns; k++) width[k] = strlen(cell[k]) > width[k] ? strlen(cell[k]) : width[k];
    }
    put_machine(b, out, "");
    fputs("\nLimits of the machine\n", out);
    put_limits(b, out, "  ");
    const bench_case *before = NULL;
    for (size_t i = 0; i < b->row_count; i++) {
        const bench_row *r = &b->rows[i];
        if (i == 0) fputc('\n', out);
        for (size_t k = 0; k < columns && i == 0; k++)
            fprintf(out, bench_column_left(k) ? "%-*s%s" : "%*s%s", k + 1 < columns ? (int)width[k] : 0, headings[k],
                    k + 1 < columns ? "  " : "\n");
        if (r->c != before) fprintf(out, "\n%s: %s, %s\n", r->c->group, r->c->expression, bench_where(r->c->data));
        before = r->c;
        bench_cells(r, cell);
        for (size_t k = 0; k < columns; k++)
            fprintf(out, bench_column_left(k) ? "%-*s%s" : "%*s%s", k + 1 < columns ? (int)width[k] : 0, cell[k],
                    k + 1 < columns ? "  " : "\n");
    }
    put_forecast(b, out, "", "  ", "\n");
    put_findings(b, out, "", "  ", "\n");
    put_notes(b, out, "", "  ", "\n");
    fputs("\n" BENCH_SPREAD_TEXT "\n", out);
}

void bench_print_markdown(const bench *b, FILE *out)
{
    char cell[COLUMNS][VALUE_TEXT];
    size_t columns = bench_columns(b);
    fputs("# gpuproc bench\n\n", out);
    put_machine(b, out, "* ");
    fputs("\n## Limits of the machine\n\n", out);
    put_limits(b, out, "* ");
    fputs("\n## Times\n\n", out);
    for (size_t k = 0; k < columns; k++) fprintf(out, "| %s ", headings[k]);
    fputs("|\n", out);
    for (size_t k = 0; k < columns; k++) fputs(bench_column_left(k) ? "|:--" : "|--:", out);
    fputs("|\n", out);
    for (size_t i = 0; i < b->row_count; i++) {
        bench_cells(&b->rows[i], cell);
        for (size_t k = 0; k < columns; k++) fprintf(out, "| %s ", cell[k]);
        fputs("|\n", out);
    }
    put_forecast(b, out, "## ", "* ", "\n\n");
    put_findings(b, out, "## ", "* ", "\n\n");
    put_notes(b, out, "## ", "* ", "\n\n");
    fputs("\n" BENCH_SPREAD_TEXT "\n", out);
}

/* A field with what would end it in quotes. */
static void put_field(FILE *out, const char *text)
{
    if (strpbrk(text, ",\"\n\r") == NULL) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

void bench_print_csv(const bench *b, FILE *out)
{
    fputs("case,group,expression,data,elements,bytes_in,bytes_out,flops,config,device,threads,sync,samples,median_s,"
          "spread,min_s,max_s,limit,fraction,difference,allowed,correct,note,predicted_ns\r\n",
          out);
    for (size_t i = 0; i < b->row_count; i++) {
        const bench_row *r = &b->rows[i];
        const char *text[] = {r->c->name, r->c->group, r->c->expression, bench_where(r->c->data)};
        for (int k = 0; k < 4; k++) {
            put_field(out, text[k]);
            fputc(',', out);
        }
        fprintf(out, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%.17g,", r->elements, r->bytes_in, r->bytes_out, r->flops);
        put_field(out, r->config->name);
        fputc(',', out);
        put_field(out, r->config->device);
        fprintf(out, ",%u,%s,%zu,", r->config->threads, r->config->sync ? "true" : "false", r->summary.count);
        if (r->summary.count > 0)
            fprintf(out, "%.9g,%.9g,%.9g,%.9g,", r->summary.median, r->summary.spread, r->summary.least,
                    r->summary.most);
        else
            fputs(",,,,", out);
        put_field(out, r->limit != NULL ? r->limit : "");
        if (r->limit != NULL)
            fprintf(out, ",%.9g", r->fraction);
        else
            fputc(',', out);
        if (r->compared)
            fprintf(out, ",%.9g,%.9g,%s,", r->difference, r->allowed, r->wrong ? "false" : "true");
        else
            fputs(",,,,", out);
        put_field(out, r->note);
        if (r->predicted > 0)
            fprintf(out, ",%.0f\r\n", r->predicted * 1e9);
        else
            fputs(",\r\n", out);
    }
}
