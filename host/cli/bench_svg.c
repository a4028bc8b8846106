/* The figures of the page. Numbers that they show are in data-v, as the JSON has them. */
#include "bench_page.h"

#include "values.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static bool timed(const bench_row *r)
{
    return r->summary.count > 0 && r->note[0] == '\0';
}

static bool is_largest(const bench *b, const bench_row *row)
{
    for (size_t i = 0; i < b->row_count; i++) {
        const bench_row *r = &b->rows[i];
        if (r->c == row->c && r->config == row->config && r->elements > row->elements && timed(r)) return false;
    }
    return true;
}

static void begin_figure(FILE *out, int width, int height, const char *label)
{
    fprintf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", width, height);
    page_text(out, label);
    fputs("\">\n", out);
}

/* ---- Logarithmic axes ------------------------------------------------------------ */

typedef struct axis {
    double low, high; /* log10 */
    double from, to;  /* pixels */
} axis;

static void widen(axis *a, double v)
{
    if (!(v > 0) || !isfinite(v)) return;
    a->low = fmin(a->low, log10(v));
    a->high = fmax(a->high, log10(v));
}

static double place(const axis *a, double v)
{
    return a->from + (log10(v) - a->low) / (a->high - a->low) * (a->to - a->from);
}

/* Whole decades around what was seen. */
static void round_axis(axis *a)
{
    a->low = floor(a->low + 1e-9);
    a->high = ceil(a->high - 1e-9);
    if (!(a->high > a->low)) a->high = a->low + 1;
}

static const char *power_text(double v, const char *const *units, char buf[VALUE_TEXT])
{
    int u = 0;
    for (; v >= 999.5 && units[u + 1] != NULL; u++) v /= 1000;
    snprintf(buf, VALUE_TEXT, "%.4g%s", v, units[u]);
    return buf;
}

/* ---- The roofline ------------------------------------------------------------------ */

#define ROOF_WIDTH 520
#define ROOF_HEIGHT 360

typedef struct roof {
    axis x, y; /* operations per byte; operations per second */
    double flops;
    FILE *out;
} roof;

/* The line that a bandwidth makes, up to what arithmetic can do. Its name stands at its upper end, where there are
 * the fewest points. */
static void put_roof(const roof *f, double rate, const char *name, const char *css)
{
    double left = pow(10, f->x.low), right = pow(10, f->x.high), bottom = pow(10, f->y.low);
    if (!(rate > 0)) return;
    double x = fmax(left, bottom / rate), end = fmin(right, f->flops / rate);
    if (!(end > x)) return;
    double px = place(&f->x, x), py = place(&f->y, x * rate), qx = place(&f->x, end), qy = place(&f->y, end * rate);
    fprintf(f->out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", css, px, py, qx, qy);
    double turn = atan2(qy - py, qx - px), tx = qx - 8 * cos(turn) + 4 * sin(turn),
           ty = qy - 8 * sin(turn) - 4 * cos(turn);
    fprintf(
        f->out,
        "<text class=\"d s e h\" transform=\"translate(%.1f %.1f) rotate(%.2f)\" data-v=\"%.9g\">%s, %.3g GB/s</text>\n",
        tx, ty, turn * 180 / acos(-1), rate, name, rate / 1e9);
}

static void put_grid(const roof *f)
{
    char text[VALUE_TEXT];
    static const char *const units[] = {"", " K", " M", " G", " T", " P", NULL};
    for (double d = f->x.low; d <= f->x.high + 0.5; d++) {
        double x = place(&f->x, pow(10, d));
        fprintf(f->out,
                "<line class=\"l\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/><text class=\"d s c\" x=\"%.1f\" "
                "y=\"%.1f\">"
                "%.4g</text>\n",
                x, x, f->y.from, f->y.to, x, f->y.from + 16, pow(10, d));
    }
    for (double d = f->y.low; d <= f->y.high + 0.5; d++) {
        double y = place(&f->y, pow(10, d));
        fprintf(f->out,
                "<line class=\"l\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/><text class=\"d s e\" x=\"%.1f\" "
                "y=\"%.1f\">"
                "%s</text>\n",
                f->x.from, f->x.to, y, y, f->x.from - 6, y + 4, power_text(pow(10, d), units, text));
    }
    fprintf(f->out, "<text class=\"d s c\" x=\"%.1f\" y=\"%d\">operations per byte that must be moved</text>\n",
            (f->x.from + f->x.to) / 2, ROOF_HEIGHT - 6);
    fprintf(f->out, "<text class=\"d s c\" transform=\"translate(12 %.1f) rotate(-90)\">operations per second</text>\n",
            (f->y.from + f->y.to) / 2);
}

static bool on_roof(const bench *b, const bench_row *r)
{
    return timed(r) && r->flops > 0 && bench_moved(r) > 0 && page_shows(b, r->config) && is_largest(b, r) &&
           r->c->data != BENCH_SMALL && r->c->data != BENCH_GIVEN;
}

void page_roofline(const bench *b, FILE *out)
{
    roof f = {.x = {INFINITY, -INFINITY, 62, ROOF_WIDTH - 14},
              .y = {INFINITY, -INFINITY, ROOF_HEIGHT - 48, 14},
              .flops = b->limits.flops,
              .out = out};
    size_t count = 0;
    for (size_t i = 0; i < b->row_count; i++) {
        const bench_row *r = &b->rows[i];
        if (!on_roof(b, r)) continue;
        widen(&f.x, r->flops / (double)bench_moved(r));
        widen(&f.y, r->flops / r->summary.median);
        count++;
    }
    if (count == 0 || !(f.flops > 0)) return;
    widen(&f.y, f.flops);
    widen(&f.x, f.flops / b->limits.memory[BENCH_SIZES - 1].read * 2);
    round_axis(&f.x);
    round_axis(&f.y);
    fputs("<figure><figcaption>Roofline, the largest size of each case</figcaption>\n", out);
    begin_figure(out, ROOF_WIDTH, ROOF_HEIGHT, "Roofline: what was reached beside what the machine can do");
    put_grid(&f);
    double top = place(&f.y, f.flops), left = place(&f.x, fmax(pow(10, f.x.low), f.flops / b->limits.memory[0].read));
    fprintf(out,
            "<line class=\"r\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
            "<text class=\"d s e\" x=\"%.1f\" y=\"%.1f\" data-v=\"%.9g\">arithmetic, %.4g GFLOP/s</text>\n",
            left, f.x.to, top, top, f.x.to - 4, top - 5, f.flops, f.flops / 1e9);
    put_roof(&f, b->limits.memory[BENCH_SIZES - 1].read, "memory", "r");
    put_roof(&f, b->limits.memory[0].read, "cache", "r p");
    put_roof(&f, b->limits.cold, "disk", "r p");
    for (size_t i = 0; i < b->row_count; i++) {
        const bench_row *r = &b->rows[i];
        if (!on_roof(b, r)) continue;
        double flops = r->flops / r->summary.median;
        fprintf(out,
                "<circle class=\"c%u\" r=\"4.5\" cx=\"%.1f\" cy=\"%.1f\" data-case=\"%s\" data-elements=\"%" PRIu64
                "\" data-config=\"%s\" data-v=\"%.9g\"><title>%s, %s: %.4g GFLOP/s</title></circle>\n",
                page_color(b, r->config), place(&f.x, r->flops / (double)bench_moved(r)), place(&f.y, flops),
                r->c->name, r->elements, r->config->name, flops, r->c->name, r->config->name, flops / 1e9);
    }
    fputs("</svg>\n<p class=\"dim\">Operations are counted by the expression; a transcendental function as about "
          "twenty.</p></figure>\n",
          out);
}

/* ---- Times against sizes ------------------------------------------------------------ */

#define SMALL_WIDTH 300
#define SMALL_HEIGHT 220

static void put_line(const bench *b, const bench_case *c, const bench_config *config, const axis *x, const axis *y,
                     FILE *out)
{
    bool first = true;
    for (size_t i = 0; i < b->row_count; i++) {
        const bench_row *r = &b->rows[i];
        if (r->c != c || r->config != config || !timed(r)) continue;
        if (first) fprintf(out, "<polyline class=\"n k%u\" points=\"", page_color(b, config));
        first = false;
        fprintf(out, "%.1f,%.1f ", place(x, (double)r->elements), place(y, r->summary.median));
    }
    if (!first) fputs("\"/>\n", out);
    for (size_t i = 0; i < b->row_count; i++) {
        const bench_row *r = &b->rows[i];
        char text[VALUE_TEXT];
        if (r->c != c || r->config != config || !timed(r)) continue;
        fprintf(out,
                "<circle class=\"c%u\" r=\"4\" cx=\"%.1f\" cy=\"%.1f\" data-case=\"%s\" data-elements=\"%" PRIu64
                "\" data-config=\"%s\" data-v=\"%.9g\"><title>%s: %s</title></circle>\n",
                page_color(b, config), place(x, (double)r->elements), place(y, r->summary.median), c->name, r->elements,
                config->name, r->summary.median, config->name, time_text((uint64_t)(r->summary.median * 1e9), text));
    }
}

static void put_panel(const bench *b, const bench_case *c, FILE *out)
{
    axis x = {INFINITY, -INFINITY, 54, SMALL_WIDTH - 12}, y = {INFINITY, -INFINITY, SMALL_HEIGHT - 26, 34};
    uint64_t seen = 0;
    bool several = false;
    for (size_t i = 0; i < b->row_count; i++) {
        const bench_row *r = &b->rows[i];
        if (r->c != c || !timed(r) || !page_shows(b, r->config)) continue;
        several = several || (seen != 0 && seen != r->elements);
        seen = r->elements;
        widen(&x, (double)r->elements);
        widen(&y, r->summary.median);
    }
    if (!several) return;
    x.low -= 0.15;
    x.high += 0.15;
    round_axis(&y);
    char text[VALUE_TEXT];
    begin_figure(out, SMALL_WIDTH, SMALL_HEIGHT, c->name);
    fprintf(out, "<text class=\"b\" x=\"8\" y=\"18\">%s</text><text class=\"d s m e\" x=\"%d\" y=\"18\">", c->name,
            SMALL_WIDTH - 12);
    page_text(out, c->expression);
    fputs("</text>\n", out);
    /* Not more lines than there is room for. */
    double step = ceil((y.high - y.low) / 4);
    for (double d = y.low; d <= y.high + 1e-9; d += step) {
        double at = place(&y, pow(10, d));
        fprintf(out,
                "<line class=\"l\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/><text class=\"d s e\" x=\"%.1f\" "
                "y=\"%.1f\">"
                "%.3g %s</text>\n",
                x.from, x.to, at, at, x.from - 5, at + 4,
                pow(10, d >= 0    ? d
                        : d >= -3 ? d + 3
                                  : d + 6),
                d >= 0    ? "s"
                : d >= -3 ? "ms"
                          : "us");
    }
    seen = 0;
    for (size_t i = 0; i < b->row_count; i++) {
        const bench_row *r = &b->rows[i];
        static const char *const units[] = {"", " Ki", " Mi", " Gi", " Ti", NULL};
        if (r->c != c || !timed(r) || !page_shows(b, r->config) || r->elements == seen) continue;
        seen = r->elements;
        double v = (double)seen;
        int u = 0;
        for (; v >= 1024 && units[u + 1] != NULL; u++) v /= 1024;
        snprintf(text, sizeof text, "%.3g%s", v, units[u]);
        fprintf(out, "<text class=\"d s c\" x=\"%.1f\" y=\"%d\">%s</text>\n", place(&x, (double)seen), SMALL_HEIGHT - 8,
                text);
    }
    for (size_t k = 0; k < b->config_count; k++) {
        if (page_shows(b, &b->configs[k])) put_line(b, c, &b->configs[k], &x, &y, out);
    }
    fputs("</svg>\n", out);
}

void page_sizes(const bench *b, FILE *out)
{
    const bench_case *before = NULL;
    for (size_t i = 0; i < b->row_count; i++) {
        if (b->rows[i].c != before) put_panel(b, b->rows[i].c, out);
        before = b->rows[i].c;
    }
}

/* ---- Bars --------------------------------------------------------------------------- */

#define BAR_WIDTH 520
#define BAR_LEFT 176
#define BAR_RIGHT 452
#define BAR_ROW 24

static bool in_bars(const bench *b, const bench_finding *f, int kind)
{
    return (int)f->kind == kind && is_largest(b, f->row) && (kind != BENCH_OVERLAP || page_shows(b, f->row->config));
}

static void put_name(FILE *out, const bench_finding *f, double y)
{
    fprintf(out, "<text class=\"e\" x=\"%d\" y=\"%.0f\">%s <tspan class=\"d s\">%s</tspan></text>", BAR_LEFT - 8,
            y + 16, f->row->c->name, f->row->config->name);
}

/* Bars from 1 to the right where it pays, to the left where it does not. */
void page_ratios(const bench *b, int kind, FILE *out)
{
    double most = 1;
    int rows = 0;
    for (size_t i = 0; i < b->finding_count; i++) {
        if (!in_bars(b, &b->findings[i], kind)) continue;
        most = fmax(most, fabs(log2(b->findings[i].ratio)));
        rows++;
    }
    if (rows == 0) return;
    double middle = (BAR_LEFT + BAR_RIGHT) / 2.0, unit = (BAR_RIGHT - BAR_LEFT) / 2.0 / most, y = 24;
    begin_figure(out, BAR_WIDTH, 32 + rows * BAR_ROW, bench_finding_title(kind));
    fprintf(out, "<text class=\"d s c\" x=\"%.1f\" y=\"14\">slower | faster</text>\n", middle);
    for (size_t i = 0; i < b->finding_count; i++) {
        const bench_finding *f = &b->findings[i];
        if (!in_bars(b, f, kind)) continue;
        double to = middle + log2(f->ratio) * unit;
        put_name(out, f, y);
        fprintf(out, "<rect class=\"%s%s\" x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"15\" rx=\"2\"/>",
                f->ratio >= 1 ? "good" : "bad", f->beyond_noise ? "" : " weak", fmin(middle, to), y + 4,
                fmax(1, fabs(to - middle)));
        fprintf(out,
                "<text class=\"e%s\" x=\"%d\" y=\"%.0f\" data-kind=\"%d\" data-case=\"%s\" data-elements=\"%" PRIu64
                "\" data-config=\"%s\" data-v=\"%.9g\">%.2f</text>\n",
                f->beyond_noise ? " b" : " d", BAR_WIDTH - 12, y + 16, kind, f->row->c->name, f->row->elements,
                f->row->config->name, f->ratio, f->ratio);
        y += BAR_ROW;
    }
    fprintf(out, "<line class=\"z\" x1=\"%.1f\" x2=\"%.1f\" y1=\"20\" y2=\"%.0f\"/>\n</svg>\n", middle, middle, y + 4);
}

/* The whole track is a speed-up as large as the number of threads. */
void page_scaling(const bench *b, FILE *out)
{
    int rows = 0;
    for (size_t i = 0; i < b->finding_count; i++) rows += in_bars(b, &b->findings[i], BENCH_SCALING);
    if (rows == 0) return;
    double y = 24, width = BAR_RIGHT - 60 - BAR_LEFT;
    begin_figure(out, BAR_WIDTH, 32 + rows * BAR_ROW, bench_finding_title(BENCH_SCALING));
    fprintf(out,
            "<text class=\"d s\" x=\"%d\" y=\"14\">1</text><text class=\"d s e\" x=\"%.0f\" y=\"14\">%u</text>"
            "<text class=\"d s e\" x=\"%d\" y=\"14\">speed-up · serial</text>\n",
            BAR_LEFT, BAR_LEFT + width, b->configs[0].threads, BAR_WIDTH - 12);
    for (size_t i = 0; i < b->finding_count; i++) {
        const bench_finding *f = &b->findings[i];
        double threads = f->row->config->threads;
        if (!in_bars(b, f, BENCH_SCALING)) continue;
        double part = fmin(fmax((f->ratio - 1) / (threads - 1), 0), 1.1);
        put_name(out, f, y);
        fprintf(out, "<rect class=\"row\" x=\"%d\" y=\"%.0f\" width=\"%.1f\" height=\"15\" rx=\"2\"/>", BAR_LEFT, y + 4,
                width);
        fprintf(out, "<rect class=\"%s%s\" x=\"%d\" y=\"%.0f\" width=\"%.1f\" height=\"15\" rx=\"2\"/>",
                f->ratio < 1 ? "bad" : "good", f->beyond_noise ? "" : " weak", BAR_LEFT, y + 4, fmax(2, part * width));
        fprintf(out,
                "<text class=\"e\" x=\"%d\" y=\"%.0f\" data-kind=\"%d\" data-case=\"%s\" data-elements=\"%" PRIu64
                "\" data-config=\"%s\" data-v=\"%.9g\" data-serial=\"%.9g\"><tspan class=\"%s\">%.2f</tspan> · %.0f "
                "%%</text>\n",
                BAR_WIDTH - 12, y + 16, BENCH_SCALING, f->row->c->name, f->row->elements, f->row->config->name,
                f->ratio, f->amdahl.serial, f->beyond_noise ? "b" : "d", f->ratio, 100 * f->amdahl.serial);
        y += BAR_ROW;
    }
    fputs("</svg>\n", out);
}
