/* sheet_labels: what tells the clips of a sheet apart, in few words for each: the words of the prompt
 * that not all have, the settings that are not the same in all, the seed. */
#ifndef DANAUS_UI_STUDIO_SHEET_LABELS_H
#define DANAUS_UI_STUDIO_SHEET_LABELS_H

#include <stddef.h>

#include "store/catalog_clips.h"

/* A label for each clip (with its request); the caller frees all and the list. Of clips that are all
 * alike the seed. */
char **sheet_labels(const struct clip *clips, size_t count);

/* The same in fewer columns: of a seed the last digits, which are what differs, and no spaces behind
 * commas. The caller frees. */
char *sheet_label_short(const char *label);

#endif
