/* Questions 5, 6 and 10: what the compiler takes, and what it costs. */
#include "gpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool runs(const gpu *g, cl_kernel kernel)
{
    cl_int code;
    size_t items = 32, local = 32;
    cl_mem out = clCreateBuffer(g->context, CL_MEM_READ_WRITE, 65536, NULL, &code);
    cl_command_queue queue = queue_new(g, 0);
    bool good = out != NULL && queue != NULL && clSetKernelArg(kernel, 0, sizeof out, &out) == CL_SUCCESS &&
                clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &items, &local, 0, NULL, NULL) == CL_SUCCESS &&
                clFinish(queue) == CL_SUCCESS;
    if (queue != NULL) clReleaseCommandQueue(queue);
    if (out != NULL) clReleaseMemObject(out);
    return good;
}

/* ---- 5 ---- */

static const struct {
    const char *what, *body;
} probes[] = {
    {"mma.sync m16n8k16 f16, sums in f32",
     "uint a = 0, b = 0; float c0 = 0, c1 = 0, c2 = 0, c3 = 0;\n"
     "asm volatile(\"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3},{%4,%4,%4,%4},{%5,%5},{%0,%1,%2,%3};\"\n"
     " : \"+f\"(c0), \"+f\"(c1), \"+f\"(c2), \"+f\"(c3) : \"r\"(a), \"r\"(b));\n"
     "out[get_local_id(0)] = c0 + c1 + c2 + c3;\n"},
    {"mma.sync m16n8k16 bf16, sums in f32",
     "uint a = 0, b = 0; float c0 = 0, c1 = 0, c2 = 0, c3 = 0;\n"
     "asm volatile(\"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3},{%4,%4,%4,%4},{%5,%5},{%0,%1,%2,%3};\"\n"
     " : \"+f\"(c0), \"+f\"(c1), \"+f\"(c2), \"+f\"(c3) : \"r\"(a), \"r\"(b));\n"
     "out[get_local_id(0)] = c0 + c1 + c2 + c3;\n"},
    {"mma.sync m16n8k8 tf32",
     "uint a = 0, b = 0; float c0 = 0, c1 = 0, c2 = 0, c3 = 0;\n"
     "asm volatile(\"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3},{%4,%4,%4,%4},{%5,%5},{%0,%1,%2,%3};\"\n"
     " : \"+f\"(c0), \"+f\"(c1), \"+f\"(c2), \"+f\"(c3) : \"r\"(a), \"r\"(b));\n"
     "out[get_local_id(0)] = c0 + c1 + c2 + c3;\n"},
    {"wmma m16n16k16 f16: load, mma, store",
     "__local ushort tile[256]; __local float sums[256];\n"
     "for (uint i = get_local_id(0); i < 256; i += 32) { tile[i] = 0; sums[i] = 0; }\n"
     "barrier(CLK_LOCAL_MEM_FENCE);\n"
     "uint a0, a1, a2, a3, a4, a5, a6, a7;\n"
     "uint at; asm(\"{ .reg .u64 t; cvta.to.shared.u64 t, %1; cvt.u32.u64 %0, t; }\" : \"=r\"(at) : \"l\"(tile));\n"
     "asm volatile(\"wmma.load.a.sync.aligned.m16n16k16.shared.row.f16 {%0,%1,%2,%3,%4,%5,%6,%7}, [%8], 16;\"\n"
     " : \"=r\"(a0), \"=r\"(a1), \"=r\"(a2), \"=r\"(a3), \"=r\"(a4), \"=r\"(a5), \"=r\"(a6), \"=r\"(a7) : \"r\"(at));\n"
     "out[get_local_id(0)] = (float)(a0 + a7) + sums[0];\n"},
    {"cp.async, 16 bytes to local memory",
     "__local float4 tile[32];\n"
     "uint at; asm(\"{ .reg .u64 t; cvta.to.shared.u64 t, %1; cvt.u32.u64 %0, t; }\" : \"=r\"(at) : \"l\"(tile + get_local_id(0)));\n"
     "asm volatile(\"cp.async.cg.shared.global [%0], [%1], 16;\" :: \"r\"(at), \"l\"(out + 4 * get_local_id(0)));\n"
     "asm volatile(\"cp.async.commit_group; cp.async.wait_group 0;\");\n"
     "barrier(CLK_LOCAL_MEM_FENCE);\n"
     "out[get_local_id(0)] = tile[0].x;\n"},
    {"ldmatrix x4",
     "__local ushort tile[256]; uint a, b, c, d;\n"
     "uint at; asm(\"{ .reg .u64 t; cvta.to.shared.u64 t, %1; cvt.u32.u64 %0, t; }\" : \"=r\"(at) : \"l\"(tile + 8 * get_local_id(0)));\n"
     "asm volatile(\"ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\" : \"=r\"(a), \"=r\"(b), \"=r\"(c), \"=r\"(d) : \"r\"(at));\n"
     "out[get_local_id(0)] = (float)(a ^ b ^ c ^ d);\n"},
    {"wgmma.fence (needs sm_90a)",
     "asm volatile(\"wgmma.fence.sync.aligned;\");\nout[get_local_id(0)] = 1;\n"},
};

static bool quietly_builds(const gpu *g, const char *source, cl_kernel *kernel)
{
    cl_int code;
    cl_program program = clCreateProgramWithSource(g->context, 1, &source, NULL, &code);
    *kernel = NULL;
    if (program == NULL) return false;
    if (clBuildProgram(program, 1, &g->device, "", NULL, NULL) == CL_SUCCESS) *kernel = clCreateKernel(program, "probe", &code);
    clReleaseProgram(program);
    return *kernel != NULL;
}

/* What inline assembly cannot name: a target of our own choice. */
static void ask_ptx(const gpu *g)
{
    static const char text[] = ".version 8.0\n.target sm_90a\n.address_size 64\n"
                               ".visible .entry probe(.param .u64 .ptr .global .align 4 out)\n{\n"
                               ".reg .u64 %rd<2>; .reg .f32 %f<2>;\n"
                               "ld.param.u64 %rd1, [out];\nwgmma.fence.sync.aligned;\n"
                               "mov.f32 %f1, 0f3F800000;\nst.global.f32 [%rd1], %f1;\nret;\n}\n";
    const unsigned char *from = (const unsigned char *)text;
    size_t bytes = sizeof text;
    cl_int code, state;
    cl_kernel kernel = NULL;
    cl_program program = clCreateProgramWithBinary(g->context, 1, &g->device, &bytes, &from, &state, &code);
    bool built = program != NULL && clBuildProgram(program, 1, &g->device, "", NULL, NULL) == CL_SUCCESS;
    if (built) kernel = clCreateKernel(program, "probe", &code);
    tell_text(5, "a program of PTX for sm_90a, with wgmma.fence",
              kernel == NULL ? "does not build" : runs(g, kernel) ? "builds and runs" : "builds, does not run");
    if (kernel != NULL) clReleaseKernel(kernel);
    if (program != NULL) clReleaseProgram(program);
}

void ask_assembly(const gpu *g)
{
    char vendor[128] = "", source[4096];
    clGetDeviceInfo(g->device, CL_DEVICE_VENDOR, sizeof vendor, vendor, NULL);
    if (strstr(vendor, "NVIDIA") == NULL) {
        tell_text(5, "inline assembly", "not asked: the probes are PTX");
        return;
    }
    for (size_t i = 0; i < sizeof probes / sizeof probes[0]; i++) {
        cl_kernel kernel;
        snprintf(source, sizeof source, "__kernel void probe(__global float *out)\n{\n%s}\n", probes[i].body);
        bool built = quietly_builds(g, source, &kernel);
        tell_text(5, probes[i].what, !built ? "does not build" : runs(g, kernel) ? "builds and runs" : "builds, does not run");
        if (kernel != NULL) clReleaseKernel(kernel);
    }
    ask_ptx(g);
}

/* ---- 6 ---- */

/* Operations a second of a kernel that multiplies and adds, `per` of them a round and work item. */
static double rate(const gpu *g, const char *body, double per)
{
    char source[1024];
    cl_kernel kernel;
    cl_int code;
    size_t items = (size_t)1 << 20, local = 64;
    cl_uint rounds = 4096;
    double took[5] = {0};
    snprintf(source, sizeof source, "__kernel void probe(__global float *out, uint rounds)\n{\n%s}\n", body);
    if (!quietly_builds(g, source, &kernel)) return 0;
    cl_mem out = clCreateBuffer(g->context, CL_MEM_WRITE_ONLY, items * 4, NULL, &code);
    cl_command_queue queue = queue_new(g, 0);
    bool good = out != NULL && queue != NULL;
    clSetKernelArg(kernel, 0, sizeof out, &out);
    for (int k = -3; good && k < 5; k++) {
        clSetKernelArg(kernel, 1, sizeof rounds, &rounds);
        double begin = now();
        good = clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &items, &local, 0, NULL, NULL) == CL_SUCCESS &&
               clFinish(queue) == CL_SUCCESS;
        double t = now() - begin;
        if (k < 0 && t > 0.2) rounds = rounds / 8 + 1; /* a slow device */
        if (k >= 0) took[k] = t;
    }
    if (queue != NULL) clReleaseCommandQueue(queue);
    if (out != NULL) clReleaseMemObject(out);
    clReleaseKernel(kernel);
    return good ? per * (double)rounds * (double)items / median(took, 5) : 0;
}

void ask_half(const gpu *g)
{
    double single = rate(g, "float4 a = (float)get_global_id(0), b = 1.0001f;\nfor (uint i = 0; i < rounds; i++) a = fma(a, b, b);\nout[get_global_id(0)] = a.x + a.y + a.z + a.w;\n", 8);
    tell(6, "cl_khr_fp16 is reported", g->fp16, "yes");
    tell(6, "float32 multiply-adds", single * 1e-12, "TFLOP/s");
    static const char *const half =
        "half2 a = (half2)((half)1.0f), b = (half2)((half)0.999f), c = a, d = a, e = a;\n"
        "for (uint i = 0; i < rounds; i++) { a = a * b + b; c = c * b + b; d = d * b + b; e = e * b + b; }\n"
        "out[get_global_id(0)] = (float)a.x + (float)c.y + (float)d.x + (float)e.y;\n";
    double plain = rate(g, half, 16);
    if (plain > 0 && single > 0) tell(6, "half2 arithmetic, by float32", plain / single, "times");
    else tell_text(6, "half2 arithmetic without the extension", "does not build");
}

/* ---- 10 ---- */

void ask_building(const gpu *g)
{
    char source[8192], line[128];
    size_t at = 0;
    cl_int code;
    /* Never built before: the time of day is in it. */
    at += (size_t)snprintf(source, sizeof source, "__kernel void probe(__global float *x)\n{\n    float v = x[get_global_id(0)] + %.17gf;\n", now());
    for (int i = 0; i < 60; i++) {
        snprintf(line, sizeof line, "    v = sqrt(v * %d.5f + 1.0f) + sin(v);\n", i);
        at += (size_t)snprintf(source + at, sizeof source - at, "%s", line);
    }
    snprintf(source + at, sizeof source - at, "    x[get_global_id(0)] = v;\n}\n");
    const char *text = source;
    unsigned char *binary = NULL;
    size_t bytes = 0;
    for (int k = 0; k < 2; k++) {
        double begin = now();
        cl_program program = clCreateProgramWithSource(g->context, 1, &text, NULL, &code);
        if (program != NULL) code = clBuildProgram(program, 1, &g->device, "", NULL, NULL);
        if (code != CL_SUCCESS) tell_failed(10, "a program", code);
        else tell(10, k ? "the same program again" : "a program from source", (now() - begin) * 1e3, "ms");
        if (program == NULL || code != CL_SUCCESS) return;
        if (k == 1 && clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof bytes, &bytes, NULL) == CL_SUCCESS && bytes > 0) {
            binary = malloc(bytes);
            if (binary != NULL) clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL);
        }
        clReleaseProgram(program);
    }
    if (binary == NULL) return;
    double begin = now();
    const unsigned char *from = binary;
    cl_program program = clCreateProgramWithBinary(g->context, 1, &g->device, &bytes, &from, NULL, &code);
    if (program != NULL) code = clBuildProgram(program, 1, &g->device, "", NULL, NULL);
    if (code == CL_SUCCESS) tell(10, "the program from its binary", (now() - begin) * 1e3, "ms");
    else tell_failed(10, "the program from its binary", code);
    tell(10, "size of the binary", (double)bytes, "B");
    if (program != NULL) clReleaseProgram(program);
    free(binary);
}
