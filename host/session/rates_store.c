/* The machine's figures, kept in the cache directory: found by the machine and the driver that they belong to. */
#include "session/session.h"

#include "base/memory.h"
#include "base/text.h"
#include "device/cpu/cpu_device.h"
#include "device/cpu/cpu_pool.h"
#include "device/opencl/cl_cache.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define KIND "rates 2"
#define FILE_KEY "*" /* a file named by GPUPROC_RATES is for any machine */
#define MOST_BYTES (1u << 20)

/* ---- Identities ---------------------------------------------------------------- */

static void add_processor(gp_text *text)
{
    char line[512];
    FILE *f = fopen("/proc/cpuinfo", "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL) continue;
        colon[strcspn(colon, "\n")] = '\0';
        gp_text_add(text, "%s", colon + 1 + strspn(colon + 1, " "));
        break;
    }
    if (f != NULL) fclose(f);
}

/* One line: processor, its loops, threads, kernel. */
static bool identify_machine(const gpuproc_session *session, unsigned threads, gp_text *text)
{
    struct utsname name;
    const gp_device *cpu = gp_registry_cpu(session->registry);
    add_processor(text);
    gp_text_add(text, "; %s; %u threads", cpu->info.driver, threads);
    if (uname(&name) == 0) gp_text_add(text, "; %s %s", name.sysname, name.release);
    for (char *p = text->data; p != NULL && *p != '\0'; p++) {
        if (*p == '\n') *p = ' ';
    }
    return !text->failed;
}

static bool identify_device(const gpuproc_session *session, const gp_device *device, unsigned threads, gp_text *text)
{
    const gpuproc_device_info *i = &device->info;
    gp_text_add(text, "%s; %s; %s; %s; %s; ", i->name, i->vendor, i->driver, i->platform, i->matrices);
    return identify_machine(session, threads, text);
}

static unsigned own_threads(const gpuproc_session *session)
{
    return gp_cpu_device_threads(gp_registry_cpu(session->registry));
}

/* ---- Entries ------------------------------------------------------------------- */

static void make_key(const char *identity, gp_cl_key *key)
{
    const char *part[] = {KIND, identity};
    gp_cl_cache_key(part, 2, key);
    key->lasting = true;
}

/* To be freed; NULL: not there. */
static char *load(const gpuproc_session *session, const char *identity)
{
    gp_cl_key key;
    void *data = NULL;
    size_t bytes = 0;
    gp_cl_cache *cache = gp_cl_cache_new(session->cache_dir, 0);
    make_key(identity, &key);
    bool there = cache != NULL && gp_cl_cache_load(cache, &key, &data, &bytes);
    gp_cl_cache_free(cache);
    char *text = there && memchr(data, '\0', bytes) == NULL ? gp_strndup(data, bytes) : NULL;
    free(data);
    return text;
}

static bool store(const gpuproc_session *session, const char *identity, const gp_text *text)
{
    gp_cl_key key;
    gp_cl_cache *cache = gp_cl_cache_new(session->cache_dir, 0);
    make_key(identity, &key);
    bool stored = cache != NULL && !text->failed && gp_cl_cache_store(cache, &key, text->data, text->length);
    gp_cl_cache_free(cache);
    return stored;
}

/* ---- The machine --------------------------------------------------------------- */

/* For tests, and for calculating with another machine's figures: the file that GPUPROC_RATES names. */
static bool load_named(gp_rates *rates)
{
    const char *path = getenv("GPUPROC_RATES");
    FILE *f = path != NULL && *path != '\0' ? fopen(path, "re") : NULL;
    char *text = f != NULL ? gp_calloc(1, MOST_BYTES) : NULL;
    size_t bytes = text != NULL ? fread(text, 1, MOST_BYTES - 1, f) : 0;
    bool fine = bytes > 0 && strlen(text) == bytes && gp_rates_read(text, FILE_KEY, rates);
    free(text);
    if (f != NULL) fclose(f);
    return fine;
}

/* Those of as many threads as the session has, else of one for each core: the model goes from those to fewer. */
static void find_rates(gpuproc_session *session, gp_rates *rates)
{
    unsigned threads[] = {own_threads(session), gp_cpu_cores()};
    gp_rates_cautious(rates, threads[0]);
    if (load_named(rates)) return;
    for (int i = 0; i < 2 && !rates->measured; i++) {
        gp_text identity = {0};
        char *text = identify_machine(session, threads[i], &identity) ? load(session, identity.data) : NULL;
        if (text != NULL && gp_rates_read(text, identity.data, rates)) gp_session_correct(session, NULL, rates->host);
        free(text);
        gp_text_free(&identity);
    }
}

/* With the lock: they are looked for once. */
static const gp_rates *session_rates(gpuproc_session *session)
{
    if (!session->rates_known) find_rates(session, &session->rates);
    session->rates_known = true;
    return &session->rates;
}

void gp_session_rates(gpuproc_session *session, gp_rates *rates)
{
    pthread_mutex_lock(&session->jobs_lock);
    *rates = *session_rates(session);
    pthread_mutex_unlock(&session->jobs_lock);
}

bool gp_session_is_measured(gpuproc_session *session)
{
    pthread_mutex_lock(&session->jobs_lock);
    bool measured = session_rates(session)->measured;
    pthread_mutex_unlock(&session->jobs_lock);
    return measured;
}

bool gp_session_keep_rates(gpuproc_session *session, const gp_rates *rates)
{
    gp_text identity = {0}, text = {0};
    bool kept = false;
    if (identify_machine(session, own_threads(session), &identity)) {
        gp_rates_write(rates, identity.data, &text);
        kept = store(session, identity.data, &text);
    }
    gp_text_free(&identity);
    gp_text_free(&text);
    pthread_mutex_lock(&session->jobs_lock);
    session->rates = *rates;
    session->rates_known = true;
    if (rates->measured) gp_session_correct(session, NULL, session->rates.host);
    pthread_mutex_unlock(&session->jobs_lock);
    return kept;
}

/* ---- Devices ------------------------------------------------------------------- */

#define ANY_DEVICE "some device"

#define LEAST_LINE "getting one takes at least ns "

double gp_session_any_device_rates(gpuproc_session *session)
{
    char *text = load(session, ANY_DEVICE);
    double least = text != NULL ? 1 : 0;
    if (text != NULL && strncmp(text, LEAST_LINE, strlen(LEAST_LINE)) == 0)
        least = fmax((double)strtoull(text + strlen(LEAST_LINE), NULL, 10), 1);
    free(text);
    return least;
}

void gp_session_device_rates(gpuproc_session *session, const gp_device *device, gp_device_rates *rates)
{
    unsigned threads[] = {own_threads(session), gp_cpu_cores()};
    gp_device_rates_cautious(rates);
    for (int i = 0; i < 2 && !rates->measured; i++) {
        gp_text identity = {0};
        char *text = identify_device(session, device, threads[i], &identity) ? load(session, identity.data) : NULL;
        if (text != NULL && gp_device_rates_read(text, identity.data, rates)) {
            pthread_mutex_lock(&session->jobs_lock);
            gp_session_correct(session, device, rates->value);
            pthread_mutex_unlock(&session->jobs_lock);
        }
        free(text);
        gp_text_free(&identity);
    }
}

bool gp_session_keep_device_rates(gpuproc_session *session, const gp_device *device, const gp_device_rates *rates)
{
    gp_text identity = {0}, text = {0}, any = {0};
    bool kept = false;
    if (identify_device(session, device, own_threads(session), &identity)) {
        gp_device_rates_write(rates, identity.data, &text);
        double before = gp_session_any_device_rates(session), own = rates->value[GP_RATE_DEVICE_open_ns];
        gp_text_add(&any, LEAST_LINE "%" PRIu64 "\n", (uint64_t)(before > 0 ? fmin(before, own) : own));
        kept = store(session, identity.data, &text) && store(session, ANY_DEVICE, &any);
    }
    gp_text_free(&identity);
    gp_text_free(&text);
    gp_text_free(&any);
    return kept;
}

/* ---- What jobs taught ---------------------------------------------------------- */

static bool identify_corrections(const gpuproc_session *session, const gp_device *device, gp_text *text)
{
    gp_text_add(text, "corrections; ");
    return device != NULL ? identify_device(session, device, own_threads(session), text)
                          : identify_machine(session, own_threads(session), text);
}

void gp_session_load_corrections(const gpuproc_session *session, const gp_device *device, gp_corrections *corrections)
{
    gp_text identity = {0};
    char *text = identify_corrections(session, device, &identity) ? load(session, identity.data) : NULL;
    if (text != NULL) (void)gp_corrections_read(text, identity.data, corrections);
    free(text);
    gp_text_free(&identity);
}

void gp_session_store_corrections(const gpuproc_session *session, const gp_device *device,
                                  const gp_corrections *corrections)
{
    gp_text identity = {0}, text = {0};
    if (identify_corrections(session, device, &identity)) {
        gp_corrections_write(corrections, identity.data, &text);
        (void)store(session, identity.data, &text);
    }
    gp_text_free(&identity);
    gp_text_free(&text);
}
