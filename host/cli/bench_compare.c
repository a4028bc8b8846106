/* Two benches: what has changed beyond noise. */
#include "bench_json.h"

#include "stdout.h"
#include "term.h"
#include "values.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "" where there is no such text. */
static const char *text_of(json_object *o, const char *key)
{
    json_object *v = NULL;
    return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_string) ? json_object_get_string(v)
                                                                                             : "";
}

/* NaN where there is no such number. */
static double number_of(json_object *o, const char *key)
{
    json_object *v = NULL;
    if (!json_object_object_get_ex(o, key, &v)) return NAN;
    return json_object_is_type(v, json_type_double) || json_object_is_type(v, json_type_int) ? json_object_get_double(v)
                                                                                             : NAN;
}

static json_object *member(json_object *o, const char *key)
{
    json_object *v = NULL;
    return json_object_object_get_ex(o, key, &v) ? v : NULL;
}

static bool same_text(json_object *a, json_object *b, const char *key)
{
    return strcmp(text_of(a, key), text_of(b, key)) == 0;
}

static bool same_row(json_object *a, json_object *b)
{
    return same_text(a, b, "case") && same_text(a, b, "expression") && same_text(a, b, "data") &&
           same_text(a, b, "config") && same_text(a, b, "device") &&
           number_of(a, "elements") == number_of(b, "elements");
}

static json_object *counterpart(json_object *row, json_object *results)
{
    for (size_t i = 0; i < json_object_array_length(results); i++) {
        json_object *r = json_object_array_get_idx(results, i);
        if (same_row(row, r)) return r;
    }
    return NULL;
}

/* Times of another machine say nothing about a change of the program. */
static void tell_machine(json_object *old, json_object *now)
{
    json_object *a = member(old, "machine"), *b = member(now, "machine");
    if (!same_text(a, b, "cpu") || number_of(a, "cores") != number_of(b, "cores") ||
        number_of(a, "memory_bytes") != number_of(b, "memory_bytes"))
        term_warning("not the same machine: %s with %.0f cores before, %s with %.0f now", text_of(a, "cpu"),
                     number_of(a, "cores"), text_of(b, "cpu"), number_of(b, "cores"));
    else if (!same_text(a, b, "kernel"))
        term_warning("not the same kernel: %s before, %s now", text_of(a, "kernel"), text_of(b, "kernel"));
    double before = number_of(a, "others_cores"), meanwhile = number_of(b, "others_cores");
    if (before > BENCH_CALM)
        term_warning("other programs used %.1f cores before: that may be the change", before);
    if (meanwhile > BENCH_CALM)
        term_warning("other programs use %.1f cores now: that may be the change", meanwhile);
    if (!same_text(old, now, "compiler"))
        term_warning("not the same compiler: %s before, %s now", text_of(old, "compiler"), text_of(now, "compiler"));
}

static void put_change(json_object *row, double before, double after, bench_change change, FILE *out)
{
    char a[VALUE_TEXT], b[VALUE_TEXT];
    time_text((uint64_t)(before * 1e9), a);
    time_text((uint64_t)(after * 1e9), b);
    fprintf(out, "%s  %-11s %11.0f  %-14s %9s -> %9s  %.2f times as fast\n",
            change == BENCH_FASTER ? "faster" : "slower", text_of(row, "case"), number_of(row, "elements"),
            text_of(row, "config"), a, b, before / after);
}

static void add_change(json_object *list, json_object *row, double before, double after, bench_change change)
{
    json_object *o = json_object_new_object();
    json_add_string(o, "change", change == BENCH_FASTER ? "faster" : "slower");
    json_add_string(o, "case", text_of(row, "case"));
    json_add_count(o, "elements", (uint64_t)number_of(row, "elements"));
    json_add_string(o, "config", text_of(row, "config"));
    json_object_object_add(o, "old_s", json_object_new_double(before));
    json_object_object_add(o, "new_s", json_object_new_double(after));
    json_object_object_add(o, "ratio", json_object_new_double(before / after));
    json_object_array_add(list, o);
}

#define MANY 8 /* measurements of which a median tells something */

/* Where all times moved together, it may be the machine that did. */
static void tell_all(double *ratio, size_t count, size_t changes, FILE *out)
{
    if (changes == 0) fprintf(out, "no change beyond noise in %zu measurements\n", count);
    if (count >= MANY)
        fprintf(out, "%zu of %zu measurements changed; all together are %.2f times as fast (the median)\n", changes,
                count, bench_summarise(ratio, count).median);
}

int bench_compare(json_object *old, json_object *now, bool as_json, FILE *out)
{
    json_object *before = member(old, "results"), *after = member(now, "results"), *list = json_object_new_array();
    size_t met = 0, slower = 0, faster = 0;
    double *ratio = calloc(json_object_array_length(after) + 1, sizeof *ratio);
    if (ratio == NULL) {
        json_object_put(list);
        term_error("out of memory");
        return EXIT_FAILED;
    }
    tell_machine(old, now);
    for (size_t i = 0; i < json_object_array_length(after); i++) {
        json_object *row = json_object_array_get_idx(after, i), *was = counterpart(row, before);
        double a = was != NULL ? number_of(was, "median_s") : NAN, b = number_of(row, "median_s");
        double sa = was != NULL ? number_of(was, "spread") : NAN, sb = number_of(row, "spread");
        if (!(a > 0) || !(b > 0) || !(sa >= 0) || !(sb >= 0)) continue;
        ratio[met++] = a / b;
        bench_change change = bench_compare_times(a, sa, b, sb);
        if (change == BENCH_SAME) continue;
        if (change == BENCH_SLOWER)
            slower++;
        else
            faster++;
        if (as_json)
            add_change(list, row, a, b, change);
        else
            put_change(row, a, b, change, out);
    }
    if (met == 0) {
        json_object_put(list);
        free(ratio);
        term_error("nothing to compare: the two have no case, size and configuration in common");
        return EXIT_FAILED;
    }
    if (as_json) {
        json_object *o = json_object_new_object();
        json_add_count(o, "compared", met);
        json_add_count(o, "faster", faster);
        json_add_count(o, "slower", slower);
        json_object_object_add(o, "median_ratio", json_object_new_double(bench_summarise(ratio, met).median));
        json_object_object_add(o, "changes", list);
        json_print(o);
        free(ratio);
        return slower > 0 ? BENCH_EXIT_SLOWER : 0;
    }
    json_object_put(list);
    tell_all(ratio, met, faster + slower, out);
    free(ratio);
    return slower > 0 ? BENCH_EXIT_SLOWER : 0;
}
