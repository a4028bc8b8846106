/* What fails only when the data are seen: the checks that a program can make while it runs (CHECK of
 * ops.h), each with the message that it fails with. */
#ifndef GP_LANG_CHECKS_H
#define GP_LANG_CHECKS_H

/* X(NAME, message): each has a bit of its own among the flags of a chunk, so at most 26. */
#define GP_CHECKS(X) \
    X(MINIMUM_OF_NONE, "zero-size array to reduction operation minimum which has no identity") \
    X(MAXIMUM_OF_NONE, "zero-size array to reduction operation maximum which has no identity") \
    X(FMIN_OF_NONE, "zero-size array to reduction operation fmin which has no identity") \
    X(FMAX_OF_NONE, "zero-size array to reduction operation fmax which has no identity") \
    X(ARGMIN_OF_NONE, "attempt to get argmin of an empty sequence") \
    X(ARGMAX_OF_NONE, "attempt to get argmax of an empty sequence") \
    X(ALL_NAN, "All-NaN slice encountered") \
    X(RANGE_NOT_FINITE, "autodetected range of the histogram is not finite: there is a NaN or an infinity") \
    X(WEIGHTS_SUM_TO_ZERO, "Weights sum to zero, can't be normalized") \
    X(WEIGHTS_NEGATIVE, "fweights and aweights cannot be negative") \
    X(QUANTILE_LOSES_DIGITS, "a quantile of integers beyond 2**53 would lose digits: take it of x.astype('float64')")

typedef enum gp_check_id {
#define X(name, message) GP_CHECK_##name,
    GP_CHECKS(X)
#undef X
    GP_CHECK_COUNT
} gp_check_id;

_Static_assert(GP_CHECK_COUNT <= 26, "each has a bit of a uint32_t");

/* The message of a check. */
const char *gp_check_message(gp_check_id id);

#endif
