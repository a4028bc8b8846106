/* A folder of one's own, an engine, and blocking reads and writes, for the tests of io. */
#ifndef IO_FIXTURE_H
#define IO_FIXTURE_H

#include "base/memory.h"
#include "io/sink.h"
#include "io/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct fixture {
    char dir[64];
    gp_io_engine *engine;
} fixture;

static inline int fixture_open(void **state, const char *way)
{
    fixture *f = calloc(1, sizeof *f);
    setenv("GPUPROC_IO", way, 1);
    strcpy(f->dir, "io_test.XXXXXX"); /* in the build folder: on a disk, not in memory */
    if (mkdtemp(f->dir) == NULL) return -1;
    if (gp_io_engine_new(8, &f->engine, NULL) != GPUPROC_OK) return -1;
    *state = f;
    return 0;
}

static inline int with_threads(void **state) { return fixture_open(state, "threads"); }
static inline int with_uring(void **state) { return fixture_open(state, "uring"); }

/* Number of entries in the folder. */
static inline int count_files(const fixture *f)
{
    int n = 0;
    DIR *d = opendir(f->dir);
    for (struct dirent *e; (e = readdir(d)) != NULL;) n += e->d_name[0] != '.' || e->d_name[1] > '.';
    closedir(d);
    return n;
}

static inline int fixture_close(void **state)
{
    fixture *f = *state;
    gp_io_engine_free(f->engine);
    DIR *d = opendir(f->dir);
    for (struct dirent *e; (e = readdir(d)) != NULL;) unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    int e = rmdir(f->dir);
    free(f);
    return e;
}

static inline const char *path_in(const fixture *f, const char *name)
{
    static char path[2][128];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", f->dir, name);
    return path[turn];
}

static inline void put_file(const char *path, const void *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

/* Out of the page cache, as far as the system follows. */
static inline void make_cold(const char *path)
{
    int fd = open(path, O_RDONLY);
    fsync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
}

static inline char *get_file(const char *path, size_t *bytes)
{
    struct stat st;
    if (stat(path, &st) != 0) return NULL;
    char *data = malloc((size_t)st.st_size + 1);
    FILE *file = fopen(path, "rb");
    *bytes = fread(data, 1, (size_t)st.st_size, file);
    fclose(file);
    return data;
}

typedef struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int ended;
} waiter;

#define WAITER {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0}

static inline void ended(waiter *w)
{
    pthread_mutex_lock(&w->lock);
    w->ended++;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

static inline void wait_for(waiter *w, int n)
{
    pthread_mutex_lock(&w->lock);
    while (w->ended < n) pthread_cond_wait(&w->wake, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

static inline void read_ended(gp_read *r) { ended(r->ctx); }
static inline void write_ended(gp_write *w) { ended(w->ctx); }

/* Reads and waits; r->buffer is set by the caller. */
static inline void read_now(gp_read *r, gp_source *source, uint64_t first, uint64_t count)
{
    waiter w = WAITER;
    r->source = source;
    r->first = first;
    r->count = count;
    r->done = read_ended;
    r->ctx = &w;
    gp_source_read(r);
    wait_for(&w, 1);
}

static inline gpuproc_status write_now(gp_sink *sink, uint64_t offset, const void *data,
                                       size_t bytes, gpuproc_error *err)
{
    waiter wait = WAITER;
    gp_write w = {.sink = sink, .offset = offset, .data = data, .bytes = bytes,
                  .done = write_ended, .ctx = &wait};
    gp_sink_write(&w);
    wait_for(&wait, 1);
    if (err != NULL) *err = w.error;
    return w.status;
}

#define BOTH(test)                                                                     \
    {#test "/threads", test, with_threads, fixture_close, NULL},                       \
    {#test "/uring", test, with_uring, fixture_close, NULL}

#endif
