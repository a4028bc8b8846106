/* Text to program: tokens, tree, types, IR, folding. */
#ifndef GP_LANG_COMPILE_H
#define GP_LANG_COMPILE_H

#include "lang/ir.h"

/* Limits on what a text may be; past them LIMIT says which and where. */
#define GP_LANG_MAX_TEXT (64u * 1024u) /* bytes */
#define GP_LANG_MAX_DEPTH 200          /* of nested expressions */
#define GP_LANG_MAX_NODES 20000        /* of the IR */

/* Compiles `text`. `inputs` lists the names that the caller binds, with dtype and
 * shape (borrowed); inputs that the text never uses are not an error here, they
 * get no INPUT node, but program->input lists all of them in the same order.
 * On success *program is verified and folded; free it with gp_program_free. On failure err
 * has line, column and length of the place. */
gpuproc_status gp_compile(const char *text, const gp_input *inputs, size_t input_count,
                          gp_program *program, gpuproc_error *err);

#endif
