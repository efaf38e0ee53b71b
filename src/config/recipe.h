/* recipe: what made a clip, as the JSON that travels inside its file. */
#ifndef DANAUS_CONFIG_RECIPE_H
#define DANAUS_CONFIG_RECIPE_H

#include <stdbool.h>

#include "base/error.h"
#include "config/request.h"

/* {"danaus": version, "model": {"name", "sha256"}, "request": {...}}; the caller frees. */
char *recipe_make(const char *model_name, const char *model_sha256, const struct request *r);
/* The same from the JSON of a request, as the catalog has it. NULL: it says nothing, as that of a clip
 * from elsewhere. */
char *recipe_of(const char *model_name, const char *model_sha256, const char *request_json);
/* The request of a recipe over r's present values. The text is a stranger's; on false r is as
 * before. A request alone, which exports once wrote, is a recipe too. */
bool recipe_read(const char *recipe, struct request *r, struct dn_error *err);
/* What made a clip, to be made again here: from the JSON that the catalog has of its request. One
 * that names its model is taken as it is; of a clip from elsewhere only the recipe counts, or, when
 * it has none, its prompt: the model and what else belongs to this machine are here's. r becomes it,
 * initialised before. On false r is as before. */
bool recipe_again(const char *request_json, const char *prompt, const struct request *here,
                  struct request *r, struct dn_error *err);

#endif
