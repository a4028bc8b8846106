/* What the golden files hold, and comparing with it. Shared by the programs of this folder. */
#ifndef GP_TEST_GOLDEN_H
#define GP_TEST_GOLDEN_H

#include "array/dtype.h"
#include "lang/ir.h"

#define MAX_SETS 96
#define MAX_CASES 1024
#define GUARD 128
#define GUARD_BYTE 0xA5

typedef struct golden_set {
    char name[32];
    gp_dtype dtype;
    size_t n;
    const unsigned char *bytes;
} golden_set;

/* One operation over whole sets. */
typedef struct golden_case {
    gp_op op;
    gp_dtype operand, result;
    int arity;
    size_t n;
    const golden_set *arg[3];
    const unsigned char *want;
} golden_case;

typedef struct golden {
    unsigned char *file;
    size_t bytes;
    golden_set set[MAX_SETS];
    golden_case item[MAX_CASES];
    size_t sets, items;
} golden;

/* The file golden/NAME with a zero behind its last byte. Fails the test where it cannot. */
unsigned char *golden_load(const char *name, size_t *bytes);
gp_dtype golden_dtype(const char *name);
golden *golden_read_elementwise(void);
void golden_free(golden *g);

/* The value of element `p` as a double; floats only. */
double golden_value(const void *p, gp_dtype dtype);
/* `got` is at most `ulp` floats from `want`; a NaN is like another, signs of zeros count. */
bool golden_close(const void *got, const void *want, gp_dtype dtype, int ulp);

/* A buffer of n elements, aligned, with guard zones; dst[i] = src[i % pool]. */
typedef struct guarded {
    unsigned char *memory, *data;
    size_t bytes;
} guarded;

guarded guarded_new(size_t bytes);
void guarded_fill(guarded *g, const void *pool, size_t pool_n, size_t size, size_t n);
/* False where something was written beside it. */
bool guarded_intact(const guarded *g);
void guarded_free(guarded *g);

#endif
