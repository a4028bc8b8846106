#include "term.h"

#include "caret.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* One terminal per process; messages come from any thread. */
static struct {
    pthread_mutex_t lock;
    bool color, quiet, verbose;
    bool drawn; /* a progress line stands on the screen */
} term = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool dumb(void)
{
    const char *name = getenv("TERM");
    return name != NULL && strcmp(name, "dumb") == 0;
}

bool term_is_interactive(void) { return isatty(STDERR_FILENO) && !dumb(); }

void term_set_color(color_mode mode)
{
    const char *no = getenv("NO_COLOR");
    bool wanted = (no == NULL || no[0] == '\0') && term_is_interactive();
    term.color = mode == COLOR_ALWAYS || (mode == COLOR_AUTO && wanted);
}

void term_set_level(bool quiet, bool verbose)
{
    term.quiet = quiet;
    term.verbose = verbose;
}

int term_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

static void erase(void)
{
    if (term.drawn) fputs("\r\033[K", stderr);
    term.drawn = false;
}

void term_progress(const char *line)
{
    pthread_mutex_lock(&term.lock);
    erase();
    if (line != NULL) {
        fputs(line, stderr);
        term.drawn = true;
    }
    fflush(stderr);
    pthread_mutex_unlock(&term.lock);
}

/* One whole line with one write, so that lines of several threads do not mix. A
 * message may quote a file's name or bytes: what could steer a terminal does not pass. */
static void say(const char *label, const char *color, const char *fmt, va_list ap)
{
    char text[2048];
    vsnprintf(text, sizeof text, fmt, ap);
    for (char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = '?';
    }
    pthread_mutex_lock(&term.lock);
    erase();
    if (label == NULL) fprintf(stderr, "  %s\n", text);
    else if (label[0] == '\0') fprintf(stderr, "gpuproc: %s\n", text);
    else if (term.color) fprintf(stderr, "gpuproc: %s%s:\033[0m %s\n", color, label, text);
    else fprintf(stderr, "gpuproc: %s: %s\n", label, text);
    pthread_mutex_unlock(&term.lock);
}

void term_error(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say("error", "\033[1;31m", fmt, ap);
    va_end(ap);
}

void term_warning(const char *fmt, ...)
{
    if (term.quiet) return;
    va_list ap;
    va_start(ap, fmt);
    say("warning", "\033[1;33m", fmt, ap);
    va_end(ap);
}

void term_note(const char *fmt, ...)
{
    if (!term.verbose) return;
    va_list ap;
    va_start(ap, fmt);
    say("", "", fmt, ap);
    va_end(ap);
}

void term_say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say("", "", fmt, ap);
    va_end(ap);
}

void term_hint(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(NULL, "", fmt, ap);
    va_end(ap);
}

int term_usage(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say("error", "\033[1;31m", fmt, ap);
    va_end(ap);
    return EXIT_USAGE;
}

int term_failure(const gpuproc_error *err, const char *expression)
{
    int code = gpuproc_status_exit_code(err->status);
    if (err->status == GPUPROC_IO_PIPE) return code;
    bool in_expression = strcmp(err->where, "expression") == 0 || err->line > 0;
    if (in_expression && err->status == GPUPROC_UNSUPPORTED) code = EXIT_USAGE; /* it must be written another way */
    const char *text = err->message[0] != '\0' ? err->message : gpuproc_status_text(err->status);
    bool standard = strcmp(err->where, "-") == 0 && strstr(text, "standard") != NULL;
    if (err->where[0] == '\0' || in_expression || standard || strstr(text, err->where) != NULL)
        term_error("%s", text);
    else
        term_error("%s: %s", err->where, text);
    if (expression != NULL && err->line > 0) {
        char line[512], mark[512];
        if (caret_lines(expression, err->line, err->column, err->length, line, mark, sizeof line)) {
            term_hint("%s", line);
            term_hint("%s", mark);
        }
    }
    return code;
}
