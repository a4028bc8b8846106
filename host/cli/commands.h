/* The commands of gpuproc. Each takes the arguments from its own name on and
 * returns the process's exit code. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <stdbool.h>

int command_eval(int argc, char **argv);
int command_info(int argc, char **argv);
int command_devices(int argc, char **argv);
int command_tune(int argc, char **argv);
int command_bench(int argc, char **argv);
int command_calibrate(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_help(int argc, char **argv);

/* Prints the help of a command (NULL: of the program) to standard output. */
int help_print(const char *command);
/* The help of the program in two lines, to standard error; returns EXIT_USAGE. */
int help_short(void);

/* "one of: ..." for a word that is no command. */
int help_unknown_command(const char *word);

#endif
