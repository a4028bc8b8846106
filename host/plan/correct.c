#include "plan/correct.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A job more moves a figure by so much at most, and all jobs together not beyond this. */
#define STEP 1.25
#define MOST 16.0
/* The median of a few observations is no better than this. */
#define CLOSE 1.05

/* Shorter stages tell of beginnings and ends. */
#define LONG_NS 10000000
/* More bytes than caches hold from the last job. */
#define FAR_BYTES ((uint64_t)128 << 20)

#define HEAD "gpuproc corrections 1"
#define LINE_BYTES 1024

void gp_corrections_begin(gp_corrections *c, bool device, const double *base)
{
    static const int host[] = {
#define X(name) GP_RATE_HOST_##name,
        GP_CORRECTED_HOST(X)
#undef X
    };
    static const int devices[] = {
#define X(name) GP_RATE_DEVICE_##name,
        GP_CORRECTED_DEVICE(X)
#undef X
    };
    *c = (gp_corrections){.device = device,
                          .figures = device ? sizeof devices / sizeof devices[0]
                                            : sizeof host / sizeof host[0]};
    for (size_t i = 0; i < c->figures; i++) {
        gp_correction *one = &c->figure[i];
        one->figure = device ? devices[i] : host[i];
        one->base = one->value = base[one->figure];
    }
}

const gp_correction *gp_corrections_find(const gp_corrections *c, int figure)
{
    for (size_t i = 0; i < c->figures; i++) {
        if (c->figure[i].figure == figure) return &c->figure[i];
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const gp_correction *c)
{
    double sorted[GP_CORRECT_KEPT];
    memcpy(sorted, c->seen, sizeof sorted);
    qsort(sorted, c->count, sizeof *sorted, compare);
    return (sorted[(c->count - 1) / 2] + sorted[c->count / 2]) / 2;
}

/* One step towards the median. */
static void move(gp_correction *c)
{
    double to = fmin(fmax(median(c), c->base / MOST), c->base * MOST);
    if (to < c->value * CLOSE && to > c->value / CLOSE) return;
    c->value = fmin(fmax(to, c->value / STEP), c->value * STEP);
}

void gp_corrections_add(gp_corrections *corrections, int figure, double seen)
{
    gp_correction *c = (gp_correction *)gp_corrections_find(corrections, figure);
    if (c == NULL || !isfinite(seen) || seen <= 0) return;
    c->seen[c->next] = seen;
    c->next = (c->next + 1) % GP_CORRECT_KEPT;
    if (c->count < GP_CORRECT_KEPT) c->count++;
    c->jobs++;
    if (c->count >= GP_CORRECT_ENOUGH) move(c);
}

void gp_corrections_apply(const gp_corrections *c, double *values)
{
    for (size_t i = 0; i < c->figures; i++) values[c->figure[i].figure] = c->figure[i].value;
}

/* ---- Text ------------------------------------------------------------------------- */

static uint64_t millionths(double value)
{
    return (uint64_t)llround(fmin(fmax(value, 0), 1e9) * 1e6);
}

static const char *name_of(const gp_corrections *c, size_t i)
{
    return (c->device ? gp_rates_device_info : gp_rates_host_info)[c->figure[i].figure].name;
}

/* "name base value jobs seen seen ...", the oldest first. */
void gp_corrections_write(const gp_corrections *c, const char *key, gp_text *text)
{
    gp_text_add(text, HEAD "\nfor %s\n", key);
    for (size_t i = 0; i < c->figures; i++) {
        const gp_correction *f = &c->figure[i];
        if (f->count == 0) continue;
        gp_text_add(text, "%s %" PRIu64 " %" PRIu64 " %" PRIu64, name_of(c, i), millionths(f->base),
                    millionths(f->value), f->jobs);
        for (unsigned k = 0; k < f->count; k++) {
            unsigned at = f->count < GP_CORRECT_KEPT ? k : (f->next + k) % GP_CORRECT_KEPT;
            gp_text_add(text, " %" PRIu64, millionths(f->seen[at]));
        }
        gp_text_add(text, "\n");
    }
    gp_text_add(text, "end\n");
}

static bool take_number(const char **at, uint64_t *value)
{
    char *end;
    if (**at != ' ' || (*at)[1] < '0' || (*at)[1] > '9') return false;
    unsigned long long n = strtoull(*at + 1, &end, 10);
    if (n > UINT64_C(1000000000000000)) return false;
    *value = n;
    *at = end;
    return true;
}

/* A line of the text into the figure that it names. */
static bool take_line(const char *line, gp_corrections *c)
{
    uint64_t base, value, seen;
    for (size_t i = 0; i < c->figures; i++) {
        const char *name = name_of(c, i), *at = line + strlen(name);
        gp_correction *f = &c->figure[i], read = *f;
        if (strncmp(line, name, strlen(name)) != 0 || *at != ' ') continue;
        if (!take_number(&at, &base) || !take_number(&at, &value) || !take_number(&at, &read.jobs))
            return false;
        read.value = (double)value / 1e6;
        for (read.count = 0; *at != '\0'; read.count++) {
            if (read.count == GP_CORRECT_KEPT || !take_number(&at, &seen) || seen == 0)
                return false;
            read.seen[read.count] = (double)seen / 1e6;
        }
        read.next = read.count % GP_CORRECT_KEPT;
        bool sane = read.value > 0 && read.value >= f->base / MOST * 0.99 &&
                    read.value <= f->base * MOST * 1.01;
        if (base != millionths(f->base)) return true; /* of an older calibration */
        if (sane) *f = read;
        return sane;
    }
    return false;
}

bool gp_corrections_read(const char *text, const char *key, gp_corrections *corrections)
{
    gp_corrections c = *corrections;
    char line[LINE_BYTES], head[LINE_BYTES];
    int n = snprintf(head, sizeof head, HEAD "\nfor %s\n", key);
    if (n < 0 || (size_t)n >= sizeof head || strncmp(text, head, (size_t)n) != 0) return false;
    text += n;
    for (const char *end; (end = strchr(text, '\n')) != NULL && end - text < LINE_BYTES;
         text = end + 1) {
        memcpy(line, text, (size_t)(end - text));
        line[end - text] = '\0';
        if (strcmp(line, "end") == 0) {
            if (end[1] != '\0') return false;
            *corrections = c;
            return true;
        }
        if (!take_line(line, &c)) return false;
    }
    return false;
}

/* ---- What a job tells ---------------------------------------------------------------- */

/* Where all that the pass streams comes from; MADE: from several places, or from nowhere. */
static gp_cost_from common_origin(const gp_cost_pass *pass)
{
    gp_cost_from from = GP_FROM_MADE;
    bool any = false;
    for (size_t i = 0; i < pass->plan->pass.inputs; i++) {
        if (pass->input[i].bytes == 0) continue;
        if (any && pass->input[i].from != from) return GP_FROM_MADE;
        from = pass->input[i].from;
        any = true;
    }
    return from;
}

static uint64_t bytes_written(const gp_cost *said)
{
    return said->bytes[GPUPROC_STAGE_WRITE] - said->in_place[GPUPROC_STAGE_WRITE];
}

typedef struct told {
    gp_observation *to;
    size_t count;
    const gp_cost *said;
    const gpuproc_stage_report *stage;
    gpuproc_stage longest;
} told;

/* The stage took so much longer, or shorter, than that figure had it. */
static void tell(told *t, gpuproc_stage stage, bool device, int figure, double value)
{
    if (t->stage[stage].busy_ns < LONG_NS || t->said->ns[stage] <= 0) return;
    t->to[t->count++] = (gp_observation){
        device, figure, value * t->said->ns[stage] / (double)t->stage[stage].busy_ns};
}

/* A stage that waits for slots or processors tells of others: only the longest one counts. */
static void tell_longest(told *t, gpuproc_stage stage, bool device, int figure, double value)
{
    if (t->longest == stage) tell(t, stage, device, figure, value);
}

static void observe_kernel(told *t, const gp_cost_pass *pass, gp_cost_from from,
                           const double *rates, const double *device)
{
    bool memory = t->said->compute_ns < t->said->memory_ns / 4 && pass->plan->folds == 0;
    uint64_t bytes = t->stage[GPUPROC_STAGE_KERNEL].bytes;
    if (!memory || bytes < FAR_BYTES) return;
    if (device != NULL)
        tell(t, GPUPROC_STAGE_KERNEL, true, GP_RATE_DEVICE_memory, device[GP_RATE_DEVICE_memory]);
    else if (from == GP_FROM_MAPPED && pass->plan->pass.outputs == 0)
        tell_longest(t, GPUPROC_STAGE_KERNEL, false, GP_RATE_HOST_mapped,
                     rates[GP_RATE_HOST_mapped]);
    else if (from == GP_FROM_MEMORY && bytes_written(t->said) == 0)
        tell_longest(t, GPUPROC_STAGE_KERNEL, false, GP_RATE_HOST_memory,
                     rates[GP_RATE_HOST_memory]);
}

size_t gp_observe(const gp_cost_pass *pass, const gp_cost *said,
                  const gpuproc_stage_report stage[GPUPROC_STAGES], const double *rates,
                  const double *device, gp_observation observation[GP_CORRECTED_MOST])
{
    told t = {.to = observation, .said = said, .stage = stage, .longest = GPUPROC_STAGE_READ};
    gp_cost_from from = common_origin(pass);
    for (int i = 0; i <= GPUPROC_STAGE_WRITE; i++) {
        if (stage[i].busy_ns > stage[t.longest].busy_ns) t.longest = (gpuproc_stage)i;
    }
    if (pass->plan->products || pass->straightened > 0 || pass->plan->pass.count == 0) return 0;
    if (from == GP_FROM_DISK)
        tell_longest(&t, GPUPROC_STAGE_READ, false, GP_RATE_HOST_disk_read,
                     rates[GP_RATE_HOST_disk_read]);
    if (from == GP_FROM_CACHE)
        tell_longest(&t, GPUPROC_STAGE_READ, false, GP_RATE_HOST_cache_read,
                     rates[GP_RATE_HOST_cache_read]);
    if (bytes_written(said) > 0)
        tell_longest(&t, GPUPROC_STAGE_WRITE, false, GP_RATE_HOST_write, rates[GP_RATE_HOST_write]);
    /* By far the greater part has to be the bytes', not what any output takes. */
    if (said->ns[GPUPROC_STAGE_COMMIT] > 5 * rates[GP_RATE_HOST_commit_ns])
        tell(&t, GPUPROC_STAGE_COMMIT, false, GP_RATE_HOST_commit, rates[GP_RATE_HOST_commit]);
    if (device == NULL) {
        observe_kernel(&t, pass, from, rates, NULL);
        return t.count;
    }
    tell(&t, GPUPROC_STAGE_UPLOAD, true, GP_RATE_DEVICE_upload, device[GP_RATE_DEVICE_upload]);
    tell(&t, GPUPROC_STAGE_DOWNLOAD, true, GP_RATE_DEVICE_download,
         device[GP_RATE_DEVICE_download]);
    observe_kernel(&t, pass, from, rates, device);
    return t.count;
}
