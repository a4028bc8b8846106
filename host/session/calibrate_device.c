/* The figures of a device that is not the CPU. */
#include "session/calibrate.h"

#include "base/clock.h"
#include "base/memory.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Slow devices are known from few elements, fast ones need many. */
#define FEW_ELEMENTS (1 << 18)
#define MANY_ELEMENTS (3 << 20)
#define MANY_WIDE_ELEMENTS (1 << 20) /* there are less of float64 (calibrate.c) */
#define ENOUGH_NS 4000000u
#define SIDE 1024
#define SMALL_SIDE 128 /* of a product that is mostly what any product costs */

static double rate(uint64_t bytes, uint64_t ns) { return (double)bytes / (double)gp_max_u64(ns, 1); }

static gpuproc_status measure_ways(gp_calibration *c, gp_device_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_report r, many;
    double *v = rates->value;
    uint64_t elements = c->bytes / 4;
    gp_trial t = {.expression = "x + y", .shape = {(int64_t)elements}, .output = true, .repeat = 3};
    GP_TRY(gp_calibration_run(c, &t, &r, err));
    v[GP_RATE_DEVICE_upload] = rate(2 * c->bytes, r.stage[GPUPROC_STAGE_UPLOAD].busy_ns);
    v[GP_RATE_DEVICE_download] = rate(c->bytes, r.stage[GPUPROC_STAGE_DOWNLOAD].busy_ns);
    t = (gp_trial){.expression = "x + y", .shape = {1 << 18}, .output = true, .chunk_bytes = 16384, .repeat = 3};
    GP_TRY(gp_calibration_run(c, &t, &many, err));
    v[GP_RATE_DEVICE_launch_ns] = (double)many.stage[GPUPROC_STAGE_KERNEL].busy_ns / (double)gp_max_u64(many.chunks, 1);
    double kernel = (double)r.stage[GPUPROC_STAGE_KERNEL].busy_ns - (double)r.chunks * v[GP_RATE_DEVICE_launch_ns];
    v[GP_RATE_DEVICE_memory] = (double)(3 * c->bytes) / fmax(kernel, 1e3);
out:
    return st;
}

#define WAY_BYTES ((size_t)32 << 20)

/* The ways that there are, beside the one that slots have. What does not go stays a guess. */
static void compare_ways(gp_calibration *c, gp_device *device, gp_device_rates *rates)
{
    gp_device_ways w;
    static const int up[] = {GP_RATE_DEVICE_up_pageable, GP_RATE_DEVICE_up_staged, GP_RATE_DEVICE_up_mapped};
    static const int down[] = {GP_RATE_DEVICE_down_pageable, GP_RATE_DEVICE_down_staged, GP_RATE_DEVICE_down_mapped};
    if (device->api->ways == NULL) return;
    pthread_mutex_lock(&c->session->device_lock);
    gpuproc_status st = device->api->ways(device, WAY_BYTES, &w, NULL);
    pthread_mutex_unlock(&c->session->device_lock);
    const double *way[] = {w.pageable, w.staged, w.mapped};
    for (int k = 0; st == GPUPROC_OK && k < 3; k++) {
        if (way[k][0] > 0) rates->value[up[k]] = way[k][0];
        if (way[k][1] > 0) rates->value[down[k]] = way[k][1];
    }
}

/* A constant that nobody has compiled with before. */
static gpuproc_status measure_program(gp_calibration *c, gp_device_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_report first, second;
    char text[96];
    snprintf(text, sizeof text, "sum(exp(x + %" PRIu64 "))", gp_now_ns() % 1000000007u);
    gp_trial t = {.expression = text, .shape = {1024}};
    GP_TRY(gp_calibration_run(c, &t, &first, err));
    rates->value[GP_RATE_DEVICE_program_ns] = (double)first.program_ns;
    /* Reductions make programs longer. */
    t = (gp_trial){.expression = "x*y + x", .shape = {1024}, .output = true, .repeat = 5};
    GP_TRY(gp_calibration_run(c, &t, &second, err));
    double plain = (double)second.stage[GPUPROC_STAGE_PROGRAM].busy_ns;
    t = (gp_trial){.expression = "mean(x); std(x); min(x); max(x)", .shape = {1024}, .repeat = 5};
    GP_TRY(gp_calibration_run(c, &t, &second, err));
    rates->value[GP_RATE_DEVICE_cached_ns] = plain;
    rates->value[GP_RATE_DEVICE_cached_reduce_ns] =
        fmax(((double)second.stage[GPUPROC_STAGE_PROGRAM].busy_ns - plain) / 4, 0);
out:
    return st;
}

/* What the first job of a session takes longer than the next, with the program in the cache, and finding the devices:
 * here for the first time, where other sessions of this process have not done that yet. */
static gpuproc_status measure_open(gp_calibration *c, gp_device_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_session *session = c->session;
    gpuproc_session_options options = {.struct_size = sizeof options, .threads = c->threads, .cache_dir = session->cache_dir};
    gpuproc_report first, next;
    const gp_trial t = {.expression = "max(x)", .shape = {1024}};
    size_t count;
    GP_TRY(gp_calibration_run(c, &t, &first, err)); /* it is in the cache now */
    GP_TRY(gpuproc_session_open(&options, &c->session, err));
    uint64_t begin = gp_now_ns();
    (void)gp_registry_all(c->session->registry, &count);
    double load = (double)(gp_now_ns() - begin);
    st = gp_calibration_run(c, &t, &first, err);
    if (st == GPUPROC_OK) st = gp_calibration_run(c, &t, &next, err);
    gpuproc_session_close(c->session);
    rates->value[GP_RATE_DEVICE_open_ns] = fmax(load, c->load_ns) + fmax((double)first.wall_ns - (double)next.wall_ns, 0);
out:
    c->session = session;
    return st;
}

static gpuproc_status time_kernel(gp_calibration *c, const char *text, size_t dtype, double *ns, gpuproc_error *err)
{
    gpuproc_report r;
    gp_trial t = {.expression = text, .dtype = dtype, .shape = {FEW_ELEMENTS}, .repeat = 3};
    gpuproc_status st = gp_calibration_run(c, &t, &r, err);
    /* Every round measures the same. */
    uint64_t own = UINT64_C(1) << c->kernels++ % 64;
    if (st == GPUPROC_OK && c->round == 0 && r.stage[GPUPROC_STAGE_KERNEL].busy_ns < ENOUGH_NS) c->quick |= own;
    if (st == GPUPROC_OK && (c->quick & own) != 0) {
        t.shape[0] = dtype == 0 ? MANY_ELEMENTS : MANY_WIDE_ELEMENTS;
        st = gp_calibration_run(c, &t, &r, err);
    }
    if (st == GPUPROC_OK) *ns = (double)r.stage[GPUPROC_STAGE_KERNEL].busy_ns / (double)t.shape[0];
    return st;
}

static gpuproc_status measure_classes(gp_calibration *c, size_t d, gp_device_rates *rates, gpuproc_error *err)
{
    static const struct {
        const char *text;
        int count; /* of the operation */
        int rate[2];
    } class[] = {
        {"max(((((((((x+y)*x+y)*x+y)*x+y)*x+y)*x+y)*x+y)*x+y))", 15, {GP_RATE_DEVICE_cheap_f4, GP_RATE_DEVICE_cheap_f8}},
        {"max(1/(1/(1/(1/(x/y)))))", 5, {GP_RATE_DEVICE_divide_f4, GP_RATE_DEVICE_divide_f8}},
        {"max(exp(x)*exp(y)*exp(x*y)*exp(-x))", 4, {GP_RATE_DEVICE_function_f4, GP_RATE_DEVICE_function_f8}},
        {"max(sin(x)*sin(y)*sin(x*y)*sin(-x))", 4, {GP_RATE_DEVICE_sine_f4, GP_RATE_DEVICE_sine_f8}},
        {"max(x**y * y**x)", 2, {GP_RATE_DEVICE_power_f4, GP_RATE_DEVICE_power_f8}},
    };
    gpuproc_status st = GPUPROC_OK;
    double alone, ns;
    GP_TRY(time_kernel(c, "max(maximum(x, y))", d, &alone, err));
    if (d == 0) {
        rates->value[GP_RATE_DEVICE_reduce] = alone;
        GP_TRY(time_kernel(c, "sum(x)", d, &rates->value[GP_RATE_DEVICE_sum], err));
        GP_TRY(time_kernel(c, "var(x)", d, &rates->value[GP_RATE_DEVICE_moments], err));
    }
    for (size_t i = 0; i < sizeof class / sizeof class[0]; i++) {
        GP_TRY(time_kernel(c, class[i].text, d, &ns, err));
        rates->value[class[i].rate[d]] = fmax((ns - alone) / class[i].count, 1e-5);
    }
out:
    return st;
}

/* How much longer it takes than on the CPU, beyond multiplying. */
static void measure_small_product(gp_calibration *c, gp_device_rates *rates)
{
    gpuproc_report own, cpu;
    const double multiplying = 2.0 * SMALL_SIDE * SMALL_SIDE * SMALL_SIDE / rates->value[GP_RATE_DEVICE_gemm_f4];
    char device[sizeof c->device];
    gp_trial t = {.expression = "x @ y", .shape = {SMALL_SIDE, SMALL_SIDE}, .output = true, .repeat = 15};
    if (gp_calibration_run(c, &t, &own, NULL) != GPUPROC_OK) return;
    memcpy(device, c->device, sizeof device);
    snprintf(c->device, sizeof c->device, "cpu");
    if (gp_calibration_run(c, &t, &cpu, NULL) == GPUPROC_OK)
        rates->value[GP_RATE_DEVICE_gemm_ns] = fmax((double)own.wall_ns - (double)cpu.wall_ns - multiplying, 1);
    memcpy(c->device, device, sizeof device);
}

static void measure_products(gp_calibration *c, const gp_device *device, gp_device_rates *rates)
{
    for (size_t d = 0; d < 2; d++) {
        gpuproc_report r;
        gp_trial t = {.expression = "x @ y", .dtype = d, .shape = {SIDE, SIDE}, .output = true, .repeat = 3};
        double *v = &rates->value[d == 0 ? GP_RATE_DEVICE_gemm_f4 : GP_RATE_DEVICE_gemm_f8];
        *v = 0;
        if (device->matrix == NULL || gp_calibration_run(c, &t, &r, NULL) != GPUPROC_OK) continue;
        *v = 2.0 * SIDE * SIDE * SIDE / (double)gp_max_u64(r.stage[GPUPROC_STAGE_KERNEL].busy_ns, 1);
        if (d == 0) measure_small_product(c, rates);
    }
}

gpuproc_status gp_calibrate_device(gp_calibration *c, const gp_device *device, gp_device_rates *rates,
                                   gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    GP_TRY(gp_calibration_step(c, "compiling", 2, err));
    if (c->round == 0) { /* compilers take long enough */
        GP_TRY(measure_program(c, rates, err));
        GP_TRY(measure_open(c, rates, err));
        c->times = 0;
    }
    GP_TRY(gp_calibration_step(c, "the way to the device and back", 3, err));
    GP_TRY(measure_ways(c, rates, err));
    if (c->round == 0) compare_ways(c, (gp_device *)device, rates);
    c->kernels = 0;
    for (size_t d = 0; d < 2; d++) {
        GP_TRY(gp_calibration_step(c, d == 0 ? "operations on float32" : "operations on float64", 3, err));
        if (d == 0 || device->info.fp64) GP_TRY(measure_classes(c, d, rates, err));
    }
    GP_TRY(gp_calibration_step(c, "matrices", 3, err));
    measure_products(c, device, rates);
out:
    return st;
}
