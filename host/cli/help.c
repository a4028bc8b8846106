#include "commands.h"

#include "stdout.h"
#include "suggest.h"
#include "term.h"

#include <gpuproc/gpuproc.h>

#include <stdio.h>
#include <string.h>

static const char help_main[] =
    "gpuproc: NumPy expressions over arrays of any size.\n"
    "\n"
    "Examples:\n"
    "  gpuproc eval 'mean(sqrt(u*u + v*v))' u=u.npy v=v.npy\n"
    "  gpuproc eval '(x - mean(x)) / std(x)' x=big.npy -o z.npy\n"
    "  gpuproc eval 'lo = min(x); hi = max(x)' x=big.npy --json\n"
    "  gpuproc info big.npy\n"
    "  gpuproc explain 'x @ y' x=big.npy y=other.npy -o z.npy\n"
    "  gpuproc devices\n"
    "\n"
    "Commands:\n"
    "  eval       evaluate an expression over files\n"
    "  explain    what eval would do, how long, with how much memory, and why so\n"
    "  calibrate  measure what this machine can do, for explain and for --device auto\n"
    "  info       what a file holds\n"
    "  devices    the processors that can be used\n"
    "  tune       make products of matrices faster on an OpenCL device\n"
    "  bench      measure what this machine makes of it: cores, devices, overlap\n"
    "  help       the help of a command: gpuproc help eval; of the functions that an\n"
    "             expression may call: gpuproc help functions\n"
    "\n"
    "Options:\n"
    "  -h, --help       this text; behind a command, its own\n"
    "      --version    the version; with --json, how it was built\n"
    "\n"
    "Results go to standard output, everything else to standard error.\n"
    "Exit codes: 0 fine, 1 failed while running, 2 wrong usage or a wrong\n"
    "expression, 129, 130 and 143 interrupted (SIGHUP, Ctrl-C, SIGTERM).\n";

static const char help_eval[] =
    "gpuproc eval EXPRESSION NAME=FILE... [-o [NAME=]FILE]... [OPTIONS]\n"
    "\n"
    "Examples:\n"
    "  gpuproc eval 'mean(sqrt(u*u + v*v))' u=u.npy v=v.npy\n"
    "  gpuproc eval '(x - mean(x)) / std(x)' x=big.npy -o z.npy\n"
    "  gpuproc eval 'lo = min(x); hi = max(x); n = (x-lo)/(hi-lo)' x=big.npy -o n=n.npy\n"
    "  gpuproc eval 'sum(x)' x=data.bin,dtype='>i2',shape=1000x200,offset=16\n"
    "  make-data | gpuproc eval 'x*2 + 1' x=- -o - | use-data\n"
    "  gpuproc eval -- '-x' x=x.npy -o negative.npy\n"
    "\n"
    "The expression is what one would type in NumPy, by NumPy 2's rules. Statements\n"
    "are separated by ';' or a new line. A scalar result is printed: the bare value\n"
    "if it is the only one and has no name, 'name = value' lines otherwise. An array\n"
    "result needs a file.\n"
    "\n"
    "Inputs:\n"
    "  NAME=FILE            an .npy file; '-' is standard input\n"
    "  NAME=FILE,dtype=f4   a raw file. Behind it, in any order:\n"
    "      ,shape=1000x200    or (1000,200); one length may be -1; without: one\n"
    "                         dimension, as long as the file\n"
    "      ,offset=16         bytes before the first element\n"
    "      ,order=F           Fortran order (C)\n"
    "      ,endian=big        byte order (little); dtype='>f4' is the same\n"
    "  A name that has a ',' or '=' of that kind in it: write ./a=b.npy.\n"
    "\n"
    "Outputs:\n"
    "  -o FILE              the only array result, as .npy; '-' is standard output\n"
    "  -o NAME=FILE         the result with that name; may be given several times\n"
    "  -o FILE,format=raw   the data alone, without a header\n"
    "  -f, --overwrite      replace files that exist. A file appears when it is\n"
    "                       complete; until then the old one stays as it is, so that\n"
    "                       an input may be replaced too.\n"
    "\n"
    "How:\n"
    "  -e, --expression-file FILE   read the expression from a file\n"
    "      --device D       auto, cpu, gpu, all, an index or a part of a name\n"
    "      --memory SIZE    host memory to use at most, 512M or 25%\n"
    "      --chunk SIZE     bytes of the widest array in one chunk\n"
    "      --slots N        chunks under way at once, per device\n"
    "      --threads N      CPU workers\n"
    "      --sync           one chunk, one stage at a time: no overlap\n"
    "      --by-rule        threads, slots and chunks as without calibrated figures\n"
    "      --no-fallback    a device that fails is an error; otherwise its chunks are\n"
    "                       done again on the CPU\n"
    "  Sizes are bytes; K, M, G and T (or Ki, Mi, Gi, Ti) are powers of 1024.\n"
    "  GPUPROC_DEVICE, GPUPROC_MEMORY and GPUPROC_THREADS in the environment stand\n"
    "  for the options, which win.\n"
    "\n"
    "What is told:\n"
    "      --json           one JSON object with results and report; NaN and the\n"
    "                       infinities are the strings \"nan\", \"inf\" and \"-inf\"\n"
    "      --report         what each stage took: time, bytes, rate, what limits and how well\n"
    "                       the stages overlap; with --json it is in the object\n"
    "      --trace FILE     every read, kernel, write ... as trace events, for Perfetto\n"
    "                       (ui.perfetto.dev) and chrome://tracing; 262144 at most\n"
    "      --timeline FILE  the same as a picture, FILE.svg; '-': on the terminal\n"
    "  -v, --verbose        what was chosen and what it took, on standard error\n"
    "  -q, --quiet          no warnings, no progress\n"
    "      --progress=auto|always|never|json\n"
    "      --color=auto|always|never\n";

static const char help_info[] =
    "gpuproc info FILE... [--json]\n"
    "\n"
    "Examples:\n"
    "  gpuproc info u.npy v.npy\n"
    "  gpuproc info big.npy --json\n"
    "  gpuproc info data.bin,dtype=f4,shape=-1x200\n"
    "\n"
    "Tells dtype, shape, order, byte order, bytes and where the data begins.\n";

static const char help_devices[] =
    "gpuproc devices [--json]\n"
    "\n"
    "Lists the processors that can be used, with the index that eval --device takes.\n"
    "Index 0 is the native CPU path, which is always there.\n";

static const char help_tune[] =
    "gpuproc tune [--device D] [--seconds N] [--quick] [OPTIONS]\n"
    "\n"
    "Examples:\n"
    "  gpuproc tune\n"
    "  gpuproc tune --device gpu --seconds 600\n"
    "  gpuproc tune --quick --json\n"
    "\n"
    "Products of matrices on an OpenCL device are done by CLBlast, whose kernel has\n"
    "parameters. tune looks for those that are fastest on the device at hand and\n"
    "keeps them in the cache directory ($XDG_CACHE_HOME/gpuproc), where later sessions\n"
    "find them; another driver needs another search. Every set must give the same\n"
    "product as CLBlast's own parameters. Without better ones nothing is kept.\n"
    "Ctrl-C ends the search and keeps the best so far.\n"
    "\n"
    "  -d, --device D     gpu, opencl, an index or a part of a name; without: the first\n"
    "                     that can be tuned. GPUPROC_DEVICE stands for it.\n"
    "      --seconds N    how long to search, roughly: 60, or 15 with --quick. A set is\n"
    "                     compiled first, which can take seconds.\n"
    "      --quick        float32 only; otherwise half of the time is for float64\n"
    "      --json         one JSON object with the result\n"
    "  -q, --quiet        no progress\n"
    "      --progress=auto|always|never|json\n";

static const char help_bench[] =
    "gpuproc bench [--quick] [--filter WORD] [OPTIONS]\n"
    "gpuproc bench EXPRESSION NAME=FILE... [OPTIONS]\n"
    "gpuproc bench --compare OLD.json [NEW.json]\n"
    "\n"
    "Examples:\n"
    "  gpuproc bench\n"
    "  gpuproc bench --html bench.html --json >bench.json\n"
    "  gpuproc bench --filter reduction --device cpu\n"
    "  gpuproc bench 'mean(sqrt(u*u + v*v))' u=u.npy v=v.npy\n"
    "  gpuproc bench --compare bench.json\n"
    "\n"
    "Without an expression a suite is measured, in under three minutes: element-wise,\n"
    "transcendental, reductions, axes, scan, matrices, files and many small jobs, from\n"
    "what a cache holds to what no memory holds. Everything runs on the CPU with 1, 2,\n"
    "4, ... threads and on each OpenCL device, overlapped and one stage at a time, in\n"
    "rounds, until times are steady. Told are medians, their spread (half the width of\n"
    "the middle half of the times, or of the rounds' medians, over the median), the part\n"
    "of the machine's own limits that was reached (measured in the same run), and what\n"
    "devices, overlapping and threads gain.\n"
    "Every result is compared with the CPU's.\n"
    "\n"
    "What:\n"
    "      --quick          small sizes, a few seconds: to see that everything works\n"
    "      --filter WORD    only cases with it in their name, group or place of data\n"
    "  -d, --device D       all, cpu, gpu, opencl, an index or a part of a name; the CPU\n"
    "                       is always there to compare with\n"
    "      --threads N      CPU threads at most\n"
    "      --seconds N      for everything: 140, with --quick 12, an expression 20\n"
    "\n"
    "What is told:\n"
    "      --json, --csv, --markdown   in place of the table\n"
    "      --html FILE      a page with tables and plots too; -f replaces one that exists\n"
    "      --compare OLD.json [NEW.json]   what changed beyond both spreads, at least\n"
    "                       2 % each, from a --json to another (without: to a new run)\n"
    "  -q, --quiet          no progress\n"
    "      --progress=auto|always|never|json\n"
    "\n"
    "Files are in $TMPDIR (/var/tmp) and removed at the end. GPUPROC_DEVICE and\n"
    "GPUPROC_THREADS stand for the options. Exit codes: 1 also where a result differs\n"
    "by more than is allowed; 4 where --compare found something slower.\n";
static const char help_explain[] =
    "gpuproc explain EXPRESSION NAME=FILE... [-o [NAME=]FILE]... [OPTIONS]\n"
    "\n"
    "Examples:\n"
    "  gpuproc explain '(x - mean(x)) / std(x)' x=big.npy -o z.npy\n"
    "  gpuproc explain 'A @ B' A=a.npy B=b.npy -o c.npy --memory 1G --json\n"
    "  gpuproc explain 'mean(sqrt(u*u + v*v))' u=u.npy v=v.npy -v\n"
    "\n"
    "What eval would do with the same command line: the passes over the data and\n"
    "their chunks, bytes and time of each stage, the memory that it takes and may\n"
    "take, every device with its time and the stage that limits it, which one is\n"
    "chosen and why, from which size on another one would win, and what more threads\n"
    "would bring. Only headers are read, nothing is written. The options are eval's.\n"
    "\n"
    "  -v, --verbose    also the nodes, the CPU's instructions and the OpenCL C\n"
    "      --json       one JSON object; with -v the texts are in it\n"
    "\n"
    "Times come from figures that 'gpuproc calibrate' measures; without, from cautious\n"
    "guesses, which is said. eval --report shows the prediction beside what it took.\n";

static const char help_calibrate[] =
    "gpuproc calibrate [--device D] [OPTIONS]\n"
    "\n"
    "Examples:\n"
    "  gpuproc calibrate\n"
    "  gpuproc calibrate --device all\n"
    "  gpuproc calibrate --show --json\n"
    "\n"
    "Measures what this machine can do, by small jobs: disk, page cache, memory,\n"
    "operations, what goes in order, products of matrices, and what a job, a pass and a\n"
    "chunk cost; takes less than ten seconds, and a few more for each other device. The\n"
    "figures are kept in the cache directory ($XDG_CACHE_HOME/gpuproc) under the\n"
    "processor, its number of threads, the device and its driver. eval --device auto\n"
    "takes another device than the CPU where both were measured and the model finds\n"
    "it faster; threads, slots and chunks are chosen by the figures, too. Of a device,\n"
    "the ways to it and back are compared: from ordinary memory (pageable), from pinned\n"
    "memory (staged), and through a mapping.\n"
    "\n"
    "  -d, --device D     cpu (without), all, gpu, an index or a part of a name\n"
    "      --threads N    CPU workers; figures are kept for each number\n"
    "      --show         measure nothing, show what is known\n"
    "  -v, --verbose      the figures of all operations\n"
    "      --json         one JSON object with all figures\n"
    "  -q, --quiet        no progress\n"
    "      --progress=auto|always|never|json\n"
    "\n"
    "Jobs correct the rates of moving data with what they saw: the last nine of each are\n"
    "kept, and from five on a rate goes towards their median, by a quarter for each job\n"
    "at most. --show tells from how many jobs, and what was calibrated. GPUPROC_LEARN=0 in\n"
    "the environment switches that off. GPUPROC_RATES=FILE has figures read from a file\n"
    "instead, which nothing corrects.\n";

static const char help_help[] = "gpuproc help [COMMAND | functions | FUNCTION]\n"
                                "\n"
                                "Examples:\n"
                                "  gpuproc help eval\n"
                                "  gpuproc help functions\n"
                                "  gpuproc help quantile\n"
                                "\n"
                                "The help of a command or of gpuproc; all functions that an expression may call,\n"
                                "or one of them.\n";

static const struct {
    const char *name, *text;
} commands[] = {
    {"eval", help_eval}, {"info", help_info}, {"devices", help_devices}, {"tune", help_tune},
    {"bench", help_bench},
    {"explain", help_explain}, {"calibrate", help_calibrate},
    {"help", help_help}};
#define COMMANDS (sizeof commands / sizeof *commands)

int help_unknown_command(const char *word)
{
    const char *best = NULL;
    size_t distance = 0;
    for (size_t i = 0; i < COMMANDS; i++) suggest(word, commands[i].name, &best, &distance);
    if (best != NULL) return term_usage("unknown command '%s', did you mean '%s'?", word, best);
    if (strpbrk(word, "()+*/ ") != NULL)
        return term_usage("unknown command '%s': an expression is evaluated with gpuproc eval "
                          "EXPRESSION NAME=FILE...", word);
    return term_usage("unknown command '%s': expected eval, explain, calibrate, bench, info, devices, tune or help", word);
}

int help_print(const char *command)
{
    const char *text = command == NULL ? help_main : NULL;
    for (size_t i = 0; command != NULL && i < COMMANDS; i++) {
        if (strcmp(command, commands[i].name) == 0) text = commands[i].text;
    }
    if (text == NULL) return help_unknown_command(command);
    fputs(text, stdout_stream());
    return 0;
}

int help_short(void)
{
    term_error("no command");
    term_hint("gpuproc eval EXPRESSION NAME=FILE... [-o FILE]");
    term_hint("gpuproc --help tells more");
    return EXIT_USAGE;
}

/* All functions by group, or the one of that name; false where there is none. */
static bool print_functions(const char *name)
{
    const char *before = "";
    bool found = false;
    for (size_t i = 0; i < gpuproc_function_count(); i++) {
        gpuproc_function_info info = {.struct_size = sizeof info};
        if (gpuproc_function_info_get(i, &info, NULL) != GPUPROC_OK) continue;
        if (name != NULL && strcmp(name, info.name) != 0) continue;
        if (name == NULL && strcmp(info.group, before) != 0)
            fprintf(stdout_stream(), "%s%s:\n", *before != '\0' ? "\n" : "", info.group);
        before = info.group;
        fprintf(stdout_stream(), "%s%s(%s)\n      %s\n", name == NULL ? "  " : "", info.name, info.parameters, info.doc);
        found = true;
    }
    return found;
}

int command_help(int argc, char **argv)
{
    if (argc > 2) return term_usage("help takes one command at most");
    if (argc > 1 && print_functions(strcmp(argv[1], "functions") == 0 ? NULL : argv[1])) return 0;
    return help_print(argc > 1 ? argv[1] : NULL);
}
