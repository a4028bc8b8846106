/* Panels of the operands, read ahead: while one is multiplied the next is on its way. B's strip is read once where
 * it may stay in memory: whoever comes first to a panel of it reads it for all threads. */
#include "matrix/product_impl.h"

#include "base/memory.h"

#include <string.h>

static gpuproc_status no_memory(gpuproc_error *err)
{
    return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for the panels of a product of matrices");
}

/* Once allocated they stay; `bytes` is the most that is ever needed. */
static bool need_pages(gp_pages *pages, uint64_t bytes)
{
    if (pages->data != NULL) return true;
    pages->data = gp_pages_alloc(bytes);
    pages->bytes = bytes;
    return pages->data != NULL;
}

static void free_pages(gp_pages *pages)
{
    if (pages->data != NULL) gp_pages_free(pages->data, pages->bytes);
    *pages = (gp_pages){0};
}

/* ---- B's strip ---- */

typedef enum kept_state { ABSENT, LOADING, PRESENT } kept_state;

typedef struct kept_panel {
    kept_state state;
    gp_pages pages;
    const void *data; /* PRESENT: in the pages */
} kept_panel;

struct gp_kept {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t column, width; /* of the strip */
    unsigned jobs;          /* that use it */
    size_t panels;
    kept_panel *panel;
};

gpuproc_status gp_kept_new(const gp_product_spec *spec, const gp_product_tiling *tiling, gp_kept **kept,
                           gpuproc_error *err)
{
    gp_kept *k = gp_calloc(1, sizeof *k);
    if (k == NULL) return no_memory(err);
    k->panels = gp_ceil_div(spec->k, tiling->depth);
    k->panel = gp_calloc(k->panels, sizeof *k->panel);
    if (k->panel == NULL) {
        free(k);
        return no_memory(err);
    }
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->changed, NULL);
    *kept = k;
    return GPUPROC_OK;
}

void gp_kept_free(gp_kept *k)
{
    if (k == NULL) return;
    for (size_t p = 0; p < k->panels; p++) free_pages(&k->panel[p].pages);
    free(k->panel);
    pthread_cond_destroy(&k->changed);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

void gp_kept_enter(gp_kept *k, uint64_t column, uint64_t width)
{
    pthread_mutex_lock(&k->lock);
    while (k->jobs > 0 && (k->column != column || k->width != width)) pthread_cond_wait(&k->changed, &k->lock);
    if (k->column != column || k->width != width) {
        for (size_t p = 0; p < k->panels; p++) k->panel[p].state = ABSENT;
    }
    k->column = column;
    k->width = width;
    k->jobs++;
    pthread_mutex_unlock(&k->lock);
}

void gp_kept_leave(gp_kept *k)
{
    pthread_mutex_lock(&k->lock);
    if (--k->jobs == 0) pthread_cond_broadcast(&k->changed);
    pthread_mutex_unlock(&k->lock);
}

/* True: the caller loads it now. `wait`: for whoever does it already. */
static bool claim(gp_kept *k, kept_panel *panel, bool wait)
{
    pthread_mutex_lock(&k->lock);
    while (wait && panel->state == LOADING) pthread_cond_wait(&k->changed, &k->lock);
    bool mine = panel->state == ABSENT;
    if (mine) panel->state = LOADING;
    pthread_mutex_unlock(&k->lock);
    return mine;
}

static void settle_panel(gp_kept *k, kept_panel *panel, const void *data)
{
    pthread_mutex_lock(&k->lock);
    panel->data = data;
    panel->state = data != NULL ? PRESENT : ABSENT;
    pthread_cond_broadcast(&k->changed);
    pthread_mutex_unlock(&k->lock);
}

/* ---- a thread's own ---- */

gpuproc_status gp_panels_init(gp_panels *p, gpuproc_error *err)
{
    for (int o = 0; o < GP_OPERANDS; o++)
        for (int which = 0; which < 2; which++) p->fetch[o][which].panels = p;
    if (pthread_mutex_init(&p->lock, NULL) != 0) return no_memory(err);
    if (pthread_cond_init(&p->ended, NULL) != 0) {
        pthread_mutex_destroy(&p->lock);
        return no_memory(err);
    }
    return GPUPROC_OK;
}

void gp_panels_free(gp_panels *p)
{
    for (int o = 0; o < GP_OPERANDS; o++) {
        for (int which = 0; which < 2; which++) free_pages(&p->fetch[o][which].raw);
        free_pages(&p->converted[o]);
    }
    pthread_cond_destroy(&p->ended);
    pthread_mutex_destroy(&p->lock);
}

static void read_ended(gp_read *read)
{
    gp_fetch *f = read->ctx;
    pthread_mutex_lock(&f->panels->lock);
    f->ended = true;
    pthread_cond_signal(&f->panels->ended);
    pthread_mutex_unlock(&f->panels->lock);
}

static gp_part part_of(const gp_product_step *s, int operand)
{
    if (operand == GP_LEFT) return (gp_part){s->item, s->items, s->i, s->rows / s->items, s->k, s->depth};
    return (gp_part){s->item, s->items, s->k, s->depth, s->job->column, s->job->width};
}

static bool is_kept(const gp_panels *p, int operand) { return operand == GP_RIGHT && p->kept != NULL; }
static kept_panel *kept_of(const gp_panels *p, const gp_product_step *s) { return &p->kept->panel[s->k / p->depth]; }
static bool converts(const gp_operand *o) { return o->stored != o->dtype; }

static bool room_for(const gp_panels *p, int operand, gp_dtype dtype, gp_pages *pages)
{
    return need_pages(pages, p->room[operand] * gpuproc_dtype_bytes(dtype) + GP_STAGING_SLACK);
}

static void start(gp_panels *p, int operand, const gp_product_step *s, gp_fetch *f)
{
    const gp_operand *o = &p->operand[operand];
    gp_pages *pages = f->loads && !converts(o) ? &kept_of(p, s)->pages : &f->raw;
    if (!room_for(p, operand, o->stored, pages)) return;
    f->read = (gp_read){.buffer = pages->data, .done = read_ended, .ctx = f};
    if (operand == GP_LEFT && p->form.joined && !o->swapped) gp_operand_read_rows(o, &f->part, &f->walk, &f->read);
    else gp_operand_read(o, &f->part, &f->walk, &f->read);
    f->under_way = true;
    f->ended = false;
    gp_source_read(&f->read);
}

static void begin(gp_panels *p, int operand, const gp_product_step *s, unsigned which)
{
    gp_fetch *f = &p->fetch[operand][which];
    f->part = part_of(s, operand);
    f->loads = f->under_way = false;
    if (p->operand[operand].base != NULL) return;
    if (is_kept(p, operand)) {
        f->loads = claim(p->kept, kept_of(p, s), false);
        if (!f->loads) return;
    }
    start(p, operand, s, f);
}

void gp_panels_begin(gp_panels *p, const gp_product_step *s, unsigned which)
{
    for (int o = 0; o < GP_OPERANDS; o++) begin(p, o, s, which);
}

/* The read's data, or NULL and why. */
static const void *await(gp_panels *p, const gp_operand *o, const gp_product_step *s, gp_fetch *f,
                         gpuproc_status *st, gpuproc_error *err)
{
    if (!f->under_way) {
        *st = no_memory(err);
        return NULL;
    }
    pthread_mutex_lock(&p->lock);
    while (!f->ended) pthread_cond_wait(&p->ended, &p->lock);
    pthread_mutex_unlock(&p->lock);
    f->under_way = false;
    /* A walk may take other bytes from a file than it has elements. */
    uint64_t bytes = f->read.bytes > 0 ? f->read.bytes : f->read.count * gpuproc_dtype_bytes(o->stored);
    gp_product_spans_add(p->spans, &(gp_product_span){.stage = GPUPROC_STAGE_READ, .begin_ns = f->read.begin_ns,
                                                      .end_ns = f->read.end_ns, .bytes = bytes,
                                                      .read = s->job->read});
    *st = f->read.status;
    if (*st != GPUPROC_OK && err != NULL) *err = f->read.error;
    return *st == GPUPROC_OK ? f->read.data : NULL;
}

static const void *convert(gp_panels *p, int operand, const gp_fetch *f, gp_pages *to, gpuproc_status *st,
                           gpuproc_error *err)
{
    const gp_operand *o = &p->operand[operand];
    if (!room_for(p, operand, o->dtype, to)) {
        *st = no_memory(err);
        return NULL;
    }
    gp_product_convert(o->stored, f->read.data, o->dtype, to->data, f->read.count, p->workers);
    return to->data;
}

static gpuproc_status end(gp_panels *p, int operand, const gp_product_step *s, unsigned which, gpuproc_error *err)
{
    gp_fetch *f = &p->fetch[operand][which];
    const gp_operand *o = &p->operand[operand];
    gpuproc_status st = GPUPROC_OK;
    if (o->base != NULL) return st;
    bool kept = is_kept(p, operand);
    if (kept && !f->loads) {
        f->loads = claim(p->kept, kept_of(p, s), true);
        if (!f->loads) return st;
        start(p, operand, s, f); /* who was to bring it failed */
    }
    const void *data = await(p, o, s, f, &st, err);
    if (data != NULL && converts(o))
        data = convert(p, operand, f, kept ? &kept_of(p, s)->pages : &p->converted[operand], &st, err);
    if (kept) settle_panel(p->kept, kept_of(p, s), data);
    return st;
}

gpuproc_status gp_panels_end(gp_panels *p, const gp_product_step *s, unsigned which, gpuproc_error *err)
{
    gpuproc_status a = end(p, GP_LEFT, s, which, err);
    gpuproc_status b = end(p, GP_RIGHT, s, which, a == GPUPROC_OK ? err : NULL);
    return a != GPUPROC_OK ? a : b;
}

gp_matrix gp_panels_matrix(const gp_panels *p, int operand, const gp_product_step *s, unsigned which, uint64_t nth)
{
    const gp_operand *o = &p->operand[operand];
    const gp_fetch *f = &p->fetch[operand][which];
    if (o->base != NULL) return gp_operand_place(o, &f->part, nth);
    const void *data = is_kept(p, operand) ? kept_of(p, s)->data
                       : converts(o)       ? p->converted[operand].data
                                           : f->read.data;
    return gp_operand_panel(o, &f->part, data, nth);
}

uint64_t gp_panels_bytes(const gp_panels *p, const gp_product_step *s)
{
    uint64_t left = s->rows * s->depth, right = s->items * s->depth * s->job->width;
    return (left + right) * gpuproc_dtype_bytes(p->spec->dtype);
}
