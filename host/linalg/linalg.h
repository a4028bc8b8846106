/* OpenBLAS, found when it is first needed, and what gpuproc does where there is none.
 *
 * One handle per session, made on first use and shared by its jobs: read-only afterwards, so any thread may use
 * it. Calls are single-threaded: whoever has workers cuts the work up (multiply.h), so that --threads holds, no two
 * pools of threads are at odds, and the bits do not depend on the number of threads. */
#ifndef GP_LINALG_LINALG_H
#define GP_LINALG_LINALG_H

#include "array/dtype.h"
#include "base/error.h"

typedef struct gp_linalg gp_linalg;

/* Never fails but for memory: without OpenBLAS products go by our own loops, and LAPACK is missing. */
gpuproc_status gp_linalg_open(gp_linalg **linalg, gpuproc_error *err);
void gp_linalg_close(gp_linalg *linalg);

/* "OpenBLAS 0.3.21 ..." as the library says of itself, or "built-in" (and why, where one was found but not taken). */
const char *gp_linalg_name(const gp_linalg *linalg);
bool gp_linalg_has_lapack(const gp_linalg *linalg);

#endif
