/* Fuzz target: any bytes as an expression. With clang:
 *   -fsanitize=fuzzer,address,undefined, linked with the library's objects.
 * As a plain test a main() feeds it files, one input each (see this folder's build file). */
#include "lang/compile.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const gp_input inputs[] = {
        {.name = "x", .dtype = GPUPROC_FLOAT32, .shape = {1, {4}}}, {.name = "y", .dtype = GPUPROC_FLOAT64, .shape = {2, {3, 1}}},
        {.name = "i", .dtype = GPUPROC_INT8, .shape = {1, {4}}},    {.name = "u", .dtype = GPUPROC_UINT64, .shape = {0, {0}}},
        {.name = "b", .dtype = GPUPROC_BOOL, .shape = {1, {4}}},    {.name = "z", .dtype = GPUPROC_INT32, .shape = {1, {0}}},
        {.name = "h", .dtype = GPUPROC_FLOAT16, .shape = {1, {4}}},
    };
    char *text = malloc(size + 1);
    if (text == NULL) return 0;
    if (size > 0) memcpy(text, data, size);
    text[size] = '\0';
    gp_program program = {0};
    gpuproc_error err = {0};
    gpuproc_status st = gp_compile(text, inputs, sizeof inputs / sizeof *inputs, &program, &err);
    /* A program that breaks its own rules, or a failure without a place, is a bug. */
    if (st == GPUPROC_INTERNAL) abort();
    if (st != GPUPROC_OK && st != GPUPROC_NO_MEMORY && (err.line < 1 || err.column < 1)) abort();
    if (st == GPUPROC_OK) {
        gp_text listing = {0};
        gp_program_print(&program, &listing);
        gp_text_free(&listing);
    }
    gp_program_free(&program);
    free(text);
    return 0;
}
