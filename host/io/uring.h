/* Reads and writes through io_uring. Only where GP_HAVE_URING is defined. */
#ifndef GP_IO_URING_H
#define GP_IO_URING_H

#include "io/piece.h"

typedef struct gp_uring gp_uring;

/* NULL where the kernel refuses or memory is short: the caller has threads instead. */
gp_uring *gp_uring_new(unsigned depth);
void gp_uring_free(gp_uring *uring);
/* READ and WRITE, not streams. */
void gp_uring_submit(gp_uring *uring, gp_io_request *request);

#endif
