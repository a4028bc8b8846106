/* OpenCL devices through the ICD loader, which is loaded here, on first need. */
#ifndef GP_DEVICE_CL_DRIVER_H
#define GP_DEVICE_CL_DRIVER_H

#include "device/device.h"

typedef struct gp_cl_driver gp_cl_driver;

/* Loads libOpenCL.so.1 (dlopen) and lists every device of every platform. Returns OK with *count
 * 0 and a `note` where there is no library or no device. The devices belong to the driver. */
gpuproc_status gp_cl_driver_new(const char *cache_dir, gp_cl_driver **driver, gp_device ***devices,
                                size_t *count, char note[256], gpuproc_error *err);
void gp_cl_driver_free(gp_cl_driver *driver);

#endif
