/* gpuproc, the program: finds the command and hands over. */
#include "blas_kernels.h"
#include "commands.h"
#include "interrupt.h"
#include "json_text.h"
#include "stdout.h"
#include "term.h"

#include <string.h>

static int print_version(bool json)
{
    if (!json) {
        fprintf(stdout_stream(), "gpuproc %s\n", gpuproc_version());
        return 0;
    }
    json_object *o = json_object_new_object();
    json_add_string(o, "version", gpuproc_version());
    json_add_string(o, "compiler", __VERSION__);
#if defined(__x86_64__)
    json_add_string(o, "machine", "x86_64");
#elif defined(__aarch64__)
    json_add_string(o, "machine", "aarch64");
#else
    json_add_string(o, "machine", "other");
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    json_add_bool(o, "sanitizer", true);
#else
    json_add_bool(o, "sanitizer", false);
#endif
    json_add_string(o, "json_c", json_c_version());
    json_print(o);
    return 0;
}

/* --help, --version and --json before any command. */
static int options_only(int argc, char **argv)
{
    bool help = false, version = false, json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) help = true;
        else if (strcmp(argv[i], "--version") == 0) version = true;
        else if (strcmp(argv[i], "--json") == 0) json = true;
        else if (argv[i][0] == '-')
            return term_usage("unknown option '%s' before a command: expected --help or --version",
                              argv[i]);
        else
            return term_usage("options come behind the command: gpuproc %s ... %s", argv[i], argv[1]);
    }
    if (help) return help_print(NULL);
    if (version) return print_version(json);
    return help_short();
}

static int run(int argc, char **argv)
{
    if (argc < 2) return help_short();
    const char *word = argv[1];
    if (word[0] == '-') return options_only(argc, argv);
    argc--;
    argv++;
    if (strcmp(word, "eval") == 0) return command_eval(argc, argv);
    if (strcmp(word, "info") == 0) return command_info(argc, argv);
    if (strcmp(word, "devices") == 0) return command_devices(argc, argv);
    if (strcmp(word, "explain") == 0) return command_explain(argc, argv);
    if (strcmp(word, "calibrate") == 0) return command_calibrate(argc, argv);
    if (strcmp(word, "tune") == 0) return command_tune(argc, argv);
    if (strcmp(word, "bench") == 0) return command_bench(argc, argv);
    if (strcmp(word, "help") == 0) return command_help(argc, argv);
    return help_unknown_command(word);
}

int main(int argc, char **argv)
{
    if (!stdout_claim()) return EXIT_FAILED;
    blas_kernels_name();
    term_set_color(COLOR_AUTO);
    interrupt_setup();
    return stdout_finish(run(argc, argv));
}
