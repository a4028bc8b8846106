#include "io/io_fixture.h"

#include <signal.h>
#include <sys/wait.h>

static gp_target file_target(const char *path)
{
    return (gp_target){.kind = GP_TARGET_FILE, .path = path, .fd = -1, .header = "HEAD", .header_bytes = 4};
}

static void expect_file(const char *path, const char *text)
{
    size_t n = 0;
    char *data = get_file(path, &n);
    assert_non_null(data);
    assert_int_equal(n, strlen(text));
    assert_memory_equal(data, text, n);
    free(data);
}

static void file_appears_at_commit(void **state)
{
    fixture *f = *state;
    const char *path = path_in(f, "out");
    gp_target t = file_target(path);
    gp_sink *s = NULL;
    struct stat st;
    assert_int_equal(gp_sink_open(&t, 8, f->engine, &s, NULL), GPUPROC_OK);
    assert_false(gp_sink_is_stream(s));
    assert_null(gp_sink_place(s, 0));
    assert_int_equal(write_now(s, 4, "5678", 4, NULL), GPUPROC_OK);
    assert_int_equal(write_now(s, 0, "1234", 4, NULL), GPUPROC_OK);
    assert_int_equal(write_now(s, 6, "xxx", 3, NULL), GPUPROC_INTERNAL);
    assert_int_equal(stat(path, &st), -1);
    assert_int_equal(gp_sink_commit(s, NULL), GPUPROC_OK);
    expect_file(path, "HEAD12345678");
    gp_sink_close(s);
    expect_file(path, "HEAD12345678");
    assert_int_equal(count_files(f), 1);
    mode_t mask = umask(0);
    umask(mask);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0666 & ~mask);
}

static void unfinished_file_leaves_nothing(void **state)
{
    fixture *f = *state;
    const char *path = path_in(f, "out");
    gp_target t = file_target(path);
    gp_sink *s = NULL;
    gpuproc_error err;
    put_file(path, "old", 3);
    t.overwrite = true;
    assert_int_equal(gp_sink_open(&t, 8, f->engine, &s, NULL), GPUPROC_OK);
    assert_int_equal(write_now(s, 0, "1234", 4, NULL), GPUPROC_OK);
    assert_int_equal(gp_sink_commit(s, &err), GPUPROC_INTERNAL); /* half of it */
    gp_sink_close(s);
    expect_file(path, "old");
    assert_int_equal(count_files(f), 1);
}

static void overwrites_only_when_asked(void **state)
{
    fixture *f = *state;
    const char *path = path_in(f, "out");
    gp_target t = file_target(path);
    gp_sink *s = NULL;
    gpuproc_error err;
    struct stat st;
    put_file(path, "old", 3);
    chmod(path, 0604);
    assert_int_equal(gp_sink_open(&t, 1, f->engine, &s, &err), GPUPROC_IO_EXISTS);
    assert_null(s);
    t.overwrite = true;
    assert_int_equal(gp_sink_open(&t, 1, f->engine, &s, &err), GPUPROC_OK);
    assert_int_equal(write_now(s, 0, "1", 1, NULL), GPUPROC_OK);
    expect_file(path, "old");
    assert_int_equal(gp_sink_commit(s, &err), GPUPROC_OK);
    gp_sink_close(s);
    expect_file(path, "HEAD1");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0604);
    assert_int_equal(count_files(f), 1);
}

/* Somebody makes the file while the job runs. */
static void late_rival_is_not_overwritten(void **state)
{
    fixture *f = *state;
    const char *path = path_in(f, "out");
    gp_target t = file_target(path);
    gp_sink *s = NULL;
    gpuproc_error err;
    assert_int_equal(gp_sink_open(&t, 1, f->engine, &s, &err), GPUPROC_OK);
    assert_int_equal(write_now(s, 0, "1", 1, NULL), GPUPROC_OK);
    put_file(path, "rival", 5);
    assert_int_equal(gp_sink_commit(s, &err), GPUPROC_IO_EXISTS);
    gp_sink_close(s);
    expect_file(path, "rival");
    assert_int_equal(count_files(f), 1);
}

static void links_are_written_through(void **state)
{
    fixture *f = *state;
    gp_sink *s = NULL;
    struct stat st;
    char link[128];
    strcpy(link, path_in(f, "link"));
    const char *targets[] = {"there", "not-yet"};
    put_file(path_in(f, "there"), "old", 3);
    for (int i = 0; i < 2; i++) {
        unlink(link);
        assert_int_equal(symlink(targets[i], link), 0);
        gp_target t = file_target(link);
        t.overwrite = i == 0;
        assert_int_equal(gp_sink_open(&t, 1, f->engine, &s, NULL), GPUPROC_OK);
        assert_int_equal(write_now(s, 0, "1", 1, NULL), GPUPROC_OK);
        assert_int_equal(gp_sink_commit(s, NULL), GPUPROC_OK);
        gp_sink_close(s);
        assert_int_equal(lstat(link, &st), 0);
        assert_true(S_ISLNK(st.st_mode));
        expect_file(path_in(f, targets[i]), "HEAD1");
    }
}

static void refuses_what_cannot_be_written(void **state)
{
    fixture *f = *state;
    gp_sink *s = NULL;
    gpuproc_error err;
    gp_target t = file_target(path_in(f, "no/such/out"));
    assert_int_equal(gp_sink_open(&t, 1, f->engine, &s, &err), GPUPROC_IO_OPEN);
    assert_int_equal(err.native_code, ENOENT);
    t = file_target(f->dir);
    t.overwrite = true;
    assert_int_equal(gp_sink_open(&t, 1, f->engine, &s, &err), GPUPROC_IO_OPEN);
    t = file_target(path_in(f, "out/"));
    assert_int_equal(gp_sink_open(&t, 1, f->engine, &s, &err), GPUPROC_IO_OPEN);
    symlink("loop", path_in(f, "loop"));
    t = file_target(path_in(f, "loop"));
    assert_int_equal(gp_sink_open(&t, 1, f->engine, &s, &err), GPUPROC_IO_OPEN);
    assert_int_equal(err.native_code, ELOOP);
}

static void too_large_says_so_at_open(void **state)
{
    fixture *f = *state;
    gp_sink *s = NULL;
    gpuproc_error err;
    gp_target t = file_target(path_in(f, "out"));
    assert_int_equal(gp_sink_open(&t, (uint64_t)1 << 53, f->engine, &s, &err), GPUPROC_IO_NO_SPACE);
    assert_non_null(strstr(err.message, "9007199254740996 bytes"));
    assert_int_equal(gp_sink_open(&t, UINT64_MAX, f->engine, &s, &err), GPUPROC_IO_NO_SPACE);
    assert_int_equal(count_files(f), 0);
}

static void special_files_are_written_directly(void **state)
{
    fixture *f = *state;
    gp_sink *s = NULL;
    struct stat st;
    gp_target t = file_target("/dev/null");
    assert_int_equal(gp_sink_open(&t, 4, f->engine, &s, NULL), GPUPROC_OK);
    assert_true(gp_sink_is_stream(s));
    assert_int_equal(write_now(s, 0, "1234", 4, NULL), GPUPROC_OK);
    assert_int_equal(gp_sink_commit(s, NULL), GPUPROC_OK);
    gp_sink_close(s);
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    t = file_target("/dev/full");
    gpuproc_error err;
    assert_int_equal(gp_sink_open(&t, 4, f->engine, &s, NULL), GPUPROC_OK);
    assert_int_equal(write_now(s, 0, "1234", 4, &err), GPUPROC_IO_NO_SPACE);
    assert_int_equal(gp_sink_commit(s, &err), GPUPROC_INTERNAL);
    gp_sink_close(s);
}

typedef struct drain {
    int fd;
    char *data;
    size_t bytes;
} drain;

static void *read_all(void *arg)
{
    drain *d = arg;
    ssize_t n;
    while ((n = read(d->fd, d->data + d->bytes, 65536)) > 0) d->bytes += (size_t)n;
    return NULL;
}

static void stream_has_header_then_data(void **state)
{
    fixture *f = *state;
    for (size_t bytes = 0; bytes <= 3000000; bytes += 1500000) {
        int p[2];
        pthread_t thread;
        gp_sink *s = NULL;
        char *data = malloc(bytes + 1);
        for (size_t i = 0; i < bytes; i++) data[i] = (char)(i * 7 >> 3);
        assert_int_equal(pipe(p), 0);
        drain d = {p[0], malloc(bytes + 100000), 0};
        pthread_create(&thread, NULL, read_all, &d);
        gp_target t = {.kind = GP_TARGET_STREAM, .path = "-", .fd = p[1], .header = "HEAD", .header_bytes = 4};
        assert_int_equal(gp_sink_open(&t, bytes, f->engine, &s, NULL), GPUPROC_OK);
        for (size_t at = 0; at < bytes; at += 500000)
            assert_int_equal(write_now(s, at, data + at, 500000, NULL), GPUPROC_OK);
        assert_int_equal(gp_sink_commit(s, NULL), GPUPROC_OK);
        gp_sink_close(s);
        close(p[1]);
        pthread_join(thread, NULL);
        close(p[0]);
        assert_int_equal(d.bytes, bytes + 4);
        assert_memory_equal(d.data, "HEAD", 4);
        assert_memory_equal(d.data + 4, data, bytes);
        free(d.data);
        free(data);
    }
}

static void gone_reader_is_a_status(void **state)
{
    fixture *f = *state;
    int p[2];
    gp_sink *s = NULL;
    gpuproc_error err;
    assert_int_equal(pipe(p), 0);
    close(p[0]);
    gp_target t = {.kind = GP_TARGET_STREAM, .path = "-", .fd = p[1], .header = "HEAD", .header_bytes = 4};
    assert_int_equal(gp_sink_open(&t, 4, f->engine, &s, NULL), GPUPROC_OK);
    assert_int_equal(write_now(s, 0, "1234", 4, &err), GPUPROC_IO_PIPE);
    assert_string_equal(err.where, "standard output");
    gp_sink_close(s);
    assert_int_equal(gp_sink_open(&t, 0, f->engine, &s, NULL), GPUPROC_OK);
    assert_int_equal(gp_sink_commit(s, &err), GPUPROC_IO_PIPE);
    gp_sink_cancel(s);
    gp_sink_close(s);
    close(p[1]);
}

static void memory_is_a_place(void **state)
{
    fixture *f = *state;
    char data[16] = "................";
    gp_sink *s = NULL;
    gp_target t = {.kind = GP_TARGET_MEMORY, .fd = -1, .data = data};
    assert_int_equal(gp_sink_open(&t, 16, f->engine, &s, NULL), GPUPROC_OK);
    assert_ptr_equal(gp_sink_place(s, 3), data + 3);
    assert_int_equal(write_now(s, 4, "abcd", 4, NULL), GPUPROC_OK);
    assert_int_equal(write_now(s, 8, data + 8, 4, NULL), GPUPROC_OK);
    assert_memory_equal(data, "....abcd........", 16);
    assert_int_equal(gp_sink_commit(s, NULL), GPUPROC_OK);
    gp_sink_close(s);
}

/* ---- blocks ---- */

static gpuproc_status write_block(gp_sink *s, const gp_walk *walk, const void *data, size_t bytes)
{
    waiter wait = WAITER;
    gp_write w = {.sink = s, .data = data, .bytes = bytes, .walk = walk, .width = 2, .done = write_ended,
                  .ctx = &wait};
    gp_sink_write(&w);
    wait_for(&wait, 1);
    return w.status;
}

/* Two rows of two columns each, in the middle of a 3 x 4 matrix of two bytes, and what is around them. */
static void write_blocks(gp_sink *s)
{
    gp_walk inner = {.shape = {2, {2, 2}}, .offset = 5, .stride = {4, 1}};
    gp_walk top = {.shape = {1, {4}}, .offset = 0, .stride = {1}};
    gp_walk sides = {.shape = {2, {2, 2}}, .offset = 4, .stride = {4, 3}};
    gp_walk beyond = {.shape = {2, {2, 2}}, .offset = 7, .stride = {4, 1}};
    gp_walk nothing = {.shape = {2, {0, 2}}, .stride = {4, 1}};
    assert_int_equal(write_block(s, &inner, "aabbccdd", 8), GPUPROC_OK);
    assert_int_equal(write_block(s, &top, "00112233", 8), GPUPROC_OK);
    assert_int_equal(write_block(s, &sides, "44778899", 8), GPUPROC_OK);
    assert_int_equal(write_block(s, &nothing, "", 0), GPUPROC_OK);
    assert_int_equal(write_block(s, &beyond, "xxxxxxxx", 8), GPUPROC_INTERNAL);
    assert_int_equal(write_block(s, &inner, "xxxxxx", 6), GPUPROC_INTERNAL);
}

static void blocks_go_where_the_walk_says(void **state)
{
    fixture *f = *state;
    const char *path = path_in(f, "out");
    gp_target t = file_target(path);
    gp_sink *s = NULL;
    char data[24];
    assert_int_equal(gp_sink_open(&t, 24, f->engine, &s, NULL), GPUPROC_OK);
    write_blocks(s);
    assert_int_equal(gp_sink_commit(s, NULL), GPUPROC_OK);
    gp_sink_close(s);
    expect_file(path, "HEAD0011223344aabb7788ccdd99");
    t = (gp_target){.kind = GP_TARGET_MEMORY, .fd = -1, .data = data};
    assert_int_equal(gp_sink_open(&t, 24, f->engine, &s, NULL), GPUPROC_OK);
    write_blocks(s);
    gp_sink_close(s);
    assert_memory_equal(data, "0011223344aabb7788ccdd99", 24);
}

/* ---- spool ---- */

/* Descriptors of this process that lead to files without a name. */
static int nameless_files(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        struct stat st;
        n += fstatat(dirfd(d), e->d_name, &st, 0) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 0;
    }
    closedir(d);
    return n;
}

static void spool_is_read_back(void **state)
{
    fixture *f = *state;
    size_t count = 500000;
    float *data = malloc(count * 4), *back = gp_pages_alloc(count * 4 + GP_STAGING_SLACK);
    gp_sink *s = NULL;
    gp_source *source = NULL;
    gp_origin origin;
    gp_view view;
    int before = nameless_files();
    for (size_t i = 0; i < count; i++) data[i] = (float)i;
    setenv("TMPDIR", f->dir, 1);
    for (int header = 0; header < 2; header++) {
        gp_target t = {.kind = GP_TARGET_SPOOL, .fd = -1, .header = header ? "HEAD" : NULL, .header_bytes = 4};
        assert_int_equal(gp_sink_open(&t, count * 4, f->engine, &s, NULL), GPUPROC_OK);
        assert_int_equal(nameless_files(), before + 1);
        assert_int_equal(count_files(f), 0);
        assert_false(gp_sink_is_stream(s));
        assert_null(gp_sink_place(s, 0));
        assert_int_equal(write_now(s, 1000000, data + 250000, 1000000, NULL), GPUPROC_OK);
        assert_int_equal(write_now(s, 0, data, 1000000, NULL), GPUPROC_OK);
        gp_shape shape = {2, {500, 1000}};
        assert_true(gp_sink_origin(s, GPUPROC_FLOAT32, &shape, &origin));
        assert_true(origin.count == count && !origin.fortran && !origin.big_endian);
        assert_int_equal(gp_source_open(&origin, f->engine, true, &source, NULL), GPUPROC_OK);
        gp_read r = {.buffer = back};
        read_now(&r, source, 1, count - 1);
        assert_int_equal(r.status, GPUPROC_OK);
        assert_memory_equal(r.data, data + 1, (count - 1) * 4);
        gp_walk w = {.shape = {2, {1000, 500}}, .stride = {1, 1000}};
        r.walk = &w;
        read_now(&r, source, 0, count);
        assert_int_equal(r.status, GPUPROC_OK);
        for (size_t i = 0; i < count; i++) assert_true(((float *)r.data)[i] == (float)(i % 500 * 1000 + i / 500));
        if (gp_source_view(source, 0, count, &view)) { /* as a rule: it was just written */
            assert_memory_equal(view.data, data, count * 4);
            gp_source_unview(source, &view);
        }
        gp_source_close(source);
        free(origin.path);
        assert_int_equal(gp_sink_commit(s, NULL), GPUPROC_OK);
        gp_sink_close(s);
        assert_int_equal(nameless_files(), before);
        assert_int_equal(count_files(f), 0);
    }
    unsetenv("TMPDIR");
    free(data);
    gp_pages_free(back, count * 4 + GP_STAGING_SLACK);
}

static void spool_says_what_it_lacks(void **state)
{
    fixture *f = *state;
    gp_sink *s = NULL;
    gpuproc_error err;
    gp_target t = {.kind = GP_TARGET_SPOOL, .fd = -1};
    setenv("TMPDIR", path_in(f, "missing"), 1);
    assert_int_equal(gp_sink_open(&t, 8, f->engine, &s, &err), GPUPROC_IO_OPEN);
    assert_non_null(strstr(err.message, "missing (set TMPDIR)"));
    setenv("TMPDIR", f->dir, 1);
    gpuproc_status st = gp_sink_open(&t, (uint64_t)1 << 60, f->engine, &s, &err); /* what disk has that? */
    if (st != GPUPROC_OK) {
        assert_int_equal(st, GPUPROC_IO_NO_SPACE);
        assert_non_null(strstr(err.message, "(set TMPDIR)"));
        assert_non_null(strstr(err.message, f->dir));
    } else {
        gp_sink_close(s);
    }
    assert_int_equal(gp_sink_open(&t, UINT64_MAX - 1, f->engine, &s, &err), GPUPROC_IO_NO_SPACE);
    assert_int_equal(count_files(f), 0);
    unsetenv("TMPDIR");
}

/* ---- growing ---- */

static void growing_file_ends_where_it_is_told(void **state)
{
    fixture *f = *state;
    const char *path = path_in(f, "out");
    gp_sink *s = NULL;
    gpuproc_error err;
    gp_target t = file_target(path);
    t.growing = true;
    struct stat st;
    /* Far more than any disk has: nothing is reserved. */
    assert_int_equal(gp_sink_open(&t, (uint64_t)1 << 60, f->engine, &s, NULL), GPUPROC_OK);
    assert_int_equal(write_now(s, 0, "12345678", 8, NULL), GPUPROC_OK);
    assert_int_equal(gp_sink_commit(s, &err), GPUPROC_INTERNAL); /* how long is it? */
    assert_int_equal(gp_sink_set_length(s, 9, "LONG", &err), GPUPROC_INTERNAL);
    assert_int_equal(gp_sink_set_length(s, 6, "TAIL", &err), GPUPROC_OK);
    assert_int_equal(write_now(s, 6, "x", 1, NULL), GPUPROC_INTERNAL);
    assert_int_equal(stat(path, &st), -1);
    assert_int_equal(gp_sink_commit(s, NULL), GPUPROC_OK);
    gp_sink_close(s);
    expect_file(path, "TAIL123456");
    /* Nothing at all, and no other header. */
    t.overwrite = true;
    assert_int_equal(gp_sink_open(&t, 100, f->engine, &s, NULL), GPUPROC_OK);
    assert_int_equal(gp_sink_set_length(s, 0, NULL, NULL), GPUPROC_OK);
    assert_int_equal(gp_sink_commit(s, NULL), GPUPROC_OK);
    gp_sink_close(s);
    expect_file(path, "HEAD");
    t.growing = false;
    assert_int_equal(gp_sink_open(&t, 4, f->engine, &s, NULL), GPUPROC_OK);
    assert_int_equal(gp_sink_set_length(s, 0, "TAIL", &err), GPUPROC_INTERNAL);
    gp_sink_close(s);
    expect_file(path, "HEAD");
    assert_int_equal(count_files(f), 1);
}

static void growing_memory_and_spool(void **state)
{
    fixture *f = *state;
    char data[] = "................";
    gp_sink *s = NULL;
    gpuproc_error err;
    gp_origin origin;
    gp_target t = {.kind = GP_TARGET_MEMORY, .fd = -1, .data = data, .growing = true};
    assert_int_equal(gp_sink_open(&t, 10, f->engine, &s, NULL), GPUPROC_OK);
    assert_int_equal(write_now(s, 0, "abcd", 4, NULL), GPUPROC_OK);
    assert_int_equal(write_now(s, 4, "1234567", 7, &err), GPUPROC_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "at least 11 bytes, found 10"));
    assert_string_equal(data, "abcd............");
    assert_int_equal(gp_sink_set_length(s, 4, NULL, NULL), GPUPROC_OK);
    assert_int_equal(gp_sink_commit(s, NULL), GPUPROC_OK);
    assert_true(gp_sink_origin(s, GPUPROC_INT16, &(gp_shape){1, {2}}, &origin));
    assert_true(origin.kind == GP_ORIGIN_MEMORY && origin.data == data && origin.count == 2 && origin.path == NULL);
    gp_sink_close(s);
    setenv("TMPDIR", f->dir, 1);
    t = (gp_target){.kind = GP_TARGET_SPOOL, .fd = -1, .growing = true};
    assert_int_equal(gp_sink_open(&t, (uint64_t)1 << 60, f->engine, &s, NULL), GPUPROC_OK);
    assert_int_equal(write_now(s, 0, "abcdefgh", 8, NULL), GPUPROC_OK);
    assert_int_equal(gp_sink_set_length(s, 6, NULL, NULL), GPUPROC_OK);
    assert_int_equal(gp_sink_commit(s, NULL), GPUPROC_OK);
    assert_true(gp_sink_origin(s, GPUPROC_UINT8, &(gp_shape){1, {6}}, &origin));
    size_t n = 0;
    char *got = get_file(origin.path, &n);
    assert_int_equal(n, 6);
    assert_memory_equal(got, "abcdef", 6);
    free(got);
    free(origin.path);
    gp_sink_close(s);
    unsetenv("TMPDIR");
}

static void streams_do_not_grow(void **state)
{
    fixture *f = *state;
    int p[2];
    gp_sink *s = NULL;
    gpuproc_error err;
    assert_int_equal(pipe(p), 0);
    gp_target t = {.kind = GP_TARGET_STREAM, .path = "-", .fd = p[1], .growing = true};
    assert_int_equal(gp_sink_open(&t, 4, f->engine, &s, &err), GPUPROC_UNSUPPORTED);
    t = (gp_target){.kind = GP_TARGET_FILE, .path = "/dev/null", .fd = -1, .growing = true};
    assert_int_equal(gp_sink_open(&t, 4, f->engine, &s, &err), GPUPROC_UNSUPPORTED);
    assert_non_null(strstr(err.message, "expected a regular file"));
    close(p[0]);
    close(p[1]);
}

static void write_half_and_wait(const fixture *f, int ready)
{
    gp_io_engine *engine = NULL;
    gp_sink *s = NULL;
    gp_target t = file_target(path_in(f, "out"));
    t.overwrite = true;
    if (gp_io_engine_new(8, &engine, NULL) == GPUPROC_OK &&
        gp_sink_open(&t, 4 << 20, engine, &s, NULL) == GPUPROC_OK) {
        char *data = calloc(2 << 20, 1);
        (void)write_now(s, 0, data, 2 << 20, NULL);
        (void)!write(ready, "x", 1);
    }
    for (;;) pause();
}

static void killed_writer_leaves_nothing(void **state)
{
    fixture *f = *state;
    int p[2], status;
    char c;
    put_file(path_in(f, "out"), "old", 3);
    int probe = open(f->dir, O_TMPFILE | O_WRONLY, 0600);
    if (probe < 0) skip(); /* here the hidden sibling stays */
    close(probe);
    assert_int_equal(pipe(p), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) write_half_and_wait(f, p[1]);
    close(p[1]);
    assert_int_equal(read(p[0], &c, 1), 1);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    close(p[0]);
    expect_file(path_in(f, "out"), "old");
    assert_int_equal(count_files(f), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(file_appears_at_commit),
        BOTH(unfinished_file_leaves_nothing),
        BOTH(overwrites_only_when_asked),
        BOTH(late_rival_is_not_overwritten),
        BOTH(links_are_written_through),
        BOTH(refuses_what_cannot_be_written),
        BOTH(too_large_says_so_at_open),
        BOTH(special_files_are_written_directly),
        BOTH(stream_has_header_then_data),
        BOTH(gone_reader_is_a_status),
        BOTH(memory_is_a_place),
        BOTH(blocks_go_where_the_walk_says),
        BOTH(spool_is_read_back),
        BOTH(spool_says_what_it_lacks),
        BOTH(growing_file_ends_where_it_is_told),
        BOTH(growing_memory_and_spool),
        BOTH(streams_do_not_grow),
        BOTH(killed_writer_leaves_nothing),
    };
    return cmocka_run_group_tests_name("sink", tests, NULL, NULL);
}
