/* sheet_names: a contact sheet is a collection of the catalog called "sheet 12: WORDS". So it is found
 * again by every studio, also after a restart, and by searching for collection:"sheet 12: WORDS". */
#ifndef DANAUS_UI_STUDIO_SHEET_NAMES_H
#define DANAUS_UI_STUDIO_SHEET_NAMES_H

#include <stddef.h>

#include "store/catalog.h"

enum { SHEET_NAME_SIZE = 101 };

struct sheet_name {
    int64_t number;
    char *name;
    int64_t clips;
};

struct sheet_name_list {
    struct sheet_name *items; /* [count], oldest first */
    size_t count;
};

bool sheet_names_list(struct catalog *catalog, struct sheet_name_list *out, struct dn_error *err);
void sheet_names_done(struct sheet_name_list *list);
/* The name of a new sheet: one number more than the last, and as much of the prompt as fits. catalog
 * NULL: the first. */
bool sheet_names_new(struct catalog *catalog, const char *prompt, char out[SHEET_NAME_SIZE],
                     struct dn_error *err);
/* "WORDS" of a name. */
const char *sheet_name_words(const char *name);

#endif
