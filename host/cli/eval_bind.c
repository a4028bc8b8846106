#include "eval_bind.h"

#include "term.h"

#include <inttypes.h>
#include <stdlib.h>

static int open_inputs(const eval_options *e, eval_bound *b)
{
    gpuproc_error err = {0};
    for (; b->opened < e->input_count; b->opened++) {
        const file_spec *spec = &e->inputs[b->opened];
        gpuproc_array **array = &b->arrays[b->opened];
        if (spec_open(spec, array, &err) != GPUPROC_OK) return term_failure(&err, NULL);
        b->inputs[b->opened] = (gpuproc_input){spec->name, *array};
        if (spec_takes_header(spec))
            term_warning("%s: a .npy file is read as raw data, its header too: without ,dtype=... it tells its own layout", spec->path);
        gpuproc_array_info info = {.struct_size = sizeof info};
        /* Who gives a raw file a shape has chosen how much of it to read. */
        if (!spec->raw && gpuproc_array_info_get(*array, &info, NULL) == GPUPROC_OK && info.extra_bytes > 0)
            term_warning("%s: %" PRIu64 " bytes behind the last element are ignored", spec->path, info.extra_bytes);
    }
    return 0;
}

int eval_bind(const eval_options *e, eval_bound *b)
{
    *b = (eval_bound){.inputs = calloc(e->input_count + 1, sizeof *b->inputs),
                      .outputs = calloc(e->output_count + 1, sizeof *b->outputs),
                      .arrays = calloc(e->input_count + 1, sizeof(gpuproc_array *))};
    if (b->inputs == NULL || b->outputs == NULL || b->arrays == NULL) {
        term_error("out of memory");
        return EXIT_FAILED;
    }
    for (size_t i = 0; i < e->output_count; i++) {
        const file_spec *spec = &e->outputs[i];
        b->outputs[i] = (gpuproc_output){.name = spec->name,
                                         .kind = spec->raw ? GPUPROC_OUTPUT_RAW : GPUPROC_OUTPUT_NPY,
                                         .path = spec->path};
    }
    return open_inputs(e, b);
}

void eval_unbind(eval_bound *b)
{
    for (size_t i = 0; b->arrays != NULL && i < b->opened; i++) gpuproc_array_free(b->arrays[i]);
    free(b->arrays);
    free(b->outputs);
    free(b->inputs);
    *b = (eval_bound){0};
}
