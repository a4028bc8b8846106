/* The program cache: what is stored comes back, and nothing else ever does. */
#include "device/opencl/cl_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct fixture {
    char root[64], dir[96];
    gp_cl_cache *cache;
    gp_cl_key key;
} fixture;

static void make_key(const char *text, gp_cl_key *key) { gp_cl_cache_key(&text, 1, key); }

static void remove_tree(const char *path)
{
    DIR *d = opendir(path);
    if (d != NULL) {
        for (struct dirent *e; (e = readdir(d)) != NULL;) {
            char child[512];
            if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
            snprintf(child, sizeof child, "%s/%s", path, e->d_name);
            if (unlink(child) != 0) remove_tree(child);
        }
        closedir(d);
    }
    rmdir(path);
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    strcpy(f->root, "/tmp/gpuproc-cache-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    snprintf(f->dir, sizeof f->dir, "%s/a/b", f->root);
    f->cache = gp_cl_cache_new(f->dir, 0);
    assert_non_null(f->cache);
    make_key("one", &f->key);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    gp_cl_cache_free(f->cache);
    chmod(f->dir, 0700);
    remove_tree(f->root);
    free(f);
    return 0;
}

static bool has(const fixture *f, const gp_cl_key *key, const char *text)
{
    void *binary = NULL;
    size_t bytes = 0;
    if (!gp_cl_cache_load(f->cache, key, &binary, &bytes)) return false;
    bool same = bytes == strlen(text) && memcmp(binary, text, bytes) == 0;
    free(binary);
    assert_true(same); /* found, but other bytes: the one thing that must not be */
    return true;
}

static void entry_path(const fixture *f, const gp_cl_key *key, char path[256])
{
    int n = snprintf(path, 256, "%s/", f->dir);
    for (size_t i = 0; i < GP_CL_KEY_BYTES; i++) n += sprintf(path + n, "%02x", key->byte[i]);
    strcpy(path + n, ".clbin");
}

static size_t files(const char *dir)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    if (d == NULL) return 0;
    while (readdir(d) != NULL) n++;
    closedir(d);
    return n - 2;
}

static void test_round_trip(void **state)
{
    fixture *f = *state;
    gp_cl_key other;
    struct stat s;
    make_key("two", &other);
    assert_false(has(f, &f->key, "x"));
    assert_true(gp_cl_cache_store(f->cache, &f->key, "binary", 6));
    assert_true(has(f, &f->key, "binary"));
    assert_false(has(f, &other, "binary"));
    assert_int_equal(stat(f->dir, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0700);
    assert_int_equal(files(f->dir), 1);
    assert_true(gp_cl_cache_store(f->cache, &f->key, "again", 5));
    assert_true(has(f, &f->key, "again"));
    gp_cl_cache_drop(f->cache, &f->key);
    assert_false(has(f, &f->key, "again"));
    assert_int_equal(files(f->dir), 0);
}

static void test_keys(void **state)
{
    (void)state;
    const char *ab_c[] = {"ab", "c"}, *a_bc[] = {"a", "bc"}, *abc[] = {"abc"};
    gp_cl_key x, y, z, again;
    gp_cl_cache_key(ab_c, 2, &x);
    gp_cl_cache_key(a_bc, 2, &y);
    gp_cl_cache_key(abc, 1, &z);
    gp_cl_cache_key(ab_c, 2, &again);
    assert_memory_not_equal(&x, &y, sizeof x);
    assert_memory_not_equal(&x, &z, sizeof x);
    assert_memory_equal(&x, &again, sizeof x);
}

/* Every byte changed in turn, then every length. */
static void test_damage(void **state)
{
    fixture *f = *state;
    char path[256];
    unsigned char original[256], damaged[256];
    assert_true(gp_cl_cache_store(f->cache, &f->key, "binary", 6));
    entry_path(f, &f->key, path);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    size_t bytes = fread(original, 1, sizeof original, in);
    fclose(in);
    assert_true(bytes > 70 && bytes < sizeof original);
    for (size_t i = 0; i < 2 * bytes; i++) {
        size_t length = i < bytes ? bytes : i - bytes;
        memcpy(damaged, original, bytes);
        if (i < bytes) damaged[i] ^= 0x40;
        FILE *out = fopen(path, "wb");
        assert_non_null(out);
        assert_int_equal(fwrite(damaged, 1, length, out), length);
        fclose(out);
        /* The four spare bytes are the only ones that do not matter. */
        if (i >= 12 && i < 16) continue;
        assert_false(has(f, &f->key, "binary"));
    }
    /* Longer than it says. */
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    fwrite(original, 1, bytes, out);
    fputc('x', out);
    fclose(out);
    assert_false(has(f, &f->key, "binary"));
    /* A new store mends it. */
    assert_true(gp_cl_cache_store(f->cache, &f->key, "binary", 6));
    assert_true(has(f, &f->key, "binary"));
}

/* Another key's entry under this key's name. */
static void test_wrong_key(void **state)
{
    fixture *f = *state;
    char from[256], to[256];
    gp_cl_key other;
    make_key("two", &other);
    assert_true(gp_cl_cache_store(f->cache, &other, "binary", 6));
    entry_path(f, &other, from);
    entry_path(f, &f->key, to);
    assert_int_equal(rename(from, to), 0);
    assert_false(has(f, &f->key, "binary"));
}

static void test_untrusted(void **state)
{
    fixture *f = *state;
    char path[256], elsewhere[256];
    static const mode_t modes[] = {0777, 0770, 0722};
    assert_true(gp_cl_cache_store(f->cache, &f->key, "binary", 6));
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(f->dir, modes[i]), 0);
        assert_false(has(f, &f->key, "binary"));
        assert_false(gp_cl_cache_store(f->cache, &f->key, "other", 5));
    }
    assert_int_equal(chmod(f->dir, 0700), 0);
    assert_true(has(f, &f->key, "binary"));
    /* An entry that others can write. */
    entry_path(f, &f->key, path);
    assert_int_equal(chmod(path, 0622), 0);
    assert_false(has(f, &f->key, "binary"));
    assert_int_equal(chmod(path, 0600), 0);
    assert_true(has(f, &f->key, "binary"));
    /* A link to a good entry elsewhere. */
    snprintf(elsewhere, sizeof elsewhere, "%s/good", f->root);
    assert_int_equal(rename(path, elsewhere), 0);
    assert_int_equal(symlink(elsewhere, path), 0);
    assert_false(has(f, &f->key, "binary"));
    /* Somebody else's directory (only root can make one). */
    if (geteuid() == 0) {
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rename(elsewhere, path), 0);
        assert_int_equal(chown(f->dir, 65534, 65534), 0);
        assert_false(has(f, &f->key, "binary"));
        assert_int_equal(chown(f->dir, 0, 0), 0);
        assert_true(has(f, &f->key, "binary"));
    }
}

static void test_nowhere(void **state)
{
    fixture *f = *state;
    char path[160];
    assert_null(gp_cl_cache_new("", 0));
    assert_false(gp_cl_cache_store(NULL, &f->key, "x", 1));
    gp_cl_cache_free(NULL);
    /* A file where the directory should be; a directory that cannot be made. */
    snprintf(path, sizeof path, "%s/file", f->root);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
    gp_cl_cache *cache = gp_cl_cache_new(path, 0);
    assert_false(gp_cl_cache_store(cache, &f->key, "x", 1));
    gp_cl_cache_free(cache);
    strcat(path, "/below");
    cache = gp_cl_cache_new(path, 0);
    assert_false(gp_cl_cache_store(cache, &f->key, "x", 1));
    gp_cl_cache_free(cache);
    cache = gp_cl_cache_new("/proc/gpuproc/none", 0);
    assert_false(gp_cl_cache_store(cache, &f->key, "x", 1));
    gp_cl_cache_free(cache);
    if (geteuid() != 0) { /* root may write everywhere */
        assert_true(gp_cl_cache_store(f->cache, &f->key, "binary", 6));
        assert_int_equal(chmod(f->dir, 0500), 0);
        assert_false(gp_cl_cache_store(f->cache, &f->key, "x", 1));
        assert_true(has(f, &f->key, "binary"));
    }
}

static void test_default_place(void **state)
{
    fixture *f = *state;
    char path[160];
    char *old_xdg = getenv("XDG_CACHE_HOME") ? strdup(getenv("XDG_CACHE_HOME")) : NULL;
    char *old_home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
    setenv("XDG_CACHE_HOME", f->root, 1);
    gp_cl_cache *cache = gp_cl_cache_new(NULL, 0);
    assert_true(gp_cl_cache_store(cache, &f->key, "binary", 6));
    gp_cl_cache_free(cache);
    snprintf(path, sizeof path, "%s/gpuproc", f->root);
    assert_int_equal(files(path), 1);
    setenv("XDG_CACHE_HOME", "relative", 1); /* does not count */
    setenv("HOME", f->root, 1);
    cache = gp_cl_cache_new(NULL, 0);
    assert_true(gp_cl_cache_store(cache, &f->key, "binary", 6));
    gp_cl_cache_free(cache);
    snprintf(path, sizeof path, "%s/.cache/gpuproc", f->root);
    assert_int_equal(files(path), 1);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    assert_null(gp_cl_cache_new(NULL, 0));
    if (old_xdg != NULL) setenv("XDG_CACHE_HOME", old_xdg, 1);
    if (old_home != NULL) setenv("HOME", old_home, 1);
    free(old_xdg);
    free(old_home);
}

/* The oldest go first, and what was used lately is not old. */
static void test_limit(void **state)
{
    fixture *f = *state;
    char payload[1000], path[256];
    gp_cl_key key[6];
    memset(payload, 'p', sizeof payload);
    gp_cl_cache *small = gp_cl_cache_new(f->dir, 4 * (sizeof payload + 100));
    for (int i = 0; i < 6; i++) {
        char name[16];
        snprintf(name, sizeof name, "key %d", i);
        make_key(name, &key[i]);
        assert_true(gp_cl_cache_store(small, &key[i], payload, sizeof payload));
        if (i < 5) { /* minutes apart, without waiting for them */
            struct timespec t[2] = {{1000000000 + 60 * i, 0}, {1000000000 + 60 * i, 0}};
            entry_path(f, &key[i], path);
            if (i < 4) assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
        }
        if (i == 3) { /* entry 0 is used again */
            void *binary = NULL;
            size_t bytes = 0;
            assert_true(gp_cl_cache_load(small, &key[0], &binary, &bytes));
            free(binary);
        }
    }
    assert_int_equal(files(f->dir), 4);
    static const bool kept[6] = {true, false, false, true, true, true};
    for (int i = 0; i < 6; i++) {
        entry_path(f, &key[i], path);
        assert_int_equal(access(path, F_OK) == 0, kept[i]);
    }
    assert_false(gp_cl_cache_store(small, &f->key, payload, 1u << 20));
    gp_cl_cache_free(small);
}

typedef struct writer {
    const fixture *f;
    int id, wrong;
} writer;

static void *run_writer(void *arg)
{
    writer *w = arg;
    char text[4096];
    for (int i = 0; i < 50; i++) {
        void *binary = NULL;
        size_t bytes = 0;
        memset(text, 'a' + w->id, sizeof text);
        if (!gp_cl_cache_store(w->f->cache, &w->f->key, text, sizeof text)) w->wrong++;
        if (!gp_cl_cache_load(w->f->cache, &w->f->key, &binary, &bytes)) {
            w->wrong++;
            continue;
        }
        const char *p = binary;
        for (size_t j = 0; j < bytes; j++) w->wrong += p[j] != p[0];
        w->wrong += bytes != sizeof text;
        free(binary);
    }
    return NULL;
}

/* A reader sees one writer's entry or another's, whole. */
static void test_concurrent(void **state)
{
    fixture *f = *state;
    pthread_t thread[4];
    writer w[4];
    for (int i = 0; i < 4; i++) {
        w[i] = (writer){.f = f, .id = i};
        assert_int_equal(pthread_create(&thread[i], NULL, run_writer, &w[i]), 0);
    }
    for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
    for (int i = 0; i < 4; i++) assert_int_equal(w[i].wrong, 0);
    assert_int_equal(files(f->dir), 1); /* no temporaries left */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip), TEST(test_keys),          TEST(test_damage),
        TEST(test_wrong_key),  TEST(test_untrusted),     TEST(test_nowhere),
        TEST(test_limit),      TEST(test_default_place), TEST(test_concurrent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
