/* Measuring by jobs of this engine. Private to session/. */
#ifndef GP_SESSION_CALIBRATE_H
#define GP_SESSION_CALIBRATE_H

#include "session/session.h"

typedef struct gp_calibration {
    gpuproc_session *session;
    char device[24];         /* "cpu", or its index */
    const char *device_name;
    unsigned threads;
    gpuproc_calibrate_fn progress;
    void *ctx;
    uint64_t begin_ns;
    double part, parts;      /* of the steps: done, all */
    double cpu_ns;           /* processor time of the last trial: of its quickest repetition */
    /* Elements between 0.1 and 0.9; whole numbers from 1 to 1000. */
    void *data[2][GP_RATES_DTYPES];
    void *out;
    size_t bytes;            /* of each array */
} gp_calibration;

/* One job over x and y, of `count` elements of that dtype each. */
typedef struct gp_trial {
    const char *expression;
    size_t dtype;            /* index into gp_rates_dtype */
    int64_t shape[2];        /* shape[1] 0: one axis */
    bool output;             /* an array result goes to memory */
    const char *file_in;     /* x is this raw file, from byte `offset` on; NULL: in memory */
    uint64_t offset;
    const char *file_out;    /* the result goes to this raw file */
    uint64_t chunk_bytes;
    unsigned threads;        /* 0: all */
    bool sync;
    int repeat;              /* at most; no more once it took so long: */
    uint64_t enough_ns;      /* 0: whatever it takes */
} gp_trial;

/* CANCELLED where the callback says so. `parts`: steps that this one stands for. */
gpuproc_status gp_calibration_step(gp_calibration *c, const char *what, double parts, gpuproc_error *err);
/* *best: of each time the shortest of the repetitions. */
gpuproc_status gp_calibration_run(gp_calibration *c, const gp_trial *trial, gpuproc_report *best, gpuproc_error *err);
/* The time of one thread that the last trial's work took, by the stage's busy time or by the processor time of the
 * process: whichever is less, since other processes disturb the one and other threads of this one the other. */
double gp_calibration_thread_ns(const gp_calibration *c, uint64_t busy_ns);

/* The figures (calibrate_cpu.c, calibrate_device.c); figures of what does not run are left as they are. */
#define GP_CALIBRATION_CPU_PARTS 61
#define GP_CALIBRATION_DEVICE_PARTS 14
gpuproc_status gp_calibrate_cpu(gp_calibration *c, gp_rates *rates, gpuproc_error *err);
gpuproc_status gp_calibrate_ways(gp_calibration *c, gp_rates *rates, gpuproc_error *err); /* calibrate_ways.c, last */
gpuproc_status gp_calibrate_device(gp_calibration *c, const gp_device *device, gp_device_rates *rates,
                                   gpuproc_error *err);

#endif
