/* The CPU as a device: a pool of workers that evaluate vector programs. */
#ifndef GP_DEVICE_CPU_DEVICE_H
#define GP_DEVICE_CPU_DEVICE_H

#include "base/workers.h"
#include "device/cpu/cpu_ops.h"
#include "device/device.h"

/* threads: 0 means one per available core (sched_getaffinity), at most GP_CPU_MAX_THREADS. Workers
 * start with the first submission. The loops are the best that the processor has; the environment
 * variable GPUPROC_ISA ("base", "avx2", "avx512"), read here once, caps the choice. Free
 * through device->api->close. */
#define GP_CPU_MAX_THREADS 1024u
gpuproc_status gp_cpu_device_new(unsigned threads, gp_device **device, gpuproc_error *err);

/* The same with given loops (borrowed), for tests. */
gpuproc_status gp_cpu_device_new_with(const gp_cpu_ops *ops, const gp_cpu_reducers *reducers,
                                      unsigned threads, gp_device **device, gpuproc_error *err);

/* Workers of the pool. */
unsigned gp_cpu_device_threads(const gp_device *device);

/* The pool's workers, for work on the host that is no pass; it goes before chunks that wait. `each` blocks:
 * never call it on a worker. The device must outlive them. */
void gp_cpu_device_workers(gp_device *device, gp_workers *workers);

/* Computes a chunk on the calling thread, which rounds to nearest, and calls chunk->done before it returns OK: where
 * waking a worker would take longer than the work. Needs no lock around it. */
gpuproc_status gp_cpu_slot_run(gp_slot *slot, gp_chunk *chunk, gpuproc_error *err);

/* Evaluates a pass of one element (shape ()), which has uniforms, constants and outputs only, on the
 * calling thread: value[i] receives pass->output[i]. For scalars between passes. `flags` may be NULL. */
gpuproc_status gp_cpu_evaluate_scalars(gp_device *device, const gp_pass *pass,
                                       const uint64_t *uniform, gpuproc_scalar *value,
                                       uint32_t *flags, gpuproc_error *err);

#endif
