/* Who makes the tiles, and when: a queue of reads, a thread for each who multiplies. */
#include "matrix/product_impl.h"

#include "base/clock.h"
#include "base/memory.h"
#include "io/crew.h"

#include <fenv.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct multiplier multiplier;

struct gp_product {
    gp_product_spec spec;
    gp_product_options options;
    gp_product_form form;
    gp_operand operand[GP_OPERANDS];
    gp_kept *kept;
    gp_product_spans spans;
    size_t width; /* of an element of the result */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    gp_product_job *head, **tail;
    bool stop, cancelled;
    size_t devices;             /* that still multiply */
    gpuproc_status failure;     /* of the last device that did not */
    gpuproc_error failure_error;
    gp_product_counts counts;
    multiplier *multiplier; /* the first is the CPU */
    size_t multipliers;
};

struct multiplier {
    gp_product *product;
    gp_panels panels;
    gp_product_tiling tiling; /* the product's, with fewer rows where a device has less memory */
    bool ready;  /* panels are to be freed */
    bool started;
    pthread_t thread;
    gp_product_cursor cursor;
    gp_on_device on; /* device NULL: the CPU */
    gpuproc_status failure; /* of the device, which is asked no more */
    gpuproc_error error;
};

/* ---- reads come in ---- */

static void end_read(gp_product_job *job)
{
    gp_read *read = job->read;
    gpuproc_status st = job->status;
    read->data = read->buffer;
    if (st != GPUPROC_OK) read->error = job->error;
    free(job);
    gp_read_end(read, st);
}

static void take_read(void *ctx, gp_read *read)
{
    gp_product *p = ctx;
    gp_product_job *job = gp_calloc(1, sizeof *job);
    if (job == NULL) {
        gp_read_end(read, gp_fail(&read->error, GPUPROC_NO_MEMORY, "out of memory for a product of matrices"));
        return;
    }
    job->read = read;
    if (!gp_product_rows_of_read(&p->spec, p->options.tiling.strip, read, job))
        job->status = gp_fail(&job->error, GPUPROC_INTERNAL,
                              "a read of %" PRIu64 " elements from %" PRIu64 " of a product of matrices: expected "
                              "whole rows of at most %" PRIu64,
                              read->count, read->first, p->options.tiling.strip);
    pthread_mutex_lock(&p->lock);
    *p->tail = job;
    p->tail = &job->next;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

static void cancel_reads(void *ctx)
{
    gp_product *p = ctx;
    pthread_mutex_lock(&p->lock);
    p->cancelled = true;
    pthread_mutex_unlock(&p->lock);
}

/* ---- and are done ---- */

static bool keeps_other_columns(const gp_product *p, const gp_product_job *now, const gp_product_job *next)
{
    return p->kept != NULL && now != NULL && (now->column != next->column || now->width != next->width);
}

static gpuproc_status cancelled(gpuproc_error *err)
{
    return gp_fail(err, GPUPROC_CANCELLED, "cancelled while matrices were multiplied");
}

/* Whether this one is to do it. What a device failed to do is the CPU's, and all is where no device is left. */
static bool is_for(const multiplier *m, const gp_product_job *job)
{
    const gp_product *p = m->product;
    if (m->failure != GPUPROC_OK) return false;
    if (m->on.device != NULL) return !job->again;
    return p->options.cpu || job->again || p->devices == 0;
}

/* The next read, where there is one that can be begun while `now` is under way. */
static gp_product_job *take_job(multiplier *m, const gp_product_job *now)
{
    gp_product *p = m->product;
    gp_product_job *job = NULL;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        gp_product_job **at = &p->head;
        while (*at != NULL && !is_for(m, *at)) at = &(*at)->next;
        job = *at;
        if (job != NULL && keeps_other_columns(p, now, job)) job = NULL;
        if (job != NULL) {
            *at = job->next;
            if (*at == NULL) p->tail = at;
            job->next = NULL;
        }
        if (job != NULL || now != NULL || m->failure != GPUPROC_OK || p->stop) break;
        pthread_cond_wait(&p->wake, &p->lock);
    }
    /* A device was asked for, and nothing else. */
    if (job != NULL && m->on.device == NULL && !p->options.cpu && p->options.no_fallback && p->failure != GPUPROC_OK) {
        job->status = p->failure;
        job->error = p->failure_error;
    }
    if (job != NULL && p->cancelled && job->status == GPUPROC_OK) job->status = cancelled(&job->error);
    pthread_mutex_unlock(&p->lock);
    if (job != NULL && p->kept != NULL) gp_kept_enter(p->kept, job->column, job->width);
    return job;
}

static void end_job(multiplier *m, gp_product_job *job)
{
    gp_product *p = m->product;
    if (p->kept != NULL) gp_kept_leave(p->kept);
    pthread_mutex_lock(&p->lock);
    bool once_more = m->on.device != NULL && job->again;
    if (once_more) {
        job->status = GPUPROC_OK;
        job->next = p->head;
        if (p->head == NULL) p->tail = &job->next;
        p->head = job;
        p->counts.tiles_again++;
        pthread_cond_broadcast(&p->wake);
    } else {
        p->counts.tiles++;
    }
    pthread_mutex_unlock(&p->lock);
    if (!once_more) end_read(job);
}

/* A device that fails once is not asked again. */
static void give_up(multiplier *m, gpuproc_status st, const gpuproc_error *err)
{
    gp_product *p = m->product;
    const char *name = m->on.device->info.name;
    char message[sizeof err->message + 320];
    pthread_mutex_lock(&p->lock);
    m->failure = st;
    m->error = *err;
    p->devices--;
    p->failure = st;
    p->failure_error = *err;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    if (p->options.log == NULL) return;
    snprintf(message, sizeof message, "%s does not multiply, the CPU does: %s", name, err->message);
    p->options.log(p->options.log_ctx, st == GPUPROC_DEVICE_UNSUPPORTED ? GPUPROC_LOG_INFO : GPUPROC_LOG_WARNING,
                   message);
}

/* Its tile and all that it needs, or it is asked nothing. */
static void open_device(multiplier *m)
{
    gp_product *p = m->product;
    gp_device *device = m->on.device;
    gpuproc_error err = {0};
    char message[256];
    uint64_t budget = device->memory_budget / gp_max_u64(p->options.sharing, 1);
    gpuproc_status st = gp_on_device_open(&m->on, &m->panels, budget, &m->tiling, &err);
    if (st != GPUPROC_OK) {
        pthread_mutex_lock(&p->lock);
        p->counts.devices_lost += st != GPUPROC_DEVICE_UNSUPPORTED;
        pthread_mutex_unlock(&p->lock);
        give_up(m, st, &err);
    } else if (m->tiling.rows < p->options.tiling.rows && p->options.log != NULL) {
        snprintf(message, sizeof message, "%s multiplies tiles of %" PRIu64 " rows: its memory holds no larger ones",
                 device->info.name, m->tiling.rows);
        p->options.log(p->options.log_ctx, GPUPROC_LOG_INFO, message);
    }
}

/* The next step; false: none can be begun now. Ends reads that have nothing to multiply. */
static bool next_step(multiplier *m, const gp_product_job *now, gp_product_step *step)
{
    gp_product *p = m->product;
    while (m->cursor.job == NULL) {
        gp_product_job *job = take_job(m, now);
        if (job == NULL) return false;
        uint64_t elements = job->rows * job->width;
        if (job->status == GPUPROC_OK && elements > 0 && p->spec.k > 0) {
            m->cursor = (gp_product_cursor){.job = job, .row = job->row};
            if (job->read->begin_ns == 0) job->read->begin_ns = gp_now_ns();
        } else {
            if (job->status == GPUPROC_OK && elements > 0) memset(job->read->buffer, 0, elements * p->width);
            end_job(m, job);
        }
    }
    *step = gp_product_next(&p->spec, &p->form, &m->tiling, &m->cursor);
    return true;
}

typedef struct batch {
    multiplier *m;
    const gp_product_step *step;
    unsigned which;
} batch;

static gpuproc_status multiply_one(const batch *b, uint64_t nth, const gp_workers *workers, gpuproc_error *err)
{
    const gp_product *p = b->m->product;
    const gp_product_step *s = b->step;
    uint64_t rows = s->rows / s->items;
    gp_multiply x = {
        .dtype = p->spec.dtype, .m = rows, .n = s->job->width, .k = s->depth,
        .a = gp_panels_matrix(&b->m->panels, GP_LEFT, s, b->which, nth),
        .b = gp_panels_matrix(&b->m->panels, GP_RIGHT, s, b->which, nth),
        .c = (char *)s->job->read->buffer + (s->row + nth * rows - s->job->row) * s->job->width * p->width,
        .c_row = (int64_t)s->job->width, .add = s->k > 0,
    };
    return gp_multiply_run(p->options.linalg, &x, workers, err);
}

static void each_alone(const gp_workers *workers, uint64_t units,
                       void (*run)(void *arg, unsigned worker, uint64_t from, uint64_t to), void *arg)
{
    (void)workers;
    if (units > 0) run(arg, 0, 0, units);
}

/* Many small matrices: each by one worker. */
static void multiply_some(void *arg, unsigned worker, uint64_t from, uint64_t to)
{
    const batch *b = arg;
    const gp_workers alone = {.count = 1, .each = each_alone};
    (void)worker;
    for (uint64_t i = from; i < to; i++) (void)multiply_one(b, i, &alone, NULL);
}

static gpuproc_status multiply(multiplier *m, const gp_product_step *step, unsigned which, gpuproc_error *err)
{
    const gp_workers *workers = &m->product->options.workers;
    batch b = {m, step, which};
    gpuproc_status st = GPUPROC_OK;
    uint64_t begin = gp_now_ns();
    if (step->items == 1) st = multiply_one(&b, 0, workers, err);
    else workers->each(workers, step->items, multiply_some, &b);
    gp_product_spans_add(&m->product->spans,
                         &(gp_product_span){.stage = GPUPROC_STAGE_KERNEL, .begin_ns = begin, .end_ns = gp_now_ns(),
                                            .bytes = gp_panels_bytes(&m->panels, step), .read = step->job->read,
                                            .flags = step->job->again ? GPUPROC_SPAN_FALLBACK : 0});
    return st;
}

/* The same on the device. What it cannot the CPU does, if it may. */
static gpuproc_status multiply_there(multiplier *m, const gp_product_step *step, unsigned which, gpuproc_error *err)
{
    gp_product *p = m->product;
    gp_product_job *job = step->job;
    char *c = (char *)job->read->buffer + (step->row - job->row) * job->width * p->width;
    gpuproc_status st = m->failure;
    if (st != GPUPROC_OK) {
        *err = m->error;
    } else {
        uint64_t begin = gp_now_ns();
        st = gp_on_device_step(&m->on, &m->panels, step, which, c, err);
        if (st == GPUPROC_OK) return st;
        gp_product_spans_add(&p->spans, &(gp_product_span){.stage = GPUPROC_STAGE_KERNEL, .begin_ns = begin,
                                                           .end_ns = gp_now_ns(), .device = m->on.device,
                                                           .flags = GPUPROC_SPAN_FAILED, .read = job->read});
        give_up(m, st, err);
    }
    job->again = !p->options.no_fallback;
    return st;
}

static void note_use(multiplier *m)
{
    gp_product_counts *counts = &m->product->counts;
    size_t device = (size_t)(m - m->product->multiplier);
    if (m->on.device == NULL) counts->used_cpu = true;
    else if (device <= sizeof counts->used_device / sizeof *counts->used_device) counts->used_device[device - 1] = true;
}

static void do_step(multiplier *m, const gp_product_step *step, unsigned which)
{
    gp_product *p = m->product;
    gp_product_job *job = step->job;
    gpuproc_error err = {0};
    gpuproc_status st = gp_panels_end(&m->panels, step, which, &err);
    pthread_mutex_lock(&p->lock);
    if (st == GPUPROC_OK && p->cancelled) st = cancelled(&err);
    pthread_mutex_unlock(&p->lock);
    bool multiplies = st == GPUPROC_OK && job->status == GPUPROC_OK;
    if (multiplies) st = (m->on.device != NULL ? multiply_there : multiply)(m, step, which, &err);
    pthread_mutex_lock(&p->lock);
    if (multiplies && st == GPUPROC_OK) note_use(m);
    pthread_mutex_unlock(&p->lock);
    if (st == GPUPROC_OK || job->status != GPUPROC_OK) return;
    job->status = st;
    job->error = err;
}

/* While one step is multiplied, what the next needs is read; of the next tile too. */
static void *work(void *arg)
{
    multiplier *m = arg;
    gp_product_step step[2];
    unsigned which = 0;
    fesetenv(FE_DFL_ENV); /* as all that computes */
    if (m->on.device != NULL) open_device(m);
    while (next_step(m, NULL, &step[which])) {
        gp_panels_begin(&m->panels, &step[which], which);
        for (bool more = true; more; which ^= 1) {
            gp_product_job *job = step[which].job;
            more = next_step(m, job, &step[!which]);
            if (more) gp_panels_begin(&m->panels, &step[!which], !which);
            do_step(m, &step[which], which);
            if (job->status != GPUPROC_OK && m->cursor.job == job) m->cursor.job = NULL;
            bool goes_on = m->cursor.job == job || (more && step[!which].job == job);
            if (!goes_on) end_job(m, job);
        }
    }
    gp_on_device_close(&m->on);
    return NULL;
}

/* ---- open and close ---- */

static void close_product(void *ctx)
{
    gp_product *p = ctx;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->multipliers; i++) {
        if (p->multiplier[i].started) pthread_join(p->multiplier[i].thread, NULL);
        if (p->multiplier[i].ready) gp_panels_free(&p->multiplier[i].panels);
    }
    free(p->multiplier);
    gp_kept_free(p->kept);
    gp_product_spans_free(&p->spans);
    for (int o = 0; o < GP_OPERANDS; o++) gp_operand_close(&p->operand[o]);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static const gp_maker maker = {.read = take_read, .cancel = cancel_reads, .close = close_product};

static bool walk_fits(const gp_walk *walk, uint64_t stack, uint64_t rows, uint64_t columns)
{
    int last = walk->shape.ndim - 1;
    uint64_t items = 1;
    if (last < 1) return false;
    for (int d = 0; d < last - 1; d++) items *= (uint64_t)walk->shape.dim[d];
    return items == stack && (uint64_t)walk->shape.dim[last - 1] == rows && (uint64_t)walk->shape.dim[last] == columns;
}

static gpuproc_status start_multiplier(gp_product *p, multiplier *m, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    m->product = p;
    m->tiling = p->options.tiling;
    m->panels = (gp_panels){.spec = &p->spec, .form = p->form, .operand = p->operand, .kept = p->kept,
                            .spans = &p->spans, .workers = &p->options.workers, .depth = p->options.tiling.depth};
    if (!gp_product_room(&p->spec, &p->form, &p->options.tiling, m->panels.room))
        return gp_fail(err, GPUPROC_INTERNAL, "panels of a product of matrices are too large to count");
    GP_TRY(gp_panels_init(&m->panels, err));
    m->ready = true;
    int e = gp_io_thread_start(&m->thread, work, m);
    if (e != 0) st = gp_fail_errno(err, GPUPROC_NO_MEMORY, e, "", "cannot start a thread");
    else m->started = true;
out:
    return st;
}

/* An operand that is multiplied where it is, once. */
static void note_in_place(gp_product *p, const gp_operand *operand)
{
    uint64_t now = gp_now_ns(), elements = 1;
    for (int d = 0; d < operand->walk.shape.ndim; d++)
        if (operand->walk.stride[d] != 0) elements *= (uint64_t)operand->walk.shape.dim[d];
    uint64_t bytes = elements * gpuproc_dtype_bytes(operand->stored);
    gp_product_spans_add(&p->spans, &(gp_product_span){.stage = GPUPROC_STAGE_READ, .begin_ns = now, .end_ns = now,
                                                       .bytes = bytes, .bytes_in_place = bytes});
}

static gpuproc_status make_product(gp_product *p, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    const gp_product_spec *s = &p->spec;
    if (!walk_fits(&s->walk[GP_LEFT], s->stack, s->m, s->k) || !walk_fits(&s->walk[GP_RIGHT], s->stack, s->k, s->n))
        return gp_fail(err, GPUPROC_INTERNAL, "operands of a product of matrices do not have its shape");
    gp_product_form_of(s, &p->form);
    for (int o = 0; o < GP_OPERANDS; o++) {
        p->operand[o] = (gp_operand){.source = p->options.source[o], .walk = s->walk[o], .stored = s->operand[o],
                                     .dtype = s->dtype, .swapped = p->form.swapped[o], .conjugate = s->conjugate[o]};
        gp_operand_open(&p->operand[o], p->options.tiling.whole, o == GP_LEFT && p->form.joined);
        if (p->operand[o].base != NULL) note_in_place(p, &p->operand[o]);
    }
    if (p->options.tiling.keep_b && p->form.joined && p->operand[GP_RIGHT].base == NULL && s->k > 0)
        GP_TRY(gp_kept_new(s, &p->options.tiling, &p->kept, err));
    p->multiplier = gp_calloc(1 + p->options.devices, sizeof *p->multiplier);
    if (p->multiplier == NULL)
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a product of matrices");
    p->multipliers = 1 + p->options.devices;
    for (size_t i = 0; i < p->options.devices; i++) {
        p->multiplier[1 + i].on.device = p->options.device[i];
        if (p->options.device[i]->matrix != NULL) p->devices++;
        else
            p->failure = gp_fail(&p->failure_error, GPUPROC_DEVICE_UNSUPPORTED, "%s does not multiply matrices",
                                 p->options.device[i]->info.name);
    }
    for (size_t i = 0; i < p->multipliers; i++) {
        const gp_device *device = p->multiplier[i].on.device;
        if (device == NULL || device->matrix != NULL) GP_TRY(start_multiplier(p, &p->multiplier[i], err));
    }
out:
    return st;
}

gpuproc_status gp_product_open(const gp_product_spec *spec, const gp_product_options *options, gp_io_engine *engine,
                               gp_source **source, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_product *p = gp_calloc(1, sizeof *p);
    if (p == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a product of matrices");
    p->spec = *spec;
    p->options = *options;
    p->width = gpuproc_dtype_bytes(spec->dtype);
    p->tail = &p->head;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    gp_origin origin = {.kind = GP_ORIGIN_MADE, .dtype = spec->dtype, .fd = -1, .count = spec->stack * spec->m * spec->n,
                        .shape = {.ndim = 2, .dim = {(int64_t)(spec->stack * spec->m), (int64_t)spec->n}},
                        .maker = &maker, .maker_ctx = p};
    GP_TRY(gp_product_spans_init(&p->spans, err));
    GP_TRY(make_product(p, err));
    GP_TRY(gp_source_open(&origin, engine, false, source, err));
    p = NULL;
out:
    if (p != NULL) close_product(p);
    return st;
}

void gp_product_counts_of(const gp_source *source, gp_product_counts *counts)
{
    gp_product *p = gp_source_maker_ctx(source, &maker);
    *counts = (gp_product_counts){0};
    if (p == NULL) return;
    pthread_mutex_lock(&p->lock);
    *counts = p->counts;
    pthread_mutex_unlock(&p->lock);
}

const gp_product_span *gp_product_spans_take(const gp_source *source, size_t *count)
{
    gp_product *p = gp_source_maker_ctx(source, &maker);
    *count = 0;
    return p != NULL ? gp_product_spans_swap(&p->spans, count) : NULL;
}
