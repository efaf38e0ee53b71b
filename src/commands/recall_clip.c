/* recall_clip: see recall_clip.h */
#include "commands/recall_clip.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "commands/tensor_file.h"
#include "config/recipe.h"
#include "store/media_probe.h"

/* The video's, else that of the latents: a clip that was not finished has only these. */
static char *read_recipe(const struct rebuild_files *files)
{
    struct dn_error ignored;
    struct tensor latents = {0};
    char *recipe = NULL;
    if (files->video && media_read_recipe(files->video, &recipe, &ignored))
        return recipe;
    if (files->latents && files->latent_frames)
        tensor_file_read(files->latents, "latents", 4, &latents, &recipe, &ignored);
    free(latents.data);
    return recipe;
}

static char *model_text(const char *recipe, const char *key)
{
    json_t *root = json_loads(recipe, 0, NULL);
    const char *text = json_string_value(json_object_get(json_object_get(root, "model"), key));
    char *own = dn_strdup(text ? text : "");
    json_decref(root);
    return own;
}

static void place_model(struct request *r, const char *folder, const char *name)
{
    const char *slash = folder ? strrchr(folder, '/') : NULL;
    if (folder && !r->model_dir && strcmp(slash ? slash + 1 : folder, name) == 0)
        r->model_dir = dn_strdup(folder);
}

/* As the pipeline divides latent frames into chunks. */
static int64_t chunks_of(const struct request *r, int64_t latent_frames)
{
    int64_t first = r->independent_first_frame, block = r->frames_per_block;
    if (!r->causal || latent_frames <= first || block < 1)
        return latent_frames > 0;
    return first + (latent_frames - first + block - 1) / block;
}

void recall_clip(void *user, const struct rebuild_files *files, struct clip *clip)
{
    struct dn_error ignored;
    struct request r;
    char *recipe = read_recipe(files);
    request_init(&r);
    if (recipe && recipe_read(recipe, &r, &ignored)) {
        free((void *)clip->prompt);
        clip->origin = files->latents ? CLIP_GENERATE : CLIP_IMPORT;
        clip->prompt = dn_strdup(r.prompt);
        clip->negative = dn_strdup(r.negative);
        clip->seed = r.seed;
        clip->noise = dn_strdup("philox");
        clip->model = model_text(recipe, "name");
        place_model(&r, user, clip->model);
        clip->model_sha256 = model_text(recipe, "sha256");
        clip->sampler = dn_strdup(r.sampler);
        clip->attention = dn_strdup(r.attention.kind == ATTENTION_MONARCH ? "monarch" : "dense");
        clip->chunks = clip->chunks_done = chunks_of(&r, files->latent_frames);
        clip->request_json = request_to_json(&r);
    } else {
        clip->request_json = dn_strdup("{}");
    }
    if (!clip->width && clip->request_json[1] != '}') { /* no picture tells */
        clip->width = r.width;
        clip->height = r.height;
        clip->frames = r.frames;
        clip->fps = r.fps;
    }
    request_done(&r);
    free(recipe);
}
