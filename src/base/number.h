/* number: text to numbers and back, the whole text or nothing, the same in every locale. */
#ifndef DANAUS_BASE_NUMBER_H
#define DANAUS_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room that every number written below fits in, NUL included. */
enum { DN_NUMBER_SIZE = 32 };

/* Decimal digits with an optional '-'. No '+', no blanks, no leading zero (an octal number in some
 * languages), nothing after. false: not such a number, or outside int64_t. */
bool dn_parse_int(const char *text, int64_t *out);

/* Digits with an optional sign, fraction and exponent ("5", "-1.25", "2.0e-06"); finite. */
bool dn_parse_double(const char *text, double *out);

/* The shortest decimal form that reads back as the same double; value is finite. */
void dn_format_double(char out[DN_NUMBER_SIZE], double value);

#endif
