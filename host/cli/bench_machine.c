#include "bench_machine.h"

#include "term.h"

#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define MOST_SESSIONS 16u

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void bench_note(bench *b, const char *fmt, ...)
{
    va_list ap;
    void *more = realloc(b->notes, (b->note_count + 1) * sizeof *b->notes);
    if (more == NULL) return;
    b->notes = more;
    va_start(ap, fmt);
    vsnprintf(b->notes[b->note_count], sizeof *b->notes, fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < b->note_count; i++) {
        if (strcmp(b->notes[i], b->notes[b->note_count]) == 0) return; /* once is enough */
    }
    b->note_count++;
}

/* ---- The machine ------------------------------------------------------------------ */

static void cpu_name(char *out, size_t room)
{
    char line[512];
    snprintf(out, room, "unknown");
    FILE *f = fopen("/proc/cpuinfo", "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        char *colon = strchr(line, ':');
        if (colon == NULL || (strncmp(line, "model name", 10) != 0 && strncmp(line, "Processor", 9) != 0)) continue;
        colon += 1 + strspn(colon + 1, " ");
        colon[strcspn(colon, "\n")] = '\0';
        snprintf(out, room, "%s", colon);
        break;
    }
    if (f != NULL) fclose(f);
}

/* By the file system's magic number, as far as it matters here. */
static void temporary_kind(char *out, size_t room)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } known[] = {{0xef53, "ext4"},        {0x58465342, "xfs"}, {0x9123683e, "btrfs"}, {0x01021994, "tmpfs"},
                 {0x794c7630, "overlay"}, {0x6969, "nfs"},     {0x2fc12fc1, "zfs"}};
    const char *folder = getenv("TMPDIR");
    struct statfs s;
    snprintf(out, room, "unknown");
    if (statfs(folder != NULL && folder[0] != '\0' ? folder : "/var/tmp", &s) != 0) return;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if ((unsigned long)s.f_type == known[i].magic) snprintf(out, room, "%s", known[i].name);
    }
}

void bench_look_at_machine(bench *b)
{
    bench_machine *m = &b->machine;
    struct utsname u;
    cpu_set_t set;
    time_t now = time(NULL);
    struct tm utc;
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    cpu_name(m->cpu, sizeof m->cpu);
    m->cores = sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
    m->memory_bytes = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
    if (uname(&u) == 0) snprintf(m->kernel, sizeof m->kernel, "%s %s %s", u.sysname, u.release, u.machine);
    if (gmtime_r(&now, &utc) != NULL) strftime(m->date, sizeof m->date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    temporary_kind(m->temporary, sizeof m->temporary);
}

/* Seconds of processor time since the machine was started, of all programs; below 0: not known. */
static double all_cpu(void)
{
    /* user, nice, system, idle, iowait, irq, softirq, steal: the last is others', too, on the same host. */
    unsigned long long t[8] = {0};
    FILE *f = fopen("/proc/stat", "re");
    int got = f == NULL ? 0
                        : fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2], &t[3], &t[4],
                                 &t[5], &t[6], &t[7]);
    if (f != NULL) fclose(f);
    long hertz = sysconf(_SC_CLK_TCK);
    return got >= 7 && hertz > 0 ? (double)(t[0] + t[1] + t[2] + t[5] + t[6] + t[7]) / (double)hertz : -1;
}

static double others_cpu(void)
{
    struct rusage u;
    double all = all_cpu();
    if (all < 0 || getrusage(RUSAGE_SELF, &u) != 0) return -1;
    return all - (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) -
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

void bench_watch_others(bench *b, bench_others *o, bool begin)
{
    double cpu = others_cpu(), now = bench_now();
    if (begin) *o = (bench_others){cpu, now};
    b->machine.others = -1;
    if (begin || o->cpu < 0 || cpu < 0 || !(now > o->at)) return;
    /* What happens on cores that are not ours does not matter. */
    if (sysconf(_SC_NPROCESSORS_ONLN) != (long)b->machine.cores) return;
    double cores = (cpu - o->cpu) / (now - o->at);
    b->machine.others = cores > 0 ? cores : 0;
    if (b->machine.others > BENCH_CALM)
        bench_note(b, "other programs used %.1f of the %u cores meanwhile: alone on the machine times are shorter",
                   b->machine.others, b->machine.cores);
}

/* ---- The ways to run ---------------------------------------------------------------- */

static bench_config *add_config(bench *b)
{
    bench_config *more = realloc(b->configs, (b->config_count + 1) * sizeof *more);
    if (more == NULL) return NULL;
    b->configs = more;
    more[b->config_count] = (bench_config){0};
    return &more[b->config_count++];
}

static bool add_cpu(bench *b, gpuproc_session *session, unsigned threads, bool sync)
{
    bench_config *c = add_config(b);
    if (c == NULL) return false;
    *c = (bench_config){.threads = threads, .sync = sync, .session = session};
    snprintf(c->device, sizeof c->device, "%s", b->devices[0].name);
    snprintf(c->name, sizeof c->name, "cpu x%u%s", threads, sync ? " sync" : "");
    return true;
}

static bool add_device(bench *b, gpuproc_session *session, size_t index, unsigned threads, bool sync)
{
    bench_config *c = add_config(b);
    if (c == NULL) return false;
    *c = (bench_config){.index = index, .threads = threads, .opencl = true, .sync = sync, .session = session};
    snprintf(c->device, sizeof c->device, "%s", b->devices[index].name);
    snprintf(c->name, sizeof c->name, "opencl %zu%s", index, sync ? " sync" : "");
    return true;
}

static bool contains(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (; *text != '\0'; text++) {
        if (strncasecmp(text, word, n) == 0) return true;
    }
    return false;
}

static bool meant(const bench *b, size_t index, const char *word)
{
    const gpuproc_device_info *d = &b->devices[index];
    char number[24];
    snprintf(number, sizeof number, "%zu", index);
    if (word == NULL || strcmp(word, "auto") == 0 || strcmp(word, "all") == 0) return true;
    if (strcmp(word, number) == 0) return true;
    if (strcmp(word, "cpu") == 0) return index == 0;
    if (strcmp(word, "gpu") == 0) return d->kind == GPUPROC_DEVICE_OPENCL_GPU;
    if (strcmp(word, "opencl") == 0) return index > 0;
    return contains(d->name, word) || contains(d->platform, word);
}

static int list_devices(bench *b, gpuproc_session *session, const char *device)
{
    bool any = false;
    b->device_count = gpuproc_device_count(session);
    b->devices = calloc(b->device_count, sizeof *b->devices);
    for (size_t i = 0; b->devices != NULL && i < b->device_count; i++) {
        gpuproc_error err;
        b->devices[i].struct_size = sizeof b->devices[i];
        if (gpuproc_device_info_get(session, i, &b->devices[i], &err) != GPUPROC_OK) return term_failure(&err, NULL);
        any = any || meant(b, i, device);
    }
    if (b->devices != NULL && any) return 0;
    if (b->devices == NULL)
        term_error("out of memory");
    else
        term_error("no device '%s': there are %zu, see 'gpuproc devices'", device, b->device_count);
    return EXIT_FAILED;
}

int bench_open_configs(bench *b, unsigned threads, const char *device)
{
    gpuproc_session *session[MOST_SESSIONS] = {NULL};
    unsigned workers[MOST_SESSIONS], count = 0;
    if (threads == 0) threads = b->machine.cores;
    /* The one with all threads first. */
    workers[count++] = threads;
    for (unsigned n = 1; n < threads && count < MOST_SESSIONS; n *= 2) workers[count++] = n;
    for (unsigned i = 0; i < count; i++) {
        gpuproc_session_options o = {.struct_size = sizeof o, .threads = workers[i]};
        gpuproc_error err;
        gpuproc_status st = gpuproc_session_open(&o, &session[i], &err);
        /* Whoever knows of a session closes it: they all get a config at once. */
        if (st != GPUPROC_OK) return term_failure(&err, NULL);
        int code = i == 0 ? list_devices(b, session[0], device) : 0;
        if (code == 0 && !add_cpu(b, session[i], workers[i], false)) code = EXIT_FAILED;
        if (code != 0) {
            gpuproc_session_close(session[i]);
            return code;
        }
    }
    bool fine = add_cpu(b, session[0], threads, true);
    for (size_t i = 1; i < b->device_count && fine; i++) {
        if (!meant(b, i, device)) continue;
        if (b->devices[i].note[0] != '\0')
            bench_note(b, "%s is left out: %s", b->devices[i].name, b->devices[i].note);
        else
            fine = add_device(b, session[0], i, threads, false) && add_device(b, session[0], i, threads, true);
    }
    if (b->device_count == 1)
        bench_note(b, "no OpenCL device: %s", b->devices[0].note[0] != '\0' ? b->devices[0].note : "none was found");
    if (!fine) term_error("out of memory");
    return fine ? 0 : EXIT_FAILED;
}

void bench_close_configs(bench *b)
{
    for (size_t i = 0; i < b->config_count; i++) {
        bool closed = false;
        for (size_t k = 0; k < i; k++) closed = closed || b->configs[k].session == b->configs[i].session;
        if (!closed) gpuproc_session_close(b->configs[i].session);
    }
    free(b->configs);
    free(b->devices);
    b->configs = NULL;
    b->devices = NULL;
}
