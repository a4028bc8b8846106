/* Question 8: what it costs to learn that something has ended. */
#include "gpu.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CALLBACKS 200
#define EVENTS 100000

typedef struct arrival {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool there;
    double at;
} arrival;

static void CL_CALLBACK called(cl_event event, cl_int status, void *ctx)
{
    arrival *a = ctx;
    (void)event;
    (void)status;
    pthread_mutex_lock(&a->lock);
    a->at = now();
    a->there = true;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

/* From handing a tiny kernel over to its callback, and to the return of clFinish. */
static void ask_latency(cl_command_queue queue, const busy *tiny)
{
    arrival a = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    double callback[CALLBACKS], finish[CALLBACKS];
    for (int k = 0; k < CALLBACKS; k++) {
        cl_event event = NULL;
        a.there = false;
        double begin = now();
        if (busy_start(tiny, queue, &event) != CL_SUCCESS) return;
        clSetEventCallback(event, CL_COMPLETE, called, &a);
        clFlush(queue);
        pthread_mutex_lock(&a.lock);
        while (!a.there) pthread_cond_wait(&a.changed, &a.lock);
        callback[k] = a.at - begin;
        pthread_mutex_unlock(&a.lock);
        clReleaseEvent(event);
        begin = now();
        busy_start(tiny, queue, NULL);
        clFinish(queue);
        finish[k] = now() - begin;
    }
    tell(8, "a tiny kernel to its callback", median(callback, CALLBACKS) * 1e6, "us");
    tell(8, "a tiny kernel to the end of clFinish", median(finish, CALLBACKS) * 1e6, "us");
}

static void ask_spinning(const gpu *g, cl_command_queue queue)
{
    busy b;
    if (!busy_new(g, 8, 0.2, 64, &b)) return;
    double wall = now(), cpu = cpu_time();
    busy_start(&b, queue, NULL);
    clFinish(queue);
    /* Where the device is the processor itself, its work counts, too. */
    tell(8, "processor time of waiting in clFinish", (cpu_time() - cpu) / (now() - wall), "cores");
    arrival a = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    cl_event event = NULL;
    wall = now(), cpu = cpu_time();
    if (busy_start(&b, queue, &event) == CL_SUCCESS) {
        clSetEventCallback(event, CL_COMPLETE, called, &a);
        clFlush(queue);
        pthread_mutex_lock(&a.lock);
        while (!a.there) pthread_cond_wait(&a.changed, &a.lock);
        pthread_mutex_unlock(&a.lock);
        tell(8, "processor time of waiting for a callback", (cpu_time() - cpu) / (now() - wall), "cores");
        clReleaseEvent(event);
    }
    busy_free(&b);
}

static long resident_pages(void)
{
    char text[128] = "";
    FILE *f = fopen("/proc/self/statm", "r");
    long size = 0, resident = 0;
    if (f == NULL) return 0;
    if (fgets(text, sizeof text, f) != NULL) sscanf(text, "%ld %ld", &size, &resident);
    fclose(f);
    return resident;
}

/* Events that are kept: does enqueueing become slower, and what do they take? */
static void ask_leaks(cl_command_queue queue, const busy *tiny)
{
    cl_event *event = calloc(EVENTS, sizeof *event);
    if (event == NULL) return;
    double first = 0, last = 0;
    long before = resident_pages();
    int made = 0;
    for (; made < EVENTS; made++) {
        double begin = now();
        if (busy_start(tiny, queue, &event[made]) != CL_SUCCESS) break;
        double took = now() - begin;
        if (made >= 1000 && made < 2000) first += took;
        if (made >= EVENTS - 1000) last += took;
        if (made % 1000 == 999) clFinish(queue);
    }
    clFinish(queue);
    tell(8, "events kept", made, "events");
    tell(8, "an event that is kept takes", (double)(resident_pages() - before) * (double)sysconf(_SC_PAGESIZE) / (made > 0 ? made : 1), "B");
    if (made == EVENTS) tell(8, "enqueueing with all of them, by the beginning", last / first, "times");
    for (int k = 0; k < made; k++) clReleaseEvent(event[k]);
    free(event);
}

void ask_waiting(const gpu *g)
{
    cl_command_queue queue = queue_new(g, 0);
    busy tiny;
    if (queue == NULL) return;
    if (busy_new(g, 8, 1e-6, 64, &tiny)) {
        tiny.rounds = 1;
        ask_latency(queue, &tiny);
        ask_leaks(queue, &tiny);
        busy_free(&tiny);
    }
    ask_spinning(g, queue);
    clReleaseCommandQueue(queue);
}
