/* What the parts of the page share: text, colours, figures. */
#ifndef BENCH_PAGE_H
#define BENCH_PAGE_H

#include "bench.h"

#define PAGE_COLORS 8

/* Text as HTML and SVG have it. */
void page_text(FILE *out, const char *text);

/* The colour of a way to run, 0 to PAGE_COLORS - 1. */
unsigned page_color(const bench *b, const bench_config *config);

/* The ways that figures show: the CPU with all threads and with one, devices, all of them overlapped. */
bool page_shows(const bench *b, const bench_config *config);

/* Figures, as wide as they are let; nothing where there is nothing to show. */
void page_roofline(const bench *b, FILE *out);
void page_sizes(const bench *b, FILE *out);            /* a small one for each case */
void page_ratios(const bench *b, int kind, FILE *out); /* of BENCH_SPEEDUP or BENCH_OVERLAP */
void page_scaling(const bench *b, FILE *out);

#endif
