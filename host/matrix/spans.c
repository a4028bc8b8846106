/* When who read and multiplied what: noted by the product's threads, taken by its owner. */
#include "matrix/product_impl.h"

#include "base/memory.h"

#include <string.h>

#define MOST 2048 /* that wait to be taken */

gpuproc_status gp_product_spans_init(gp_product_spans *s, gpuproc_error *err)
{
    s->now = gp_calloc(MOST, sizeof *s->now);
    s->taken = gp_calloc(MOST, sizeof *s->taken);
    if (s->now == NULL || s->taken == NULL || pthread_mutex_init(&s->lock, NULL) != 0) {
        free(s->now);
        free(s->taken);
        *s = (gp_product_spans){0};
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a product of matrices");
    }
    return GPUPROC_OK;
}

void gp_product_spans_free(gp_product_spans *s)
{
    if (s->now == NULL) return;
    pthread_mutex_destroy(&s->lock);
    free(s->now);
    free(s->taken);
}

/* The last one of its kind, which takes it up where there is no room: bytes stay right, times become coarser. */
static gp_product_span *like(gp_product_spans *s, const gp_product_span *span)
{
    for (size_t i = s->count; i > 0; i--) {
        gp_product_span *one = &s->now[i - 1];
        if (one->stage == span->stage && one->device == span->device) return one;
    }
    return NULL;
}

void gp_product_spans_add(gp_product_spans *s, const gp_product_span *span)
{
    if (span->end_ns == 0) return;
    pthread_mutex_lock(&s->lock);
    gp_product_span *one = s->count < MOST ? NULL : like(s, span);
    if (one != NULL) {
        one->begin_ns = gp_min_u64(one->begin_ns, span->begin_ns);
        one->end_ns = gp_max_u64(one->end_ns, span->end_ns);
        one->bytes += span->bytes;
        one->bytes_in_place += span->bytes_in_place;
        one->flags |= span->flags;
    } else if (s->count < MOST) {
        s->now[s->count++] = *span;
    }
    pthread_mutex_unlock(&s->lock);
}

const gp_product_span *gp_product_spans_swap(gp_product_spans *s, size_t *count)
{
    pthread_mutex_lock(&s->lock);
    gp_product_span *full = s->now;
    *count = s->count;
    s->now = s->taken;
    s->taken = full;
    s->count = 0;
    pthread_mutex_unlock(&s->lock);
    return full;
}
