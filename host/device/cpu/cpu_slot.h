/* The CPU's programs and slots: the part of gp_device_api behind cpu_device.c. */
#ifndef GP_DEVICE_CPU_CPU_SLOT_H
#define GP_DEVICE_CPU_CPU_SLOT_H

#include "device/cpu/cpu_block.h"
#include "device/cpu/cpu_pool.h"
#include "device/device.h"

typedef struct gp_cpu_device {
    gp_device device; /* first: a gp_device is cast to this */
    const gp_cpu_ops *ops;
    const gp_cpu_reducers *reducers;
    unsigned threads;
    gp_cpu_pool *pool;
} gp_cpu_device;

gpuproc_status gp_cpu_program_new(gp_device *device, const gp_pass *pass,
                                  gp_device_program **program, gpuproc_error *err);
void gp_cpu_program_free(gp_device_program *program);

/* Counts staging for every streamed input and for every output, though a slot that is not asked
 * for it takes none; resident operands are not the slot's. */
void gp_cpu_slot_bytes(const gp_device_program *program, uint64_t max_count, uint64_t *host,
                       uint64_t *device);
gpuproc_status gp_cpu_slot_new(gp_device_program *program, uint64_t max_count,
                               const bool *want_input, const bool *want_output, gp_slot **slot,
                               gpuproc_error *err);
void gp_cpu_slot_free(gp_slot *slot);
gpuproc_status gp_cpu_slot_submit(gp_slot *slot, gp_chunk *chunk, gpuproc_error *err);

#endif
