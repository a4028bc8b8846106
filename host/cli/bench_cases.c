/* The suite. Sizes go from what a cache holds to what only memory holds; files go beyond the memory that the job
 * is allowed, and the last one beyond the machine's own. */
#include "bench.h"

#define KI UINT64_C(1024)
#define MI (KI * KI)
#define MIB MI
#define BEYOND UINT64_MAX /* the memory of the machine: known when it is asked */

/* clang-format off */
const bench_case bench_cases[] = {
    /* name, group, expression, data, inputs, array, flops, ulp, sizes, quick, memory */
    {"hypot", "element-wise", "sqrt(x*x + y*y)", BENCH_VECTORS, 2, true, 4, 0, {16 * KI, 1 * MI, 32 * MI}, 16 * KI, 0},
    /* sin and exp may be wrong by 1 unit on the CPU, by 4 and 3 on a device; exp carries sin's on. */
    {"expsin", "transcendental", "exp(sin(x))*y", BENCH_VECTORS, 2, true, 40, 12, {16 * KI, 1 * MI, 16 * MI}, 16 * KI,
     0},
    {"sum", "reduction", "sum(x)", BENCH_VECTORS, 1, false, 1, 0, {16 * KI, 1 * MI, 32 * MI}, 16 * KI, 0},
    {"four", "multi-reduction", "mean(x); std(x); min(x); max(x)", BENCH_VECTORS, 1, false, 6, 0,
     {16 * KI, 1 * MI, 32 * MI}, 16 * KI, 0},
    {"columns", "axis reduction", "sum(x, axis=0)", BENCH_ROWS, 1, true, 1, 0, {16 * KI, 1 * MI, 32 * MI}, 16 * KI, 0},
    {"rows", "axis reduction", "sum(x, axis=1)", BENCH_ROWS, 1, true, 1, 0, {16 * KI, 1 * MI, 32 * MI}, 16 * KI, 0},
    {"cumsum", "scan", "cumsum(x)", BENCH_VECTORS, 1, true, 1, 0, {16 * KI, 1 * MI, 16 * MI}, 16 * KI, 0},
    /* Another order of the products' sum: a unit for each of its terms at most (all are positive). */
    {"matmul", "matrix", "x @ y", BENCH_SQUARE, 2, true, 2, -1, {128 * 128, 512 * 512, 1024 * 1024}, 64 * 64, 0},
    {"gram", "matrix", "x.T @ x", BENCH_TALL, 1, true, 64, 0, {16 * KI, 1 * MI, 16 * MI}, 16 * KI, 0},
    {"transpose", "matrix", "x.T", BENCH_SQUARE, 1, true, 0, 0, {128 * 128, 1024 * 1024, 4096 * 4096}, 64 * 64, 0},
    {"file-sum", "streaming", "sum(x)", BENCH_CACHED, 1, false, 1, 0, {2 * MI, 64 * MI}, 16 * KI, 64 * MIB},
    {"file-map", "streaming", "exp(sin(x))*y", BENCH_CACHED, 2, true, 40, 12, {2 * MI, 16 * MI}, 16 * KI, 64 * MIB},
    {"cold-sum", "streaming, cold", "sum(sqrt(x*x + 1))", BENCH_COLD, 1, false, 4, 0, {64 * MI}, 16 * KI, 64 * MIB},
    {"beyond", "beyond memory", "sum(x)", BENCH_GENERATED, 1, false, 1, 0, {1 * MI, 64 * MI, BEYOND}, 16 * KI,
     64 * MIB},
    {"small-jobs", "many small jobs", "x*2 + 1", BENCH_SMALL, 1, true, 2, 0, {1 * KI}, 1 * KI, 0},
};
/* clang-format on */
const size_t bench_case_count = sizeof bench_cases / sizeof *bench_cases;
