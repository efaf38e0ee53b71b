/* option_value: one option between its text and its field, with its range.
 *
 * base is the struct that the row's offsets count in: struct request for option_rows, or whatever a
 * command's own rows describe. Text fields in it are heap strings that it owns. */
#ifndef DANAUS_CONFIG_OPTION_VALUE_H
#define DANAUS_CONFIG_OPTION_VALUE_H

#include <stdbool.h>

#include "base/error.h"
#include "config/option_table.h"

enum { OPTION_WHY_SIZE = 256 };

/* Sets the field from text; NULL means "none" and suits only paths and texts without choices.
 * false: the field is as before, and why says what the value must be ("must be 1 to 3"). */
bool option_set(const struct option *option, void *base, const char *text,
                char why[OPTION_WHY_SIZE]);

/* The text that sets the field to what it is, NULL for none; the caller frees. */
char *option_get(const struct option *option, const void *base);

/* Whether the present value is one that option_set would have made. */
bool option_check(const struct option *option, const void *base, char why[OPTION_WHY_SIZE]);

/* Sets fields of all rows to their defaults; the memory must be zero or freed before. */
void option_defaults(const struct option *rows, size_t count, void *base);
/* Frees the strings and sets them NULL. */
void option_free(const struct option *rows, size_t count, void *base);
/* Gives base its own copies of the strings that it shares with another struct. */
void option_own(const struct option *rows, size_t count, void *base);

/* Fills err with "WHERE NAME VALUE: WHY", a long value cut short, NULL shown as null; false. */
bool option_complain(struct dn_error *err, const char *where, const char *name, const char *value,
                     const char *why);

/* Writes "1 to 100000 latent frames", "dense or monarch", ... or "" when anything goes. */
void option_describe_range(const struct option *option, char out[OPTION_WHY_SIZE]);

#endif
