/* What the parts of a product share: its form, jobs and steps, panels. */
#ifndef GP_MATRIX_PRODUCT_IMPL_H
#define GP_MATRIX_PRODUCT_IMPL_H

#include "matrix/product.h"

#include <pthread.h>

enum { GP_LEFT, GP_RIGHT, GP_OPERANDS };

/* ---- cut.c: what is done in which order; pure ---- */

typedef struct gp_product_form {
    bool swapped[GP_OPERANDS]; /* its panels are read column after column, as they lie in storage */
    bool joined;               /* B is one for the whole stack, whose rows are then those of one tall matrix */
} gp_product_form;
void gp_product_form_of(const gp_product_spec *spec, gp_product_form *form);

/* Elements of a panel of each operand, at most. False: more than can be counted. */
bool gp_product_room(const gp_product_spec *spec, const gp_product_form *form, const gp_product_tiling *tiling,
                     uint64_t room[GP_OPERANDS]);

/* One read of the product: the same columns of some of its rows. */
typedef struct gp_product_job gp_product_job;
struct gp_product_job {
    gp_read *read;
    uint64_t row, rows, column, width;
    bool again; /* a device failed to do it: for the CPU */
    gpuproc_status status;
    gpuproc_error error;
    gp_product_job *next;
};

/* What rows and columns the elements of a read are; false: they are no whole rows of at most `strip` columns, or no
 * such elements. */
bool gp_product_rows_of_read(const gp_product_spec *spec, uint64_t strip, const gp_read *read, gp_product_job *job);

/* Rows of one matrix of the stack or several whole matrices, times columns, along a piece of k. */
typedef struct gp_product_step {
    gp_product_job *job;
    uint64_t row, rows;   /* of all rows of the product */
    uint64_t item, items; /* of the stack; 0, 1 where joined */
    uint64_t i;           /* of the first row in its matrix */
    uint64_t k, depth;
} gp_product_step;

/* Where a job has got to; job NULL: at its end. */
typedef struct gp_product_cursor {
    gp_product_job *job;
    uint64_t row, k;
} gp_product_cursor;
gp_product_step gp_product_next(const gp_product_spec *spec, const gp_product_form *form,
                                const gp_product_tiling *tiling, gp_product_cursor *cursor);

/* ---- convert.c ---- */

/* Elements of one dtype as those of another, to which they promote, on the workers. */
void gp_product_convert(gp_dtype from, const void *in, gp_dtype to, void *out, uint64_t count,
                        const gp_workers *workers);

/* ---- operand.c ---- */

typedef struct gp_operand {
    gp_source *source;
    gp_walk walk;
    gp_dtype stored, dtype; /* and as it is multiplied */
    bool swapped, conjugate;
    /* It is multiplied where it is: */
    gp_view view;
    const char *base; /* its element 0, or NULL */
    int64_t step;     /* from row to row; where joined, of all matrices */
} gp_operand;

/* Looks where it lies. `map`: files, too. joined: the rows of all matrices must be even. */
void gp_operand_open(gp_operand *operand, bool map, bool joined);
void gp_operand_close(gp_operand *operand);

/* A part of it: `items` matrices, of each rows and columns. */
typedef struct gp_part {
    uint64_t item, items, row, rows, column, columns;
} gp_part;
/* Where matrix part->item + nth of a part is, for an operand that has a base. */
gp_matrix gp_operand_place(const gp_operand *operand, const gp_part *part, uint64_t nth);
/* The read that brings a part; `walk` must live as long. */
void gp_operand_read(const gp_operand *operand, const gp_part *part, gp_walk *walk, gp_read *read);
/* The same for rows that may be of several matrices: A where the form is joined. */
void gp_operand_read_rows(const gp_operand *operand, const gp_part *part, gp_walk *walk, gp_read *read);
/* A part that was read and lies at `data` in the product's dtype. */
gp_matrix gp_operand_panel(const gp_operand *operand, const gp_part *part, const void *data, uint64_t nth);

/* ---- spans.c ---- */

typedef struct gp_product_spans {
    pthread_mutex_t lock;
    gp_product_span *now, *taken;
    size_t count; /* of `now` */
} gp_product_spans;
gpuproc_status gp_product_spans_init(gp_product_spans *spans, gpuproc_error *err);
void gp_product_spans_free(gp_product_spans *spans); /* zeros, too */
/* Any thread; one that ends at 0 did not happen. */
void gp_product_spans_add(gp_product_spans *spans, const gp_product_span *span);
const gp_product_span *gp_product_spans_swap(gp_product_spans *spans, size_t *count);

/* ---- panels.c: what a thread reads ahead ---- */

typedef struct gp_product gp_product;
typedef struct gp_kept gp_kept;

/* B's strip, for all threads, panel by panel. */
gpuproc_status gp_kept_new(const gp_product_spec *spec, const gp_product_tiling *tiling, gp_kept **kept,
                           gpuproc_error *err);
void gp_kept_free(gp_kept *kept);
/* A job of these columns begins and ends; the first waits for those of other columns to end. */
void gp_kept_enter(gp_kept *kept, uint64_t column, uint64_t width);
void gp_kept_leave(gp_kept *kept);

/* Pages that grow to what is needed first: all of it, once. */
typedef struct gp_pages {
    void *data;
    size_t bytes;
} gp_pages;

typedef struct gp_fetch {
    struct gp_panels *panels;
    gp_part part;
    gp_walk walk;
    gp_read read;
    gp_pages raw;
    bool under_way, ended; /* a read; guarded by the panels' lock */
    bool loads;            /* for what is kept */
} gp_fetch;

/* Of one thread: two of each operand, which take turns. */
typedef struct gp_panels {
    const gp_product_spec *spec;
    gp_product_form form;
    uint64_t room[GP_OPERANDS];
    const gp_operand *operand; /* two */
    gp_kept *kept;             /* NULL: B is read like A */
    const gp_workers *workers;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    gp_fetch fetch[GP_OPERANDS][2];
    gp_pages converted[GP_OPERANDS];
    uint64_t depth;
    gp_product_spans *spans;
} gp_panels;
gpuproc_status gp_panels_init(gp_panels *panels, gpuproc_error *err);
void gp_panels_free(gp_panels *panels);
/* Begins to read what a step needs. Failure shows in the end. */
void gp_panels_begin(gp_panels *panels, const gp_product_step *step, unsigned which);
/* Waits for it; the data stays until the next begin of the same `which`, in the product's dtype where
 * `convert`. Must follow every begin. */
gpuproc_status gp_panels_end(gp_panels *panels, const gp_product_step *step, unsigned which, gpuproc_error *err);
/* Of the nth matrix of the step. */
gp_matrix gp_panels_matrix(const gp_panels *panels, int operand, const gp_product_step *step, unsigned which,
                           uint64_t nth);
/* Of both, as they are multiplied. */
uint64_t gp_panels_bytes(const gp_panels *panels, const gp_product_step *step);

/* ---- on_device.c ---- */

typedef struct gp_on_device {
    gp_device *device;
    gp_device_tile *tile;
    unsigned place; /* for the next panels */
    struct {
        const gp_read *read; /* what was added from it is for; NULL: nothing is under way */
        uint64_t bytes;
        gp_span filled;
    } added[2];
} gp_on_device;
/* Takes fewer rows for the tiling's tiles where the device has not the memory for them: `budget` bytes. */
gpuproc_status gp_on_device_open(gp_on_device *on, const gp_panels *panels, uint64_t budget,
                                 gp_product_tiling *tiling, gpuproc_error *err);
void gp_on_device_close(gp_on_device *on);
/* `c`: where the step's rows go, once its last piece of k was added. */
gpuproc_status gp_on_device_step(gp_on_device *on, const gp_panels *panels, const gp_product_step *step,
                                 unsigned which, void *c, gpuproc_error *err);

#endif
