/* Sums of float64 per bin with the same bits however the elements are cut and shared. Few bins have exact sums
 * (emit/reduce.h), which may be made in parts. More bins, or an unknown number of them, have sums of twice
 * float64's digits, in the order of the elements: in one part only. Which of the two depends on the wanted number of bins
 * alone, not on the memory that there is, since it may show in the last bit. */
#ifndef GP_FOLD_BIN_WEIGHTS_H
#define GP_FOLD_BIN_WEIGHTS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct gp_bin_weights gp_bin_weights;

/* size: the number of bins that is asked for; 0: it is not known. */
uint64_t gp_bin_weights_bytes(int64_t size); /* per bin and part */
gp_bin_weights *gp_bin_weights_new(int64_t size, uint64_t bins, unsigned parts); /* NULL: no memory */
void gp_bin_weights_free(gp_bin_weights *weights);
bool gp_bin_weights_exact(const gp_bin_weights *weights); /* parts may add at once */
bool gp_bin_weights_grow(gp_bin_weights *weights, uint64_t bins);
/* Elements whose index is not in [0, bins) are left out. */
void gp_bin_weights_add(gp_bin_weights *weights, unsigned part, const int64_t *index, const double *weight,
                        uint64_t n, uint64_t bins);
void gp_bin_weights_round(gp_bin_weights *weights, uint64_t bins, double *out);

#endif
