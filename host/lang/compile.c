#include "lang/compile.h"

#include "lang/build.h"

gpuproc_status gp_compile(const char *text, const gp_input *inputs, size_t input_count,
                          gp_program *program, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_tokens tokens = {0};
    gp_ast ast = {0};
    gp_program made = {0};

    GP_TRY(gp_lex(text, &tokens, err));
    GP_TRY(gp_parse(&tokens, &ast, err));
    for (size_t i = 0; i < input_count; i++) {
        if (gp_ir_declare(&made, inputs[i].name, inputs[i].dtype, &inputs[i].shape) >= 0) {
            made.input[i].fortran = inputs[i].fortran;
            continue;
        }
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
        goto out;
    }
    GP_TRY(gp_check(&tokens, &ast, &made, err));
    GP_TRY(gp_ir_sweep(&made, err));
    GP_TRY(gp_program_verify(&made, err));
    *program = made;
    made = (gp_program){0};
out:
    gp_program_free(&made);
    gp_parse_free(&ast);
    gp_lex_free(&tokens);
    return st;
}
