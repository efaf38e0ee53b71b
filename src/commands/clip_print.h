/* clip_print: clips as lines, as a page, as JSON. */
#ifndef DANAUS_COMMANDS_CLIP_PRINT_H
#define DANAUS_COMMANDS_CLIP_PRINT_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"
#include "store/catalog_clips.h"

/* One line, indented by depth * 2; mark stands in front of the number. */
void clip_print_line(const struct clip *clip, int depth, char mark);
/* Everything about one: facts, files, tags, collections. */
bool clip_print_page(struct catalog *catalog, const struct clip *clip, struct dn_error *err);
/* The row as an object; whole: with request, timings, files, tags and collections. NULL with err.
 */
json_t *clip_to_json(struct catalog *catalog, const struct clip *clip, bool whole,
                     struct dn_error *err);

#endif
