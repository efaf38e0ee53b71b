/* recipe: see recipe.h */
#include "config/recipe.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/mem.h"

char *recipe_make(const char *model_name, const char *model_sha256, const struct request *r)
{
    char *text = request_to_recipe(r);
    json_t *request = json_loads(text, 0, NULL);
    json_t *recipe = json_pack("{s:s, s:{s:s, s:s}, s:o}", "danaus", DANAUS_VERSION, "model", "name",
                               model_name, "sha256", model_sha256, "request", request);
    free(text);
    text = json_dumps(recipe, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(recipe);
    return text;
}

/* The request of a clip from elsewhere may be {}. */
static bool says_something(const char *request_json)
{
    json_t *json = json_loads(request_json, 0, NULL);
    bool says = json_object_size(json) > 0;
    json_decref(json);
    return says;
}

char *recipe_of(const char *model_name, const char *model_sha256, const char *request_json)
{
    struct request r;
    struct dn_error ignored;
    request_init(&r);
    char *recipe = says_something(request_json) && request_from_json(&r, request_json, &ignored)
                       ? recipe_make(model_name, model_sha256, &r) : NULL;
    request_done(&r);
    return recipe;
}

bool recipe_read(const char *recipe, struct request *r, struct dn_error *err)
{
    json_t *root = json_loads(recipe, JSON_REJECT_DUPLICATES, NULL);
    const json_t *request = json_object_get(root, "request");
    if (!request && json_object_get(root, "prompt"))
        request = root;
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    bool ok = text ? request_from_recipe(r, text, err)
                   : dn_fail(err, DN_E_FORMAT, "the recipe has no request in it");
    free(text);
    json_decref(root);
    return ok;
}

/* known over here, as far as a recipe goes. */
static bool over(const struct request *known, struct request *here, struct dn_error *err)
{
    char *recipe = request_to_recipe(known);
    bool ok = request_from_recipe(here, recipe, err);
    free(recipe);
    return ok;
}

bool recipe_again(const char *request_json, const char *prompt, const struct request *here,
                  struct request *r, struct dn_error *err)
{
    struct request known, made;
    request_init(&known);
    bool ok = request_from_json(&known, request_json, err);
    if (ok && known.model_dir) {
        request_copy(&made, &known);
    } else {
        request_copy(&made, here);
        made.count = 1;
        ok = ok && (!says_something(request_json) || over(&known, &made, err));
        if (ok && !says_something(request_json)) {
            free(made.prompt);
            made.prompt = dn_strdup(prompt);
        }
    }
    request_done(&known);
    request_done(ok ? r : &made);
    if (ok)
        *r = made;
    return ok;
}
