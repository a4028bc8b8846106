/* What the machine has, asked each time. */
#ifndef GP_BASE_MACHINE_H
#define GP_BASE_MACHINE_H

#include <stdint.h>

/* Bytes that a program can take now without pushing others out: MemAvailable,
 * or what the control group still allows where that is less. 1 GiB if unknown. */
uint64_t gp_machine_memory_available(void);

#endif
