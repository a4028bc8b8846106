/* Gram matrices against a plain triple loop in wider arithmetic: with OpenBLAS, where it is, and without. */
#include "product_check.h"

static void grams(void **state)
{
    (void)state;
    static const uint64_t shapes[][2] = {{0, 3}, {1, 1}, {1, 5}, {40, 7}, {300, 64}, {700, 33}, {20, 130}};
    random_state random = {7};
    for (int which = 0; which < 2; which++)
        for (size_t d = 9; d < DTYPES; d++)
            for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
                for (int variant = 0; variant < 8; variant++) {
                    uint64_t k = shapes[s][0], n = shapes[s][1];
                    bool add = variant & 1;
                    int values = variant & 4 ? SMALL_INTEGERS : NUMBERS;
                    size_t element = gpuproc_dtype_bytes(dtypes[d]), bytes = n * n * element;
                    matrix a = make(dtypes[d], k, n, variant & 2 ? C_PADDED : C_ORDER, &random, values);
                    unsigned char *old = calloc(bytes, 1), *c = malloc(bytes);
                    if (add) { /* what a Gram matrix is added to is one */
                        matrix before = make(dtypes[d], 5, n, C_ORDER, &random, values);
                        gp_multiply_gram(linalgs[which], dtypes[d], 5, n, before.memory, (int64_t)n, old, false);
                        free(before.memory);
                    }
                    if (add)
                        memcpy(c, old, bytes);
                    else
                        memset(c, 0xff, bytes);
                    gp_multiply_gram(linalgs[which], dtypes[d], k, n, a.m.data, a.m.row, c, add);
                    gp_multiply p = {.dtype = dtypes[d],
                                     .m = n,
                                     .n = n,
                                     .k = k,
                                     .a = {a.m.data, 1, a.m.row, true},
                                     .b = a.m,
                                     .c = c,
                                     .c_row = (int64_t)n,
                                     .add = add};
                    for (uint64_t i = 0; i < n; i += 1 + n / 20)
                        for (uint64_t j = 0; j < n; j++) {
                            check_element(&p, old, i, j, values == SMALL_INTEGERS);
                            number x = number_at(dtypes[d], c, (int64_t)(i * n + j)),
                                   y = number_at(dtypes[d], c, (int64_t)(j * n + i));
                            assert_true(x.re == y.re && x.im == -y.im);
                        }
                    free(old);
                    free(c);
                    free(a.memory);
                }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(grams)};
    return cmocka_run_group_tests(tests, open_both, close_both);
}
