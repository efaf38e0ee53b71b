/* recall: what a clip was made from, to be made again or taken over into the studio. */
#include <stdlib.h>

#include "config/option_value.h"
#include "config/recipe.h"
#include "store/catalog.h"
#include "ui/studio/making.h"
#include "ui/studio/studio_internal.h"

static const struct option *row_of(const char *name)
{
    return option_find(option_rows, option_count, name);
}

const char *recall_name(enum recall what)
{
    static const char *const names[] = {"everything, the seed too", "everything but the seed",
                                        "the prompt"};
    return names[what];
}

char *studio_request_of(struct studio *s, int64_t id, const char *prompt, bool new_seed)
{
    struct catalog *catalog = studio_catalog(s);
    struct clip clip;
    struct request r;
    struct dn_error err;
    char why[OPTION_WHY_SIZE], *json = NULL;
    if (!catalog || !catalog_get_clip(catalog, id, &clip, &err)) {
        if (catalog)
            studio_tell_error(s, &err);
        return NULL;
    }
    request_init(&r);
    bool ok = recipe_again(clip.request_json, clip.prompt, &s->options->settings->request, &r, &err);
    if (ok && prompt)
        ok = option_set(row_of("prompt"), &r, prompt, why) ||
             option_complain(&err, "", "prompt", prompt, why);
    if (ok && new_seed)
        option_set(row_of("seed"), &r, "random", why);
    if (ok) {
        option_set(row_of("output"), &r, NULL, why);
        option_set(row_of("save-latents"), &r, NULL, why);
        making_paths(&r);
        json = request_to_json(&r);
    } else {
        studio_tell_error(s, &err);
    }
    request_done(&r);
    clip_done(&clip);
    return json;
}

void studio_recall(struct studio *s, int64_t id, enum recall what)
{
    char *json = studio_request_of(s, id, NULL, false);
    struct request r;
    struct dn_error err;
    if (!json)
        return;
    request_init(&r);
    if (request_from_json(&r, json, &err)) {
        studio_take_request(s, &r, what);
        studio_tell(s, ROLE_GOOD, "#%lld: %s", (long long)id, recall_name(what));
    } else {
        studio_tell_error(s, &err);
    }
    request_done(&r);
    free(json);
}
