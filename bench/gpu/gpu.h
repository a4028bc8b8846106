/* Ten questions to a GPU and its OpenCL driver, whose answers decide how data should travel: what is asked is in
 * questions.c, answers are lines of JSON. One context, in-order queues, no error is fatal: a call that fails is
 * an answer, too. */
#ifndef GP_BENCH_GPU_H
#define GP_BENCH_GPU_H

#include <CL/cl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gpu {
    cl_platform_id platform;
    cl_device_id device;
    cl_context context;
    bool out_of_order, fp16;
    cl_ulong memory, largest;
} gpu;

/* Answers. */
void tell(int question, const char *what, double value, const char *unit);
void tell_failed(int question, const char *what, cl_int code);
void tell_text(int question, const char *what, const char *text);

double now(void);      /* seconds */
double cpu_time(void); /* of this process */
double median(double *value, size_t count); /* sorts */

cl_command_queue queue_new(const gpu *g, cl_command_queue_properties properties);
/* NULL after telling why. The program stays with the kernel. */
cl_kernel kernel_new(const gpu *g, int question, const char *what, const char *source, const char *name);
/* A kernel that works for about `seconds` on few compute units; found by trying. */
typedef struct busy {
    cl_kernel kernel;
    cl_mem out;
    cl_uint rounds;
    size_t items;
} busy;
bool busy_new(const gpu *g, int question, double seconds, size_t items, busy *b);
cl_int busy_start(const busy *b, cl_command_queue queue, cl_event *event);
void busy_free(busy *b);

void ask_pairs(const gpu *g);       /* 1 */
void ask_transfers(const gpu *g);   /* 2 */
void ask_pipeline(const gpu *g);    /* 3 */
void ask_memory(const gpu *g);      /* 4 */
void ask_assembly(const gpu *g);    /* 5 */
void ask_half(const gpu *g);        /* 6 */
void ask_waiting(const gpu *g);     /* 8 */
void ask_direct_read(const gpu *g); /* 9 */
void ask_building(const gpu *g);    /* 10 */

#endif
