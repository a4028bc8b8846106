/* A file that appears when it is complete, or not at all. */
#ifndef OUT_FILE_H
#define OUT_FILE_H

#include <stdbool.h>
#include <stdio.h>

typedef struct out_file {
    FILE *stream;
    const char *path; /* borrowed */
    char *temporary;  /* beside it; NULL: written in place, it is no regular file */
    bool overwrite;
} out_file;

/* Whether `path` may be written, before anything is done for it; told where not. */
bool out_file_check(const char *path, bool overwrite);

/* Both tell what went wrong. Commit closes in either case. */
bool out_file_open(out_file *file, const char *path, bool overwrite);
bool out_file_commit(out_file *file);

#endif
