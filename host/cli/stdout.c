#include "stdout.h"

#include "term.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static FILE *results; /* one per process, as standard output is */

/* A closed standard output is like one whose reader has gone: a pipe without one. */
static bool open_broken_pipe(void)
{
    int ends[2];
    if (pipe(ends) != 0) return false;
    close(ends[0]);
    if (ends[1] == STDOUT_FILENO) return true;
    bool fine = dup2(ends[1], STDOUT_FILENO) == STDOUT_FILENO;
    close(ends[1]);
    return fine;
}

/* A file that the program opens must not become a standard stream because that one
 * was closed. Standard input is filled the other way round: reading it fails. */
static bool fill_gaps(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
        if (fd == STDOUT_FILENO) {
            if (!open_broken_pipe()) return false;
        } else if (open("/dev/null", fd == 0 ? O_WRONLY : O_RDWR) != fd) {
            return false;
        }
    }
    return true;
}

bool stdout_claim(void)
{
    signal(SIGPIPE, SIG_IGN); /* a reader that has gone is an error like others, not a death */
    int fd = fill_gaps() ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10) : -1;
    if (fd >= 0) results = fdopen(fd, "w");
    if (results == NULL || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        term_error("cannot set up standard output: %s", strerror(errno));
        return false;
    }
    return true;
}

FILE *stdout_stream(void) { return results; }

bool stdout_is_terminal(void) { return isatty(fileno(results)); }

void stdout_release(void)
{
    if (dup2(fileno(results), STDOUT_FILENO) < 0)
        term_warning("cannot restore standard output: %s", strerror(errno));
}

int stdout_finish(int code)
{
    if (results == NULL) return code;
    errno = 0;
    bool failed = ferror(results) != 0;
    failed = fflush(results) != 0 || failed;
    int error = errno;
    failed = fclose(results) != 0 || failed;
    if (error == 0) error = errno;
    results = NULL;
    if (!failed) return code;
    if (error != EPIPE) term_error("cannot write standard output: %s", strerror(error ? error : EIO));
    return code != 0 ? code : EXIT_FAILED;
}
