/* A product of two matrices as a source: its elements are made when they are read, tile by tile, so that a pass over
 * it is like a pass over any array, and nothing of it is stored.
 *
 * A read is of whole rows of the product (or of a strip: the same columns of every row), and is made on the
 * product's own threads: panels of the operands along k are read ahead from their sources while the present ones
 * are multiplied; every tile adds them up in the same order. Operands in memory are multiplied where they are. */
#ifndef GP_MATRIX_PRODUCT_H
#define GP_MATRIX_PRODUCT_H

#include "device/device.h"
#include "io/source.h"
#include "linalg/multiply.h"

/* What is multiplied: shapes (stack, m, k) and (stack, k, n), flattened to `stack` matrices. */
typedef struct gp_product_spec {
    gp_dtype dtype;      /* of the result, in which it is added up */
    gp_dtype operand[2]; /* of the operands as they are stored */
    gp_walk walk[2];     /* over the operands' storage, shape (..., m, k) and (..., k, n) */
    bool conjugate[2];
    uint64_t stack, m, n, k;
} gp_product_spec;

/* How it is cut up (tiling.c). */
typedef struct gp_product_tiling {
    uint64_t strip;  /* columns at a time: n, or a multiple of 128 */
    uint64_t rows;   /* of a tile, of all rows stack * m; strip * rows is a multiple of GP_BLOCK, or all */
    uint64_t depth;  /* of a panel along k: the order of adding up depends on it and on nothing else of this */
    uint64_t items;  /* of the stack that are read together, where they are small; else 1 */
    bool keep_b;     /* B's strip is read once and stays in memory */
    bool whole;      /* operands may be mapped where they are */
    uint64_t panel_bytes;    /* that the product takes beside the tiles, at most */
    uint64_t read_bytes;     /* of the operands, over all strips */
    uint64_t least_bytes;    /* no tiles read less with this budget: about 2 m n k / sqrt(memory) */
} gp_product_tiling;

typedef struct gp_product_need {
    uint64_t budget;     /* bytes for tiles and panels */
    uint64_t tile_bytes; /* that the pass takes per element of a tile, in all slots together */
    bool strips;         /* may be cut along columns: nothing in the pass depends on the order */
    bool whole;          /* the operands are in memory anyway, or fit the budget */
    gp_device *const *device; /* that multiply beside the CPU: each takes panels of its own, and what its tile takes */
    size_t devices;           /* of the host's memory */
} gp_product_need;

/* The tiling that reads least. False: not even the smallest fits; *least_budget says what would. */
bool gp_product_tile(const gp_product_spec *spec, const gp_product_need *need, gp_product_tiling *tiling,
                     uint64_t *least_budget);
/* Rows of a chunk of a strip `width` columns wide: as many as fit a tile, so that chunks begin at multiples of
 * GP_BLOCK. The last strip may be narrower than the others. */
uint64_t gp_product_rows(const gp_product_spec *spec, const gp_product_tiling *tiling, uint64_t width);

/* Who multiplies: the CPU's workers, and devices with a `matrix` table (device.h), each on a thread of its own:
 * whichever is free takes the next tile. */
typedef struct gp_product_options {
    gp_source *source[2]; /* of the operands: borrowed, open for as long */
    gp_product_tiling tiling;
    const gp_linalg *linalg;
    gp_workers workers;   /* of the CPU */
    bool cpu;             /* the CPU takes tiles; it always does what a device failed to do */
    gp_device *const *device;
    size_t devices;
    unsigned sharing;     /* products that share the devices' memory; 0 is 1 */
    bool no_fallback;
    void (*log)(void *ctx, gpuproc_log_level level, const char *message); /* from the product's threads; or NULL */
    void *log_ctx;
} gp_product_options;

/* What it did, for reports; after the last read. */
typedef struct gp_product_counts {
    uint64_t tiles, tiles_again; /* done; and of those, on the CPU after a device failed */
    uint64_t devices_lost;       /* that failed before their first tile */
    bool used_cpu;
    bool used_device[64]; /* by index in options.device */
} gp_product_counts;

/* A source (io/source.h, kind MADE) of the product's elements, as an array (stack * m, n); reads of it are of whole
 * rows: with walk NULL, or with a walk over it that takes the same columns of every row. Close with
 * gp_source_close, when no read is under way. */
gpuproc_status gp_product_open(const gp_product_spec *spec, const gp_product_options *options, gp_io_engine *engine,
                               gp_source **source, gpuproc_error *err);
void gp_product_counts_of(const gp_source *source, gp_product_counts *counts);

/* A piece of its work: panels that were read (READ), brought to a device (UPLOAD) and multiplied (KERNEL), a tile
 * that came back (DOWNLOAD), a device's library made ready (PROGRAM). */
typedef struct gp_product_span {
    uint64_t begin_ns, end_ns, error_ns;
    uint64_t bytes, bytes_in_place; /* of READ: of the operands, each as often as it is read */
    gpuproc_stage stage;
    unsigned flags;          /* GPUPROC_SPAN_* */
    const gp_device *device; /* NULL: the CPU, or, for READ, none */
    const gp_read *read;     /* of the product, for which it was, which has not ended or ended since the last call;
                              * NULL: for all */
} gp_product_span;

/* What was done since the last call, about in the order of the ends; there until the next call. What is for a read
 * is there when it ends. One thread. Where it is called seldom, several become one: bytes add up in any case. */
const gp_product_span *gp_product_spans_take(const gp_source *source, size_t *count);

#endif
