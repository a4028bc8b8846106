/* The timeline in characters: a column is a piece of time. Where chunks can be told apart a column shows the
 * slot that took most of it, else how much of it was used. */
#include "timeline.h"

#include "term.h"
#include "values.h"

#include <stdlib.h>
#include <string.h>

#define LABEL 9
#define NUMBERS 20 /* behind the picture */
#define MOST_COLUMNS 200

typedef struct cell {
    uint64_t covered_ns; /* of it */
    uint64_t most_ns;    /* by one span */
    int slot;            /* whose; -1: none's */
} cell;

static bool knows_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        if (value == NULL || value[0] == '\0') continue;
        return strcasestr(value, "UTF-8") != NULL || strcasestr(value, "UTF8") != NULL;
    }
    return false;
}

static uint64_t edge(const spans *s, int columns, int c)
{
    return (uint64_t)((double)s->report.wall_ns * c / columns);
}

static int column_of(const spans *s, int columns, uint64_t ns)
{
    int c = s->report.wall_ns > 0 ? (int)((double)ns / (double)s->report.wall_ns * columns) : 0;
    return c < 0 ? 0 : c >= columns ? columns - 1 : c;
}

static void fill(const spans *s, const span_row *row, cell *cells, int columns)
{
    uint64_t covered = 0; /* up to here, so that overlapping spans count once */
    memset(cells, 0, (size_t)columns * sizeof *cells);
    for (size_t i = row->first; i < row->first + row->count; i++) {
        const gpuproc_span *span = &s->item[i].span;
        for (int c = column_of(s, columns, span->begin_ns); c <= column_of(s, columns, span->end_ns); c++) {
            uint64_t from = edge(s, columns, c), to = edge(s, columns, c + 1);
            uint64_t begin = span->begin_ns > from ? span->begin_ns : from;
            uint64_t end = span->end_ns < to ? span->end_ns : to;
            if (end > begin && end - begin > cells[c].most_ns) {
                cells[c].most_ns = end - begin;
                cells[c].slot = span->slot;
            }
            if (begin < covered) begin = covered;
            if (end > begin) cells[c].covered_ns += end - begin;
        }
        if (span->end_ns > covered) covered = span->end_ns;
    }
}

/* Chunks can be told apart where each takes two columns or so. */
static bool shows_slots(const spans *s, const span_row *row, int columns)
{
    double busy = (double)row->busy_ns / (double)s->report.wall_ns * columns;
    return s->report.wall_ns > 0 && row->stage <= GPUPROC_STAGE_WRITE && busy >= 1.5 * (double)row->count;
}

static const char *sign(const cell *c, uint64_t width, bool slots, bool utf8, char one[2])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    static const char *const ascii[] = {" ", ".", ":", "+", "#"};
    static const char *const shades[] = {" ", "░", "▒", "▓", "█"};
    double share = width > 0 ? (double)c->covered_ns / (double)width : 0;
    int level = c->covered_ns == 0 ? 0 : share < 0.25 ? 1 : share < 0.5 ? 2 : share < 0.85 ? 3 : 4;
    if (slots && c->slot >= 0 && level >= 3) {
        one[0] = digits[c->slot % 36];
        return one;
    }
    return utf8 ? shades[level] : ascii[level];
}

static void print_row(const spans *s, const span_row *row, cell *cells, int columns, bool utf8)
{
    char text[4 * MOST_COLUMNS + 1] = "", one[2] = "", rate[VALUE_TEXT];
    size_t n = 0;
    bool slots = shows_slots(s, row, columns);
    fill(s, row, cells, columns);
    for (int c = 0; c < columns; c++) {
        const char *put = sign(&cells[c], edge(s, columns, c + 1) - edge(s, columns, c), slots, utf8, one);
        memcpy(text + n, put, strlen(put));
        n += strlen(put);
    }
    text[n] = '\0';
    double share = s->report.wall_ns > 0 ? 100.0 * (double)row->busy_ns / (double)s->report.wall_ns : 0;
    uint64_t moved = row->bytes - row->bytes_in_place;
    rate_text(moved, row->busy_ns, rate);
    term_hint("%-*.*s|%s|%4.0f %%%s%s%s", LABEL, LABEL, row->name, text, share, *rate ? " " : "", rate,
              spans_limits(s, row) ? " <" : "");
    if (row->device_name != NULL) term_hint("%-*s  %.*s", LABEL, "", columns, row->device_name);
}

void timeline_print(const spans *s)
{
    cell cells[MOST_COLUMNS];
    char wall[VALUE_TEXT];
    bool utf8 = knows_utf8(), slots = false;
    int columns = term_width() - 2 - LABEL - 2 - NUMBERS;
    if (columns < 20) columns = 20;
    if (columns > MOST_COLUMNS) columns = MOST_COLUMNS;
    for (size_t r = 0; r < s->rows; r++) {
        print_row(s, &s->row[r], cells, columns, utf8);
        slots = slots || shows_slots(s, &s->row[r], columns);
    }
    term_hint("%-*s 0%*s", LABEL, "", columns - 1, time_text(s->report.wall_ns, wall));
    if (slots) term_hint("a digit is a slot, one set of buffers, whose chunk goes down the rows");
    term_hint("limited by %s (<): %.0f %% of the time; %.2f stages at once on average",
              gpuproc_stage_name(s->report.limit), 100 * s->report.limit_share, s->report.overlap);
}
