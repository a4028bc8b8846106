/* Question 4: one buffer as large as can be, both of whose ends are written and read. */
#include "gpu.h"

#include <stdio.h>

static cl_int try_buffer(const gpu *g, cl_command_queue queue, cl_ulong bytes)
{
    cl_int code;
    unsigned char in = 77, out = 0;
    cl_mem buffer = clCreateBuffer(g->context, CL_MEM_READ_WRITE, (size_t)bytes, NULL, &code);
    if (buffer == NULL) return code;
    for (int end = 0; end < 2 && code == CL_SUCCESS; end++) {
        size_t at = end ? (size_t)bytes - 1 : 0;
        code = clEnqueueWriteBuffer(queue, buffer, CL_TRUE, at, 1, &in, 0, NULL, NULL);
        if (code == CL_SUCCESS) code = clEnqueueReadBuffer(queue, buffer, CL_TRUE, at, 1, &out, 0, NULL, NULL);
        if (code == CL_SUCCESS && out != in) code = CL_INVALID_VALUE;
    }
    clReleaseMemObject(buffer);
    return code;
}

void ask_memory(const gpu *g)
{
    static const double parts[] = {0.24, 0.3, 0.5, 0.75, 0.9};
    cl_command_queue queue = queue_new(g, 0);
    for (size_t i = 0; queue != NULL && i < sizeof parts / sizeof parts[0]; i++) {
        cl_ulong bytes = (cl_ulong)((double)g->memory * parts[i]);
        char what[96];
        snprintf(what, sizeof what, "one buffer of %.0f %% of the memory", parts[i] * 100);
        cl_int code = try_buffer(g, queue, bytes);
        if (code == CL_SUCCESS) tell(4, what, (double)bytes * 1e-9, "GB");
        else tell_failed(4, what, code);
    }
    if (queue != NULL) clReleaseCommandQueue(queue);
}
