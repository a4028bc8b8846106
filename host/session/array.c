/* Arrays: headers are read and checked here; data is read when a job runs. */
#include "base/memory.h"
#include "base/text.h"
#include "format/npy.h"
#include "session/session.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool gp_origin_copy(const gp_origin *from, gp_origin *to)
{
    gp_origin copy = *from;
    copy.path = from->path != NULL ? gp_strdup(from->path) : NULL;
    copy.fd = from->fd >= 0 ? fcntl(from->fd, F_DUPFD_CLOEXEC, 3) : -1;
    if ((from->path != NULL && copy.path == NULL) || (from->fd >= 0 && copy.fd < 0)) {
        gp_origin_free(&copy);
        return false;
    }
    *to = copy;
    return true;
}

void gp_origin_free(gp_origin *origin)
{
    free(origin->path);
    if (origin->fd >= 0) close(origin->fd);
    *origin = (gp_origin){.fd = -1};
}

void gpuproc_array_free(gpuproc_array *array)
{
    if (array == NULL) return;
    gp_origin_free(&array->origin);
    free(array);
}

static gpuproc_status array_new(gpuproc_array **array, const char *format, gpuproc_error *err)
{
    if (array == NULL)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "array is NULL: nowhere to put the handle");
    *array = gp_calloc(1, sizeof **array);
    if (*array == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for an array");
    (*array)->format = format;
    (*array)->origin.fd = -1;
    return GPUPROC_OK;
}

/* ---- Opening files and standard input ------------------------------------ */

typedef struct opened {
    int fd;
    bool stream;        /* a pipe: cannot be read twice or out of order */
    bool standard;      /* fd is standard input, not ours to close */
    uint64_t position;  /* where the array's bytes begin */
    uint64_t size;      /* of a file */
    const char *path;   /* by which a file can be opened again */
} opened;

static gpuproc_status open_input(const char *path, opened *o, gpuproc_error *err)
{
    struct stat info;
    if (path == NULL || *path == '\0')
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "the path of the array is empty");
    o->standard = strcmp(path, "-") == 0;
    o->path = o->standard ? "/dev/stdin" : path;
    o->fd = o->standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (o->fd < 0)
        return gp_fail_errno(err, GPUPROC_IO_OPEN, errno, path, "cannot open '%s'", path);
    if (fstat(o->fd, &info) != 0)
        return gp_fail_errno(err, GPUPROC_IO_OPEN, errno, path, "cannot open '%s'", path);
    if (S_ISDIR(info.st_mode))
        return gp_fail_errno(err, GPUPROC_IO_OPEN, EISDIR, path, "cannot read '%s'", path);
    o->stream = !S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode);
    if (!o->stream) {
        off_t at = o->standard ? lseek(o->fd, 0, SEEK_CUR) : 0;
        off_t end = S_ISBLK(info.st_mode) ? lseek(o->fd, 0, SEEK_END) : info.st_size;
        o->position = at > 0 ? (uint64_t)at : 0;
        o->size = end > 0 ? (uint64_t)end : 0;
    }
    return GPUPROC_OK;
}

static void close_input(const opened *o)
{
    if (o->fd >= 0 && !o->standard) close(o->fd);
}

/* Up to `bytes` from where the descriptor stands; fewer only at the end. */
static gpuproc_status read_some(const opened *o, const char *where, void *buffer, size_t bytes,
                                uint64_t position, size_t *got, gpuproc_error *err)
{
    *got = 0;
    while (*got < bytes) {
        char *to = (char *)buffer + *got;
        ssize_t n = o->stream ? read(o->fd, to, bytes - *got)
                              : pread(o->fd, to, bytes - *got, (off_t)(position + *got));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return gp_fail_errno(err, GPUPROC_IO_READ, errno, where, "cannot read '%s'", where);
        if (n == 0) break;
        *got += (size_t)n;
    }
    return GPUPROC_OK;
}

/* Fills the origin's place; a stream's descriptor is kept, since it cannot be opened again. */
static gpuproc_status place(gpuproc_array *array, opened *o, const char *path, gpuproc_error *err)
{
    array->origin.kind = o->stream ? GP_ORIGIN_STREAM : GP_ORIGIN_FILE;
    array->origin.path = gp_strdup(o->stream ? path : o->path);
    if (array->origin.path == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
    if (!o->stream) return GPUPROC_OK;
    array->origin.fd = fcntl(o->fd, F_DUPFD_CLOEXEC, 3);
    if (array->origin.fd < 0)
        return gp_fail_errno(err, GPUPROC_IO_OPEN, errno, path, "cannot keep '%s' open", path);
    return GPUPROC_OK;
}

/* Checks that a file holds the array's bytes behind data_offset. */
static gpuproc_status check_size(gpuproc_array *array, const opened *o, const char *where,
                                 gpuproc_error *err)
{
    uint64_t need = array->origin.count * gpuproc_dtype_bytes(array->origin.dtype), end;
    if (o->stream) return GPUPROC_OK;
    if (!gp_add_u64(array->origin.data_offset, need, &end) || end > o->size) {
        uint64_t there = o->size > array->origin.data_offset ? o->size - array->origin.data_offset : 0;
        char shape[160];
        return gp_fail_where(err, GPUPROC_TRUNCATED, where,
                             "'%s' is truncated: %s %s needs %" PRIu64 " bytes of data, the file "
                             "has %" PRIu64 " (%" PRIu64 " are missing)",
                             where, gpuproc_dtype_name(array->origin.dtype),
                             gp_shape_text(&array->origin.shape, shape, sizeof shape), need, there,
                             need - there);
    }
    array->extra_bytes = o->size - end;
    return GPUPROC_OK;
}

/* The header's bytes: of a stream exactly they are taken from it. */
static gpuproc_status read_header(const opened *o, const char *where, char *buffer, size_t *bytes,
                                  gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    uint64_t total;
    size_t more;
    GP_TRY(read_some(o, where, buffer, 12, o->position, bytes, err));
    GP_TRY(gp_npy_header_bytes(buffer, *bytes, where, &total, err));
    if (total <= *bytes) goto out;
    if (total > GP_NPY_MAX_HEADER) {
        st = gp_fail_where(err, GPUPROC_BAD_HEADER, where,
                           "'%s': the header is %" PRIu64 " bytes long, at most %d are accepted",
                           where, total, GP_NPY_MAX_HEADER);
        goto out;
    }
    GP_TRY(read_some(o, where, buffer + *bytes, (size_t)total - *bytes, o->position + *bytes, &more,
                     err));
    *bytes += more;
out:
    return st;
}

gpuproc_status gpuproc_array_open_npy(const char *path, gpuproc_array **array, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_array *a = NULL;
    opened o = {.fd = -1};
    char *buffer = NULL;
    size_t bytes = 0;
    gp_npy_header header;
    GP_TRY(array_new(array ? &a : NULL, "npy", err));
    GP_TRY(open_input(path, &o, err));
    buffer = gp_calloc(GP_NPY_MAX_HEADER, 1);
    if (buffer == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a header");
        goto out;
    }
    GP_TRY(read_header(&o, path, buffer, &bytes, err));
    GP_TRY(gp_npy_parse(buffer, bytes, path, &header, err));
    a->origin.dtype = header.dtype;
    a->origin.shape = header.shape;
    a->origin.big_endian = header.big_endian;
    a->origin.fortran = header.fortran;
    a->origin.data_offset = o.position + header.data_offset;
    st = gp_shape_count(&header.shape, gpuproc_dtype_bytes(header.dtype), &a->origin.count, err);
    if (st != GPUPROC_OK) goto out;
    GP_TRY(place(a, &o, path, err));
    GP_TRY(check_size(a, &o, path, err));
out:
    free(buffer);
    close_input(&o);
    if (st == GPUPROC_OK) *array = a;
    else gpuproc_array_free(a);
    return st;
}

/* ---- Raw files ------------------------------------------------------------ */

/* Fills a length that was left open (-1) from the bytes that the file holds. */
static gpuproc_status open_length(gpuproc_array *array, const opened *o, const char *where,
                                  gpuproc_error *err)
{
    gp_shape *shape = &array->origin.shape;
    uint64_t item = gpuproc_dtype_bytes(array->origin.dtype), per_row = item;
    int open_axis = -1;
    for (int d = 0; d < shape->ndim; d++) {
        if (shape->dim[d] == -1 && open_axis < 0) open_axis = d;
        else if (shape->dim[d] >= 0 && !gp_mul_u64(per_row, (uint64_t)shape->dim[d], &per_row))
            return gp_fail_where(err, GPUPROC_BAD_SHAPE, where, "'%s': the shape is too large", where);
    }
    if (open_axis < 0) return GPUPROC_OK;
    if (o->stream)
        return gp_fail_where(err, GPUPROC_BAD_SHAPE, where,
                             "a raw pipe needs its whole shape: it does not tell its length");
    if (array->origin.data_offset > o->size)
        return gp_fail_where(err, GPUPROC_TRUNCATED, where,
                             "'%s': the offset %" PRIu64 " lies behind the end of the file (%" PRIu64
                             " bytes)",
                             where, array->origin.data_offset, o->size);
    uint64_t bytes = o->size - array->origin.data_offset;
    if (per_row == 0 || bytes % per_row != 0)
        return gp_fail_where(err, GPUPROC_TRUNCATED, where,
                             "'%s' has %" PRIu64 " bytes of data, which is not a whole number of "
                             "%" PRIu64 "-byte rows",
                             where, bytes, per_row);
    shape->dim[open_axis] = (int64_t)(bytes / per_row);
    return GPUPROC_OK;
}

gpuproc_status gpuproc_array_open_raw(const char *path, const gpuproc_raw_layout *layout,
                                      gpuproc_array **array, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_array *a = NULL;
    opened o = {.fd = -1};
    if (layout == NULL || layout->struct_size < sizeof *layout ||
        gpuproc_dtype_bytes(layout->dtype) == 0 || layout->ndim < -1 ||
        layout->ndim > GPUPROC_MAX_NDIM || (layout->ndim > 0 && layout->shape == NULL))
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT,
                       "a raw layout needs struct_size, a dtype and at most %d lengths",
                       GPUPROC_MAX_NDIM);
    GP_TRY(array_new(array ? &a : NULL, "raw", err));
    a->origin.dtype = layout->dtype;
    a->origin.big_endian = layout->big_endian && gpuproc_dtype_bytes(layout->dtype) > 1;
    a->origin.fortran = layout->fortran_order;
    a->origin.shape.ndim = layout->ndim < 0 ? 1 : layout->ndim;
    a->origin.shape.dim[0] = -1;
    for (int d = 0; d < layout->ndim; d++) a->origin.shape.dim[d] = layout->shape[d];
    GP_TRY(open_input(path, &o, err));
    if (!gp_add_u64(o.position, layout->offset, &a->origin.data_offset)) {
        st = gp_fail_where(err, GPUPROC_BAD_SHAPE, path, "'%s': the offset is too large", path);
        goto out;
    }
    GP_TRY(open_length(a, &o, path, err));
    GP_TRY(gp_shape_count(&a->origin.shape, gpuproc_dtype_bytes(layout->dtype), &a->origin.count, err));
    GP_TRY(place(a, &o, path, err));
    GP_TRY(check_size(a, &o, path, err));
    for (uint64_t skip = layout->offset; o.stream && skip > 0;) { /* a pipe: read past the offset */
        char waste[4096];
        size_t got;
        GP_TRY(read_some(&o, path, waste, (size_t)gp_min_u64(skip, sizeof waste), 0, &got, err));
        if (got == 0) {
            st = gp_fail_where(err, GPUPROC_TRUNCATED, path,
                               "'%s' ended before the offset of %" PRIu64 " bytes", path,
                               layout->offset);
            goto out;
        }
        skip -= got;
    }
out:
    close_input(&o);
    if (st == GPUPROC_OK) *array = a;
    else gpuproc_array_free(a);
    return st;
}

/* ---- Memory and functions -------------------------------------------------- */

static gpuproc_status describe(gpuproc_array *a, gpuproc_dtype dtype, int ndim,
                               const int64_t *shape, gpuproc_error *err)
{
    if (gpuproc_dtype_bytes(dtype) == 0)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "dtype %d does not exist", (int)dtype);
    if (ndim < 0 || ndim > GPUPROC_MAX_NDIM || (ndim > 0 && shape == NULL))
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "%d dimensions: 0 to %d are possible", ndim,
                       GPUPROC_MAX_NDIM);
    a->origin.dtype = dtype;
    a->origin.shape.ndim = ndim;
    for (int d = 0; d < ndim; d++) a->origin.shape.dim[d] = shape[d];
    return gp_shape_count(&a->origin.shape, gpuproc_dtype_bytes(dtype), &a->origin.count, err);
}

gpuproc_status gpuproc_array_from_memory(gpuproc_dtype dtype, int ndim, const int64_t *shape,
                                         const void *data, gpuproc_array **array,
                                         gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_array *a = NULL;
    size_t alignment = gpuproc_dtype_bytes(dtype) > 8 ? 8 : gpuproc_dtype_bytes(dtype);
    GP_TRY(array_new(array ? &a : NULL, "memory", err));
    GP_TRY(describe(a, dtype, ndim, shape, err));
    if (a->origin.count > 0 && (data == NULL || (uintptr_t)data % alignment != 0)) {
        st = gp_fail(err, GPUPROC_INVALID_ARGUMENT, "data is %s",
                     data == NULL ? "NULL" : "not aligned to its dtype");
        goto out;
    }
    a->origin.kind = GP_ORIGIN_MEMORY;
    a->origin.data = data;
out:
    if (st == GPUPROC_OK) *array = a;
    else gpuproc_array_free(a);
    return st;
}

gpuproc_status gpuproc_array_from_function(gpuproc_dtype dtype, int ndim, const int64_t *shape,
                                           gpuproc_generate_fn generate, void *ctx,
                                           gpuproc_array **array, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_array *a = NULL;
    GP_TRY(array_new(array ? &a : NULL, "call", err));
    GP_TRY(describe(a, dtype, ndim, shape, err));
    if (generate == NULL) {
        st = gp_fail(err, GPUPROC_INVALID_ARGUMENT, "the function is NULL");
        goto out;
    }
    a->origin.kind = GP_ORIGIN_FUNCTION;
    a->origin.generate = generate;
    a->origin.generate_ctx = ctx;
out:
    if (st == GPUPROC_OK) *array = a;
    else gpuproc_array_free(a);
    return st;
}

gpuproc_status gpuproc_array_info_get(const gpuproc_array *array, gpuproc_array_info *info,
                                      gpuproc_error *err)
{
    if (array == NULL || info == NULL || info->struct_size < sizeof *info)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "array info: an array and struct_size are needed");
    const gp_origin *o = &array->origin;
    *info = (gpuproc_array_info){.struct_size = info->struct_size, .dtype = o->dtype,
                                 .ndim = o->shape.ndim, .count = o->count,
                                 .bytes = o->count * gpuproc_dtype_bytes(o->dtype),
                                 .data_offset = o->data_offset, .extra_bytes = array->extra_bytes,
                                 .fortran_order = o->fortran, .big_endian = o->big_endian};
    memcpy(info->shape, o->shape.dim, sizeof info->shape);
    memcpy(info->format, array->format, strlen(array->format) + 1);
    return GPUPROC_OK;
}
