/* The parameters of CLBlast's kernel for large products, "Xgemm", and which sets of them make a kernel.
 *
 * A work-group of MDIMC x NDIMC items makes MWG x NWG elements of C, KWG steps of k at a time, unrolled KWI-fold.
 * SA, SB: A, B go through local memory, which the same items load as MDIMA, NDIMB columns. VWM, VWN: elements of a
 * vector along m, n. STRM, STRN: an item's elements lie apart rather than side by side. GEMMK 1 is a second kernel
 * without local memory, which keeps KREG steps of k in registers. */
#ifndef GP_DEVICE_CL_XGEMM_H
#define GP_DEVICE_CL_XGEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GP_XGEMM_PARAMETERS(X) \
    X(GEMMK) X(KREG) X(KWG) X(KWI) X(MDIMA) X(MDIMC) X(MWG) X(NDIMB) X(NDIMC) X(NWG) X(SA) X(SB) X(STRM) X(STRN) \
    X(VWM) X(VWN)

typedef enum gp_xgemm_parameter {
#define GP_XGEMM_NAME(name) GP_XGEMM_##name,
    GP_XGEMM_PARAMETERS(GP_XGEMM_NAME)
#undef GP_XGEMM_NAME
    GP_XGEMM_COUNT
} gp_xgemm_parameter;

typedef struct gp_xgemm {
    uint16_t value[GP_XGEMM_COUNT];
} gp_xgemm;

/* What the device allows. */
typedef struct gp_xgemm_limits {
    size_t element_bytes;
    uint64_t local_bytes;
    size_t group_items, group_side[2]; /* work-items of a group, and along its first two axes */
} gp_xgemm_limits;

/* "MWG"; static. */
const char *gp_xgemm_name(size_t parameter);

/* Whether a kernel can be made of them that this device runs. */
bool gp_xgemm_valid(const gp_xgemm *x, const gp_xgemm_limits *limits);

/* One of all valid sets, by chance; *seed goes on. False where none was found. */
bool gp_xgemm_random(const gp_xgemm_limits *limits, uint64_t *seed, gp_xgemm *x);
/* A valid set that differs from `from` in a few parameters. */
bool gp_xgemm_near(const gp_xgemm *from, const gp_xgemm_limits *limits, uint64_t *seed, gp_xgemm *x);

#endif
