/* A job's spans as a picture. */
#ifndef TIMELINE_H
#define TIMELINE_H

#include "spans.h"

#include <stdio.h>

/* An SVG that needs nothing else, in light and dark; what is smaller than a pixel is drawn together. */
void timeline_svg_write(const spans *s, FILE *out);

/* As wide as the terminal, on standard error. */
void timeline_print(const spans *s);

#endif
