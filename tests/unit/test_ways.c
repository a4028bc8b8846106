/* Moving to an OpenCL device and back, by each way: all of them go where there is a device. */
#include "base/memory.h"
#include "device/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void all_ways_go(void **state)
{
    (void)state;
    gp_registry *registry;
    size_t count;
    assert_int_equal(gp_registry_new(1, "", &registry, NULL), GPUPROC_OK);
    gp_device *const *device = gp_registry_all(registry, &count);
    assert_null(device[0]->api->ways); /* the CPU has none */
    for (size_t d = 1; d < count; d++) {
        gp_device_ways w = {{0}, {0}, {0}};
        gpuproc_error err = {0};
        if (device[d]->info.note[0] != '\0') continue;
        assert_int_equal(device[d]->api->ways(device[d], 1 << 20, &w, &err), GPUPROC_OK);
        for (int k = 0; k < 2; k++) assert_true(w.pageable[k] > 0 && w.staged[k] > 0 && w.mapped[k] > 0);
        assert_int_not_equal(device[d]->api->ways(device[d], (size_t)1 << 62, &w, &err), GPUPROC_OK);
        assert_true(err.status != GPUPROC_OK && err.message[0] != '\0');
    }
    gp_registry_free(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_ways_go)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
