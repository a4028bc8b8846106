/* The registry: the CPU always, OpenCL's devices when asked, a note where there are none. */
#include "device/cpu/cpu_device.h"
#include "device/registry.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A CPU device without workers; this program's definition stands before the library's. */
static int closed;
static gpuproc_status cpu_status;
static void cpu_close(gp_device *device)
{
    closed++;
    free(device);
}
static const gp_device_api cpu_api = {.close = cpu_close};

gpuproc_status gp_cpu_device_new(unsigned threads, gp_device **device, gpuproc_error *err)
{
    (void)threads;
    if (cpu_status != GPUPROC_OK) return gp_fail(err, cpu_status, "no CPU today");
    *device = calloc(1, sizeof **device);
    assert_non_null(*device);
    (*device)->api = &cpu_api;
    return GPUPROC_OK;
}

static void *ask(void *arg)
{
    size_t count = 0;
    return (void *)(uintptr_t)gp_registry_all(arg, &count);
}

static void test_all(void **state)
{
    (void)state;
    gp_registry *r = NULL;
    gpuproc_error err;
    closed = 0;
    assert_int_equal(gp_registry_new(1, "", &r, &err), GPUPROC_OK);
    gp_device *cpu = gp_registry_cpu(r);
    assert_non_null(cpu);
    /* Several at once: one of them loads, all see the same. */
    pthread_t thread[4];
    void *seen[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&thread[i], NULL, ask, r), 0);
    for (int i = 0; i < 4; i++) pthread_join(thread[i], &seen[i]);
    size_t count = 0;
    gp_device *const *all = gp_registry_all(r, &count);
    for (int i = 0; i < 4; i++) assert_ptr_equal(seen[i], all);
    assert_true(count >= 1);
    assert_ptr_equal(all[0], cpu);
    for (size_t i = 1; i < count; i++) assert_true(all[i]->info.kind != GPUPROC_DEVICE_CPU);
    if (count == 1) assert_true(gp_registry_note(r)[0] != '\0');
    gp_registry_free(r);
    gp_registry_free(NULL);
    assert_int_equal(closed, 1);
}

/* The part of the test below that runs in a process of its own. */
static int without_driver(void)
{
    gp_registry *r = NULL;
    size_t count = 0;
    if (gp_registry_new(1, NULL, &r, NULL) != GPUPROC_OK) return 1;
    gp_device *const *all = gp_registry_all(r, &count);
    bool ok = count == 1 && all[0] == gp_registry_cpu(r) && gp_registry_note(r)[0] != '\0';
    gp_registry_free(r);
    return ok ? 0 : 2;
}

/* A loader looks for drivers once, so this needs a fresh process. */
static void test_no_driver(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("OCL_ICD_VENDORS", "/nonexistent/", 1);
        setenv("OCL_ICD_FILENAMES", "", 1);
        execl("/proc/self/exe", "test_registry", "without-driver", (char *)NULL);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_no_cpu(void **state)
{
    (void)state;
    gp_registry *r = NULL;
    gpuproc_error err;
    cpu_status = GPUPROC_NO_MEMORY;
    assert_int_equal(gp_registry_new(1, NULL, &r, &err), GPUPROC_NO_MEMORY);
    assert_null(r);
    cpu_status = GPUPROC_OK;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "without-driver") == 0) return without_driver();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_driver),
        cmocka_unit_test(test_no_cpu),
        cmocka_unit_test(test_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
