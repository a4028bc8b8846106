/* GP_CLONES: a function compiled once for each of a few instruction sets, the best of which is taken when
 * the library is loaded. Bits do not depend on it: no order of operations changes, and nothing is
 * contracted. Not with sanitizers: the thread sanitizer is not there yet when the choice is made, and
 * the address sanitizer would compile the same checks three times. */
#ifndef GP_BASE_CLONES_H
#define GP_BASE_CLONES_H

#include <stdlib.h>

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define GP_CLONES __attribute__((target_clones("default", "avx2", "arch=x86-64-v4")))
#else
#define GP_CLONES
#endif

/* Before a loop none of whose turns touches what another one does. */
#if defined(__clang__)
#define GP_APART _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define GP_APART _Pragma("GCC ivdep")
#else
#define GP_APART
#endif

/* Inside GP_CLONES functions: what must become part of each clone. */
#define GP_INTO static inline __attribute__((always_inline))

#endif
