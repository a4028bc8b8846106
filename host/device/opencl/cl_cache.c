#include "device/opencl/cl_cache.h"

#include "base/memory.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sha256.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAGIC "GPCLBIN\n"
#define FORMAT 1u
#define SUFFIX ".clbin"
#define SUFFIX_LASTING ".tuned"
#define TEMPORARY ".new-"
#define DEFAULT_MAX_BYTES (256u << 20)
#define STALE_SECONDS 3600 /* a temporary of this age belongs to a process that died */
#define NAME_BYTES (2 * GP_CL_KEY_BYTES + sizeof SUFFIX)

_Static_assert(sizeof SUFFIX == sizeof SUFFIX_LASTING, "names are of one length");

struct gp_cl_cache {
    char *dir;
    uint64_t max_bytes;
};

/* What stands before the binary in an entry. Native byte order: the key ties it to a machine. */
typedef struct entry_head {
    char magic[8];
    uint32_t format, zero;
    uint8_t key[GP_CL_KEY_BYTES];
    uint64_t bytes;
    uint8_t hash[GP_CL_KEY_BYTES];
} entry_head;

static void sha256(const void *data, size_t bytes, uint8_t hash[GP_CL_KEY_BYTES])
{
    SHA256_CTX ctx;
    SHA256Init(&ctx);
    SHA256Update(&ctx, data, bytes);
    SHA256Final(hash, &ctx);
}

void gp_cl_cache_key(const char *const *part, size_t parts, gp_cl_key *key)
{
    SHA256_CTX ctx;
    SHA256Init(&ctx);
    uint64_t format = FORMAT;
    SHA256Update(&ctx, (const uint8_t *)&format, sizeof format);
    for (size_t i = 0; i < parts; i++) {
        uint64_t length = strlen(part[i]);
        SHA256Update(&ctx, (const uint8_t *)&length, sizeof length);
        SHA256Update(&ctx, (const uint8_t *)part[i], length);
    }
    SHA256Final(key->byte, &ctx);
    key->lasting = false;
}

static void entry_name(const gp_cl_key *key, char name[NAME_BYTES])
{
    for (size_t i = 0; i < GP_CL_KEY_BYTES; i++) {
        snprintf(name + 2 * i, 3, "%02x", (unsigned)key->byte[i]);
    }
    memcpy(name + 2 * GP_CL_KEY_BYTES, key->lasting ? SUFFIX_LASTING : SUFFIX, sizeof SUFFIX);
}

static char *default_dir(void)
{
    gp_text path = {0};
    const char *xdg = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    if (xdg != NULL && xdg[0] == '/') gp_text_add(&path, "%s/gpuproc", xdg);
    else if (home != NULL && home[0] == '/') gp_text_add(&path, "%s/.cache/gpuproc", home);
    if (path.failed) {
        gp_text_free(&path);
        return NULL;
    }
    return path.data;
}

gp_cl_cache *gp_cl_cache_new(const char *dir, uint64_t max_bytes)
{
    if (dir != NULL && dir[0] == '\0') return NULL;
    gp_cl_cache *cache = gp_calloc(1, sizeof *cache);
    if (cache == NULL) return NULL;
    cache->max_bytes = max_bytes ? max_bytes : DEFAULT_MAX_BYTES;
    cache->dir = dir != NULL ? gp_strdup(dir) : default_dir();
    if (cache->dir == NULL) {
        gp_cl_cache_free(cache);
        return NULL;
    }
    return cache;
}

void gp_cl_cache_free(gp_cl_cache *cache)
{
    if (cache == NULL) return;
    free(cache->dir);
    free(cache);
}

/* mkdir -p with mode 0700 for what is missing. */
static void make_dirs(const char *dir)
{
    char *path = gp_strdup(dir);
    if (path == NULL) return;
    for (char *p = path + 1; *p != '\0'; p++) {
        if (*p != '/') continue;
        *p = '\0';
        (void)mkdir(path, 0700);
        *p = '/';
    }
    (void)mkdir(path, 0700);
    free(path);
}

static bool is_ours(int fd, mode_t type)
{
    struct stat s;
    if (fstat(fd, &s) != 0) return false;
    return (s.st_mode & S_IFMT) == type && s.st_uid == geteuid() &&
           (s.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* The directory, checked; -1 where it is missing or not to be trusted. The checks are made
 * on the open descriptor, through which everything else goes. */
static int open_dir(const gp_cl_cache *cache, bool create)
{
    if (cache == NULL) return -1;
    int fd = open(cache->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && create) {
        make_dirs(cache->dir);
        fd = open(cache->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd >= 0 && !is_ours(fd, S_IFDIR)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static bool read_all(int fd, void *data, size_t bytes)
{
    char *p = data;
    while (bytes > 0) {
        ssize_t n = read(fd, p, bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        p += n;
        bytes -= (size_t)n;
    }
    return true;
}

static bool write_all(int fd, const void *data, size_t bytes)
{
    const char *p = data;
    while (bytes > 0) {
        ssize_t n = write(fd, p, bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        p += n;
        bytes -= (size_t)n;
    }
    return true;
}

static void *read_entry(int fd, const gp_cl_key *key, uint64_t max_bytes, size_t *bytes)
{
    entry_head head;
    struct stat s;
    uint8_t hash[GP_CL_KEY_BYTES];
    if (!is_ours(fd, S_IFREG) || fstat(fd, &s) != 0 || !read_all(fd, &head, sizeof head)) {
        return NULL;
    }
    if (memcmp(head.magic, MAGIC, sizeof head.magic) != 0 || head.format != FORMAT ||
        memcmp(head.key, key->byte, sizeof head.key) != 0 || head.bytes == 0 ||
        head.bytes > max_bytes || (uint64_t)s.st_size != sizeof head + head.bytes) {
        return NULL;
    }
    void *binary = malloc(head.bytes);
    if (binary == NULL) return NULL;
    if (!read_all(fd, binary, head.bytes)) goto bad;
    sha256(binary, head.bytes, hash);
    if (memcmp(hash, head.hash, sizeof hash) != 0) goto bad;
    *bytes = head.bytes;
    return binary;
bad:
    free(binary);
    return NULL;
}

bool gp_cl_cache_load(const gp_cl_cache *cache, const gp_cl_key *key, void **binary, size_t *bytes)
{
    char name[NAME_BYTES];
    int dir = open_dir(cache, false);
    if (dir < 0) return false;
    entry_name(key, name);
    void *found = NULL;
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0) {
        found = read_entry(fd, key, cache->max_bytes, bytes);
        /* The time of last use decides what is dropped first. */
        if (found != NULL) (void)futimens(fd, NULL);
        close(fd);
    }
    close(dir);
    *binary = found;
    return found != NULL;
}

bool gp_cl_cache_has(const gp_cl_cache *cache, const gp_cl_key *key)
{
    char name[NAME_BYTES];
    int dir = open_dir(cache, false);
    if (dir < 0) return false;
    entry_name(key, name);
    bool there = faccessat(dir, name, R_OK, 0) == 0;
    close(dir);
    return there;
}

void gp_cl_cache_drop(const gp_cl_cache *cache, const gp_cl_key *key)
{
    char name[NAME_BYTES];
    int dir = open_dir(cache, false);
    if (dir < 0) return;
    entry_name(key, name);
    (void)unlinkat(dir, name, 0);
    close(dir);
}

typedef struct entry {
    char name[NAME_BYTES];
    uint64_t bytes;
    struct timespec used;
} entry;

static int older_first(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->used.tv_sec != y->used.tv_sec) return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
    if (x->used.tv_nsec != y->used.tv_nsec) return x->used.tv_nsec < y->used.tv_nsec ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Drops the entries longest unused until the rest fits, and temporaries left by a crash. */
static void trim(int dir, uint64_t max_bytes)
{
    entry *list = NULL;
    size_t count = 0, capacity = 0;
    uint64_t total = 0;
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    if (stream == NULL) {
        if (copy >= 0) close(copy);
        return;
    }
    for (struct dirent *d; (d = readdir(stream)) != NULL;) {
        struct stat s;
        size_t length = strlen(d->d_name);
        if (fstatat(dir, d->d_name, &s, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(s.st_mode)) continue;
        if (strncmp(d->d_name, TEMPORARY, sizeof TEMPORARY - 1) == 0) {
            if (s.st_mtime + STALE_SECONDS < time(NULL)) (void)unlinkat(dir, d->d_name, 0);
            continue;
        }
        if (length != NAME_BYTES - 1 || strcmp(d->d_name + 2 * GP_CL_KEY_BYTES, SUFFIX) != 0) {
            continue;
        }
        if (!gp_grow(&list, &capacity, count + 1, sizeof *list)) break;
        entry *e = &list[count++];
        memcpy(e->name, d->d_name, length + 1);
        e->bytes = (uint64_t)s.st_size;
        e->used = s.st_mtim;
        total += e->bytes;
    }
    closedir(stream);
    if (total > max_bytes) {
        qsort(list, count, sizeof *list, older_first);
        for (size_t i = 0; i < count && total > max_bytes; i++) {
            if (unlinkat(dir, list[i].name, 0) == 0) total -= list[i].bytes;
        }
    }
    free(list);
}

bool gp_cl_cache_store(const gp_cl_cache *cache, const gp_cl_key *key, const void *binary,
                       size_t bytes)
{
    entry_head head = {.magic = MAGIC, .format = FORMAT, .bytes = bytes};
    char name[NAME_BYTES], temporary[64];
    uint64_t chance = 0;
    if (cache == NULL || bytes == 0 || bytes > cache->max_bytes) return false;
    int dir = open_dir(cache, true);
    if (dir < 0) return false;
    entry_name(key, name);
    if (getrandom(&chance, sizeof chance, 0) != (ssize_t)sizeof chance) chance = 0;
    snprintf(temporary, sizeof temporary, TEMPORARY "%ld-%016llx", (long)getpid(),
             (unsigned long long)chance);
    memcpy(head.key, key->byte, sizeof head.key);
    sha256(binary, bytes, head.hash);

    bool ok = false;
    int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0) {
        /* No fsync: after a crash the hash tells a torn entry, and waiting for the disk
         * would cost more than compiling again. */
        ok = write_all(fd, &head, sizeof head) && write_all(fd, binary, bytes);
        ok = close(fd) == 0 && ok;
        ok = ok && renameat(dir, temporary, dir, name) == 0;
        if (!ok) (void)unlinkat(dir, temporary, 0);
    }
    if (ok) trim(dir, cache->max_bytes);
    close(dir);
    return ok;
}
