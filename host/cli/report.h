/* What a run took, on standard error. */
#ifndef REPORT_H
#define REPORT_H

#include <gpuproc/gpuproc.h>

/* eval -v: a few notes. */
void report_note(const gpuproc_report *report);

/* eval --report: a table of the stages, and what follows from it. */
void report_print(const gpuproc_report *report);

#endif
