/* The stored elements of an array, wherever they are, fetched span by span. */
#ifndef GP_IO_STORAGE_H
#define GP_IO_STORAGE_H

#include "io/engine.h"

/* A direct read needs that much more room than its elements. */
#define GP_STORAGE_SLACK ((size_t)2 * GP_IO_ALIGN)
/* Smaller reads gain nothing from going past the page cache. */
#define GP_STORAGE_DIRECT_MIN_BYTES ((size_t)128 << 10)

typedef struct gp_storage {
    size_t width;
    const void *base;             /* the elements, or NULL */
    gpuproc_generate_fn generate; /* makes them, or NULL */
    void *generate_ctx;
    int fd;                       /* else a file */
    int direct_fd;                /* -1: through the page cache */
    atomic_bool *direct_refused;
    uint64_t data_offset;
    bool cold;                    /* announce what will be read */
} gp_storage;

/* All block; 0 or -errno, -ENODATA where the file ends too early. */

/* Elements [from, from+count) to `to`. */
int64_t gp_storage_read(const gp_storage *storage, uint64_t from, uint64_t count, void *to);
/* The same to somewhere in `strip`, which has GP_STORAGE_SLACK more room; says where. */
int64_t gp_storage_fetch(const gp_storage *storage, uint64_t from, uint64_t count, void *strip,
                         const void **at);

/* They will be read soon. */
void gp_storage_expect(const gp_storage *storage, uint64_t from, uint64_t count);

#endif
