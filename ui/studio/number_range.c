/* number_range: see number_range.h */
#include "ui/studio/number_range.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 15 }; /* that a double keeps */

/* A plain number at p, of at most DIGITS digits; *decimals grows to those that it has. NULL: there
 * is none, else what is behind it. */
static const char *read_number(const char *p, double *out, int *decimals)
{
    const char *start = p;
    p += *p == '-';
    int whole = (int)strspn(p, "0123456789"), part = 0;
    p += whole;
    /* of "1..5" the dots are no decimals */
    if (*p == '.' && isdigit((unsigned char)p[1])) {
        part = (int)strspn(p + 1, "0123456789");
        p += 1 + part;
    }
    if (whole == 0 || whole + part > DIGITS)
        return NULL;
    *out = strtod(start, NULL);
    *decimals = part > *decimals ? part : *decimals;
    return p;
}

bool number_range_parse(const char *text, size_t length, struct number_range *out)
{
    char copy[64];
    double last, step = 1;
    if (length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    *out = (struct number_range){0};
    const char *p = read_number(copy, &out->first, &out->decimals);
    p = p && strncmp(p, "..", 2) == 0 ? read_number(p + 2, &last, &out->decimals) : NULL;
    if (p && strncmp(p, "..", 2) == 0)
        p = read_number(p + 2, &step, &out->decimals);
    if (!p || *p || !(step > 0))
        return false;
    double count = floor(fabs(last - out->first) / step + 1e-9) + 1;
    if (count > NUMBER_RANGE_MAX)
        return false;
    out->step = last < out->first ? -step : step;
    out->count = (int64_t)count;
    return true;
}

void number_range_text(const struct number_range *range, int64_t number, char out[64])
{
    snprintf(out, 64, "%.*f", range->decimals, range->first + (double)number * range->step);
}
