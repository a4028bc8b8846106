/* Makes sample data: hours of wind on a global grid, u.npy (eastward) and v.npy
 * (northward), float32, (HOURS, 721, 1440), metres per second. Jet streams that
 * meander and cyclones that drift; no measured data.
 *
 *     make_wind HOURS FOLDER
 *
 * It shows the C API as well: the arrays come from a function, chunk by chunk, so
 * that no field is ever in memory as a whole. */
#include <gpuproc/gpuproc.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS 721
#define COLUMNS 1440
#define PI 3.14159265358979

typedef struct cyclone {
    double latitude, longitude, drift, radius, speed; /* degrees, degrees per hour, m/s */
} cyclone;

static const cyclone cyclones[] = {
    {18, 310, -0.22, 4, 55}, {22, 140, -0.25, 5, 60}, {-17, 75, -0.2, 4, 50},
    {52, 335, 0.6, 12, 32},  {55, 180, 0.7, 13, 30},  {-55, 20, 0.8, 13, 34},
    {-58, 130, 0.8, 12, 32}, {-52, 260, 0.75, 13, 33}};

/* The wind at one place and hour. */
static void wind(double hour, double latitude, double longitude, double *u, double *v)
{
    double phase = (longitude - 0.9 * hour) * 5 * PI / 180;
    double wave = 6 * sin(phase), slope = cos(phase);
    double north = (latitude - 45 - wave) / 9, south = (latitude + 48 - wave) / 10;
    double trade = latitude / 14;
    double jet = 38 * exp(-north * north) + 34 * exp(-south * south);
    *u = jet - 8 * exp(-trade * trade);
    *v = 0.45 * jet * slope;
    for (size_t i = 0; i < sizeof cyclones / sizeof *cyclones; i++) {
        const cyclone *c = &cyclones[i];
        double dy = latitude - c->latitude;
        if (fabs(dy) > 4.5 * c->radius) continue; /* most places, and cheap to see */
        double dx = fmod(longitude - c->longitude - c->drift * hour + 36180, 360) - 180;
        dx *= cos(c->latitude * PI / 180);
        double r = (dx * dx + dy * dy) / (c->radius * c->radius);
        if (r > 20) continue;
        double turn = (c->latitude > 0 ? 1 : -1) * c->speed * 1.65 * exp(-r) / c->radius;
        *u -= turn * dy;
        *v += turn * dx;
    }
}

static int fill(void *northward, uint64_t first, size_t count, void *dst)
{
    float *out = dst;
    for (size_t i = 0; i < count; i++) {
        uint64_t at = first + i;
        double u, v;
        wind((double)(at / (ROWS * COLUMNS)), 90 - 0.25 * (double)(at / COLUMNS % ROWS),
             0.25 * (double)(at % COLUMNS), &u, &v);
        out[i] = (float)(*(const bool *)northward ? v : u);
    }
    return 0;
}

static gpuproc_status make(gpuproc_session *session, bool northward, int64_t hours,
                           const char *path, gpuproc_error *err)
{
    const int64_t shape[] = {hours, ROWS, COLUMNS};
    gpuproc_array *array = NULL;
    gpuproc_job *job = NULL;
    gpuproc_status st = gpuproc_array_from_function(GPUPROC_FLOAT32, 3, shape, fill, &northward,
                                                    &array, err);
    if (st == GPUPROC_OK) {
        gpuproc_input input = {"w", array};
        gpuproc_output output = {.kind = GPUPROC_OUTPUT_NPY, .path = path};
        gpuproc_job_options options = {.struct_size = sizeof options, .device = "cpu",
                                       .flags = GPUPROC_JOB_OVERWRITE};
        /* Adding zero changes nothing here; it makes the field a result. */
        st = gpuproc_submit(session, "w + 0", &input, 1, &output, 1, &options, &job, err);
    }
    if (st == GPUPROC_OK) st = gpuproc_job_wait(job, UINT64_MAX, err);
    gpuproc_job_free(job);
    gpuproc_array_free(array);
    return st;
}

int main(int argc, char **argv)
{
    long hours = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    if (argc != 3 || hours < 1 || hours > 1000000) {
        fprintf(stderr, "usage: make_wind HOURS FOLDER\n");
        return 2;
    }
    gpuproc_session *session = NULL;
    gpuproc_error err = {0};
    gpuproc_status st = gpuproc_session_open(NULL, &session, &err);
    for (int k = 0; st == GPUPROC_OK && k < 2; k++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%c.npy", argv[2], "uv"[k]);
        st = make(session, k == 1, hours, path, &err);
        if (st == GPUPROC_OK) printf("%s: float32 (%ld, %d, %d)\n", path, hours, ROWS, COLUMNS);
    }
    if (st != GPUPROC_OK) fprintf(stderr, "make_wind: error: %s\n", err.message);
    gpuproc_session_close(session);
    return gpuproc_status_exit_code(st);
}
