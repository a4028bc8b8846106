#include <gpuproc/gpuproc.h>

#define TEXT_OF(x) #x
#define VERSION_OF(a, b, c) TEXT_OF(a) "." TEXT_OF(b) "." TEXT_OF(c)

const char *gpuproc_version(void)
{
    return VERSION_OF(GPUPROC_VERSION_MAJOR, GPUPROC_VERSION_MINOR, GPUPROC_VERSION_PATCH);
}

const char *gpuproc_status_text(gpuproc_status status)
{
    switch (status) {
#define X(name, value, text, exit_code) \
    case GPUPROC_##name: return text;
        GPUPROC_STATUS_MAP(X)
#undef X
    }
    return "unknown status";
}

int gpuproc_status_exit_code(gpuproc_status status)
{
    switch (status) {
#define X(name, value, text, exit_code) \
    case GPUPROC_##name: return exit_code;
        GPUPROC_STATUS_MAP(X)
#undef X
    }
    return 1;
}

const char *gpuproc_stage_name(gpuproc_stage stage)
{
    static const char *const names[GPUPROC_STAGES] = {"read",  "upload",  "kernel", "download", "fold",
                                                      "write", "program", "spool",  "commit", "open"};
    return (unsigned)stage < GPUPROC_STAGES ? names[stage] : "?";
}
