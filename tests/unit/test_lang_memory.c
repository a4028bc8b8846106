/* Every allocation of the compiler fails once, in turn: a clean NO_MEMORY and no leak. The
 * library's base/memory.c is replaced by the functions below: as they define all of
 * its names that the compiler needs, the linker leaves it out. */
#include "base/memory.h"
#include "lang/compile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int allocations, failing; /* the number of the one that fails; 0: none */

static bool refused(void) { return ++allocations == failing; }

void *gp_calloc(size_t count, size_t size)
{
    return refused() ? NULL : calloc(count ? count : 1, size ? size : 1);
}

bool gp_grow(void *array, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity) return true;
    if (refused()) return false;
    void *old;
    memcpy(&old, array, sizeof old);
    void *grown = realloc(old, 2 * need * size);
    if (grown == NULL) return false;
    memcpy(array, &grown, sizeof grown);
    *capacity = 2 * need;
    return true;
}

static void every_allocation(void **state)
{
    (void)state;
    static const char text[] = "lo = min(x); n = (x - lo) / std(x, ddof=1) * 0.1234567890123456789012345678901234567890123456789012345678901234567;"
                               "isclose(n, 1), sinc(x), where(x > 1, n, 2), x.astype('f8'), 3;"
                               "f, g = x[1:] - x[::-1][:-1], (1, [2, 3]); concatenate([x, x + 1, [1.5, 2]]).reshape(2, 5), x.shape;"
                               "tril((x + x[:, None])[::-1]).ravel(), pad(x, 3, 'reflect').reshape(5, -1), roll(x, (1, 2), (0, 0))";
    const gp_input inputs[] = {{.name = "x", .dtype = GPUPROC_FLOAT32, .shape = {1, {4}}}, {.name = "y", .dtype = GPUPROC_FLOAT16, .shape = {1, {4}}}};
    for (failing = 1;; failing++) {
        gp_program program = {0};
        gpuproc_error err = {0};
        allocations = 0;
        gpuproc_status st = gp_compile(text, inputs, 2, &program, &err);
        gp_program_free(&program);
        if (allocations < failing) {
            assert_int_equal(st, GPUPROC_OK);
            break;
        }
        assert_int_equal(st, GPUPROC_NO_MEMORY);
        assert_int_equal(err.status, GPUPROC_NO_MEMORY);
    }
    assert_true(failing > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
