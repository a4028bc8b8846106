/* Measuring by jobs of this engine. Private to session/. */
#ifndef GP_SESSION_CALIBRATE_H
#define GP_SESSION_CALIBRATE_H

#include "session/session.h"

#define GP_CALIBRATION_ROUNDS 3
#define GP_CALIBRATION_TIMES 8192

typedef struct gp_calibration {
    gpuproc_session *session, *alone; /* alone: of one thread; NULL where the other has no more */
    char device[24];         /* "cpu", or its index */
    const char *device_name;
    unsigned threads;
    gpuproc_calibrate_fn progress;
    void *ctx;
    uint64_t begin_ns;
    double load_ns;          /* finding all devices; 0: they had been found before */
    double part, parts;      /* of the steps: done, all */
    double cpu_ns;           /* processor time of the last trial */
    /* Other work of the machine comes and goes, so that all is measured in several rounds. The times in the order in which they are measured, which is the same in each round. */
    double found[GP_CALIBRATION_TIMES][GP_CALIBRATION_ROUNDS];
    size_t times;
    int round;
    double first_ns;         /* of the first job of all; 0: there was none yet */
    unsigned kernels;        /* of a device, in their order */
    uint64_t quick;          /* a bit for each: it needs many elements */
    bool library_known;      /* how long getting it takes, which it does but once */
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
    bool choosing;           /* not by rule: it predicts itself, as jobs do that are not told */
    bool alone;              /* on one thread */
    bool cold;               /* x is dropped from the page cache before each time */
    int repeat;              /* at most, after a first run that does not count; no more than GP_CALIBRATION_LEAST once it took so long: */
    uint64_t enough_ns;      /* 0: whatever it takes */
} gp_trial;

/* CANCELLED where the callback says so. `parts`: steps that this one stands for. */
gpuproc_status gp_calibration_step(gp_calibration *c, const char *what, double parts, gpuproc_error *err);
#define GP_CALIBRATION_LEAST 3
#define GP_CALIBRATION_MOST 32
/* *typical: of each time the median of the repetitions (the lower one of an even number), and of
 * the rounds so far what gp_calibration_median says. Its wall is what the caller waits. */
gpuproc_status gp_calibration_run(gp_calibration *c, const gp_trial *trial, gpuproc_report *typical, gpuproc_error *err);
/* The middle one, and of the rounds so far what is between the middle and the next quicker; puts them into order. */
double gp_calibration_median(gp_calibration *c, double *values, int count);

/* The figures (calibrate_cpu.c, calibrate_machine.c, ...); figures of what does not run are left as they are. */
#define GP_CALIBRATION_CPU_PARTS 72
#define GP_CALIBRATION_DEVICE_PARTS 14
gpuproc_status gp_calibrate_machine(gp_calibration *c, gp_rates *rates, gpuproc_error *err); /* first */
gpuproc_status gp_calibrate_cpu(gp_calibration *c, gp_rates *rates, gpuproc_error *err);
gpuproc_status gp_calibrate_ways(gp_calibration *c, gp_rates *rates, gpuproc_error *err); /* calibrate_ways.c, last */
gpuproc_status gp_calibrate_device(gp_calibration *c, const gp_device *device, gp_device_rates *rates,
                                   gpuproc_error *err);

#endif
