#include "io/scatter.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int64_t put(const gp_scatter *to, uint64_t at, const char *from, size_t bytes)
{
    if (to->memory != NULL) {
        memcpy(to->memory + at, from, bytes);
        return 0;
    }
    for (size_t done = 0; done < bytes;) {
        ssize_t n = pwrite(to->fd, from + done, bytes - done, (off_t)(to->offset + at + done));
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n <= 0) return n < 0 ? -errno : -EIO;
        done += (size_t)n;
    }
    return 0;
}

int64_t gp_scatter_run(const gp_scatter *to, const gp_walk *walk, const void *from)
{
    int64_t index[GPUPROC_MAX_NDIM] = {0}, element;
    gp_walk w;
    gp_walk_normalise(walk, &w);
    int axes = w.shape.ndim;
    uint64_t run = 1, count = gp_shape_size(&w.shape);
    if (axes > 0 && w.stride[axes - 1] == 1) run = (uint64_t)w.shape.dim[--axes];
    element = w.offset;
    for (uint64_t done = 0; done < count; done += run) {
        int64_t e = put(to, (uint64_t)element * to->width, (const char *)from + done * to->width, run * to->width);
        if (e != 0) return e;
        for (int d = axes - 1; d >= 0; d--) {
            element += w.stride[d];
            if (++index[d] < w.shape.dim[d]) break;
            element -= w.shape.dim[d] * w.stride[d];
            index[d] = 0;
        }
    }
    return 0;
}
