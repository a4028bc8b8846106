/* What every layer has: its name told to the loader, and the table of the next one. */
#ifndef LAYER_H
#define LAYER_H

#include <CL/cl.h>
#include <CL/cl_layer.h>

#include <string.h>

#define EXPORT __attribute__((visibility("default")))

static const cl_icd_dispatch *target; /* the next one */
static cl_icd_dispatch layer;         /* this one */

/* Answers a query as OpenCL's functions do. */
static inline cl_int answer(const void *value, size_t bytes, size_t room, void *to, size_t *needed)
{
    if (needed != NULL) *needed = bytes;
    if (to != NULL && room < bytes) return CL_INVALID_VALUE;
    if (to != NULL) memcpy(to, value, bytes);
    return CL_SUCCESS;
}

/* clGetLayerInfo of a layer with this name. */
static inline cl_int layer_info(const char *name, cl_layer_info what, size_t room, void *value,
                                size_t *needed)
{
    cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    if (what == CL_LAYER_API_VERSION) return answer(&version, sizeof version, room, value, needed);
    if (what == CL_LAYER_NAME) return answer(name, strlen(name) + 1, room, value, needed);
    return CL_INVALID_VALUE;
}

/* The first half of clInitLayer: this layer does what the next one does. */
static inline cl_int layer_begin(cl_uint count, const cl_icd_dispatch *next, cl_uint *filled,
                                 const cl_icd_dispatch **mine)
{
    cl_uint entries = sizeof layer / sizeof layer.clGetPlatformIDs;
    if (next == NULL || filled == NULL || mine == NULL || count < entries) return CL_INVALID_VALUE;
    target = next;
    layer = *next;
    *mine = &layer;
    *filled = entries;
    return CL_SUCCESS;
}

#endif
