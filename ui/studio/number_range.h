/* number_range: "1..5" or "0.5..2..0.5" as the numbers that it stands for. */
#ifndef DANAUS_UI_STUDIO_NUMBER_RANGE_H
#define DANAUS_UI_STUDIO_NUMBER_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NUMBER_RANGE_MAX = 256 };

struct number_range {
    double first, step;
    int decimals;  /* as many as were written */
    int64_t count; /* 1 to NUMBER_RANGE_MAX */
};

/* The range that length bytes of text are: FIRST..LAST or FIRST..LAST..STEP, the step without a
 * sign. False: they are none, or one of more than NUMBER_RANGE_MAX numbers. */
bool number_range_parse(const char *text, size_t length, struct number_range *out);
void number_range_text(const struct number_range *range, int64_t number, char out[64]);

#endif
