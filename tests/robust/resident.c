/* resident COMMAND...: runs it; the most memory that it had resident, in KiB, goes to the file
 * "resident"; its exit status is ours. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct rusage usage;
    int status;
    pid_t pid = argc > 1 ? fork() : -1;
    if (pid < 0) return 125;
    if (pid == 0) {
        execvp(argv[1], argv + 1);
        _exit(126);
    }
    if (wait4(pid, &status, 0, &usage) != pid) return 125;
    FILE *f = fopen("resident", "w");
    if (f == NULL || fprintf(f, "%ld\n", usage.ru_maxrss) < 0 || fclose(f) != 0) return 125;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
