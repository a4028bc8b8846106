/* The CPU as a device: a pool of workers that evaluate vector programs. */
#ifndef GP_DEVICE_CPU_DEVICE_H
#define GP_DEVICE_CPU_DEVICE_H

#include "device/device.h"

/* threads: 0 means one per available core (sched_getaffinity). Workers start with
 * the first submission. Free through device->api->close. */
gpuproc_status gp_cpu_device_new(unsigned threads, gp_device **device, gpuproc_error *err);

/* Workers of the pool. */
unsigned gp_cpu_device_threads(const gp_device *device);

/* Evaluates a pass of one element (shape ()), which has uniforms, constants and outputs only, on the
 * calling thread: value[i] receives pass->output[i]. For scalars between passes. */
gpuproc_status gp_cpu_evaluate_scalars(gp_device *device, const gp_pass *pass,
                                       const uint64_t *uniform, gpuproc_scalar *value,
                                       uint32_t *flags, gpuproc_error *err);

#endif
