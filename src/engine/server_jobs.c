/* server_jobs: jobs as rows of the catalog, and as messages. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/paths.h"
#include "config/option_value.h"
#include "config/request.h"
#include "engine/server_internal.h"
#include "store/catalog_labels.h"
#include "store/library.h"

/* --- describing --- */

static void set_text(json_t *message, const char *key, const char *text)
{
    if (text && text[0])
        json_object_set_new(message, key, json_string(text));
}

static void set_int(json_t *message, const char *key, int64_t value)
{
    json_object_set_new(message, key, json_integer(value));
}

/* The video that there is, and how long it took. */
static void describe_result(struct server *s, const struct clip *clip, json_t *message)
{
    struct clip_file_list files = {0};
    struct dn_error err;
    if (!catalog_list_files(s->catalog, clip->id, &files, &err))
        dn_warn("%s", err.message);
    for (size_t i = 0; i < files.count; i++) {
        const struct clip_file *f = &files.items[i];
        if (strcmp(f->kind, CLIP_VIDEO) != 0)
            continue;
        char *path = clip_file_path(s->catalog, clip, f->name);
        set_text(message, "path", path);
        set_int(message, "frames_done", f->frames);
        set_int(message, "bytes", f->bytes);
        free(path);
    }
    clip_file_list_done(&files);
    json_t *timings = clip->timings_json[0] ? json_loads(clip->timings_json, 0, NULL) : NULL;
    if (json_is_object(timings))
        json_object_update_missing(message, timings);
    json_decref(timings);
}

static void describe_request(const struct clip *clip, json_t *message)
{
    json_t *request = json_loads(clip->request_json, 0, NULL);
    json_t *changes = json_object_get(request, "prompt_changes");
    set_text(message, "output", protocol_text(request, "output"));
    if (json_array_size(changes))
        json_object_set(message, "prompt_changes", changes);
    json_decref(request);
}

json_t *job_describe(struct server *s, int64_t id, struct dn_error *err)
{
    struct job job;
    struct clip clip;
    if (!catalog_get_job(s->catalog, id, &job, err))
        return NULL;
    if (!catalog_get_clip(s->catalog, id, &clip, err)) {
        job_done(&job);
        return NULL;
    }
    json_t *message = protocol_new(MESSAGE_STATE);
    set_int(message, "job", id);
    set_int(message, "clip", id);
    set_text(message, "state", job_state_name(job.state));
    set_text(message, "prompt", clip.prompt);
    set_int(message, "seed", (json_int_t)clip.seed);
    set_int(message, "width", clip.width);
    set_int(message, "height", clip.height);
    set_int(message, "frames", clip.frames);
    set_int(message, "chunks", clip.chunks);
    set_int(message, "chunks_done", clip.chunks_done);
    set_int(message, "deaths", job.deaths);
    set_text(message, "reason", job.reason);
    describe_request(&clip, message);
    if (job.state == JOB_DONE || job.state == JOB_CANCELLED)
        describe_result(s, &clip, message);
    clip_done(&clip);
    job_done(&job);
    return message;
}

void job_tell_state(struct server *s, int64_t id)
{
    struct dn_error err;
    json_t *message = job_describe(s, id, &err);
    if (message)
        server_tell(s, id, message, true);
    else
        dn_warn("%s", err.message);
}

/* --- adding --- */

/* The engine runs elsewhere: a path that is not whole would mean another file. */
static bool paths_are_absolute(const struct request *r, struct dn_error *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < option_count; i++) {
        char *value = option_rows[i].type == OPTION_PATH ? option_get(&option_rows[i], r) : NULL;
        if (value && value[0] != '/')
            ok = dn_fail(err, DN_E_ARG, "request: %s %s is no absolute path", option_rows[i].name,
                         value);
        free(value);
    }
    return ok;
}

static bool read_request(const json_t *message, struct request *r, struct dn_error *err)
{
    char *text = json_dumps(json_object_get(message, "request"), JSON_COMPACT);
    bool ok = request_from_json(r, text, err) && request_validate(r, err) &&
              paths_are_absolute(r, err);
    free(text);
    if (ok && !r->model_dir)
        ok = dn_fail(err, DN_E_ARG, "request: no model is named");
    if (ok && r->count != 1)
        ok = dn_fail(err, DN_E_ARG, "request: count must be 1, a job is one clip");
    return ok;
}

static enum clip_origin origin_of(const char *relation)
{
    for (int i = 0; relation && i < CLIP_ORIGINS; i++)
        if (strcmp(clip_origin_name((enum clip_origin)i), relation) == 0)
            return (enum clip_origin)i;
    return CLIP_GENERATE;
}

static bool add(struct server *s, const json_t *message, const struct request *r, int64_t *id,
                struct dn_error *err)
{
    const char *slash = strrchr(r->model_dir, '/');
    char *json = request_to_json(r);
    struct clip clip = {
        .origin = origin_of(protocol_text(message, "relation")), .prompt = r->prompt,
        .negative = r->negative, .seed = r->seed, .noise = r->noise ? "given" : "philox",
        .model = slash && slash[1] ? slash + 1 : r->model_dir, .width = r->width,
        .height = r->height, .frames = r->frames, .fps = r->fps, .sampler = r->sampler,
        .attention = r->attention.kind == ATTENTION_MONARCH ? "monarch" : "dense",
        .backend = r->backend, .parent_id = protocol_int(message, "parent", 0),
        .parent_chunk = protocol_int(message, "parent_chunk", 0), .request_json = json};
    enum job_place place = protocol_bool(message, "next") ? JOB_FIRST : JOB_LAST;
    const char *collection = protocol_text(message, "collection");
    bool ok = catalog_begin(s->catalog, err);
    if (ok) {
        ok = catalog_enqueue(s->catalog, &clip, place, id, err) &&
             (!protocol_bool(message, "paused") ||
              catalog_set_job(s->catalog, *id, JOB_PAUSED, NULL, err)) &&
             (!collection || catalog_collect(s->catalog, collection, *id, err));
        if (ok)
            ok = catalog_commit(s->catalog, err);
        else
            catalog_rollback(s->catalog);
    }
    free(json);
    return ok;
}

static bool check_parent(struct server *s, const json_t *message, struct dn_error *err)
{
    struct clip parent;
    int64_t id = protocol_int(message, "parent", 0), kept = protocol_int(message, "parent_chunk", 0);
    if (!id)
        return true;
    if (!catalog_get_clip(s->catalog, id, &parent, err))
        return false;
    /* one from elsewhere has none, one that is being made will have more */
    bool ok = parent.status != JOB_DONE || kept <= parent.chunks_done ||
              dn_fail(err, DN_E_ARG, "clip %lld has %lld chunks here, %lld of them cannot be kept",
                      (long long)id, (long long)parent.chunks_done, (long long)kept);
    clip_done(&parent);
    return ok;
}

/* Less room than this and nothing new is taken on: what runs needs it. */
static bool check_room(struct server *s, const struct request *r, struct dn_error *err)
{
    int64_t free_bytes;
    /* latents 16 channels of 1/8 the size, 1/4 the frames, float32; a video seldom needs as much */
    int64_t need = r->width * r->height / 64 * 16 * 4 * (r->frames / 4 + 4) * 2 + (1 << 20);
    if (!library_free_bytes(s->paths.library, &free_bytes, err))
        return false;
    if (free_bytes >= need)
        return true;
    dn_fail(err, DN_E_IO, "not enough room for the clip in %s: %lld MiB are needed, %lld free",
            s->paths.library, (long long)(need >> 20), (long long)(free_bytes >> 20));
    return dn_error_hint(err, "danaus trash empty, or danaus library move");
}

bool job_enqueue(struct server *s, const json_t *message, int64_t *id, struct dn_error *err)
{
    struct request r;
    request_init(&r);
    bool ok = read_request(message, &r, err) && check_parent(s, message, err) &&
              check_room(s, &r, err) && add(s, message, &r, id, err);
    request_done(&r);
    return ok;
}

/* --- working on it --- */

/* The latents of the clip that this one begins like. */
static bool add_parent(struct server *s, const struct clip *clip, json_t *message,
                       struct dn_error *err)
{
    struct clip parent;
    if (!clip->parent_id || !clip->parent_chunk)
        return true;
    if (!catalog_get_clip(s->catalog, clip->parent_id, &parent, err))
        return false;
    char *path = clip_file_path(s->catalog, &parent, "latents.safetensors");
    set_text(message, "parent_latents", path);
    set_int(message, "parent_chunk", clip->parent_chunk);
    free(path);
    clip_done(&parent);
    return true;
}

json_t *job_order(struct server *s, int64_t id, struct dn_error *err)
{
    struct clip clip;
    struct job job;
    if (!catalog_get_clip(s->catalog, id, &clip, err))
        return NULL;
    json_t *message = NULL, *request = json_loads(clip.request_json, 0, NULL);
    if (!request)
        dn_fail(err, DN_E_FORMAT, "the request of job %lld is no JSON", (long long)id);
    else if (clip_folder_make(s->catalog, &clip, err) && catalog_get_job(s->catalog, id, &job, err)) {
        char *folder = clip_folder_path(s->catalog, &clip);
        message = json_pack("{s:s, s:I, s:O, s:s, s:I}", "type", "run", "job", (json_int_t)id,
                            "request", request, "folder", folder, "attempt",
                            (json_int_t)job.attempts);
        free(folder);
        job_done(&job);
        if (!add_parent(s, &clip, message, err)) {
            json_decref(message);
            message = NULL;
        }
    }
    json_decref(request);
    clip_done(&clip);
    return message;
}

size_t message_files(const json_t *message, struct clip_file *files)
{
    size_t i, count = 0;
    json_t *item;
    json_array_foreach(json_object_get(message, "files"), i, item)
    {
        const char *kind = protocol_text(item, "kind"), *name = protocol_text(item, "name");
        const char *hash = protocol_text(item, "sha256");
        if (count == MAX_FILES || !kind || !name || !hash || strlen(hash) != 64)
            continue;
        struct clip_file *f = &files[count++];
        *f = (struct clip_file){.kind = (char *)kind, .name = (char *)name,
                                .bytes = protocol_int(item, "bytes", 0),
                                .frames = protocol_int(item, "frames", 0)};
        memcpy(f->sha256, hash, sizeof f->sha256);
    }
    return count;
}

bool job_keep_files(struct server *s, int64_t id, const json_t *message, bool done,
                    struct dn_error *err)
{
    struct clip_file files[MAX_FILES]; /* texts borrowed from message */
    size_t count = message_files(message, files);
    if (done) {
        char *timings = json_dumps(json_object_get(message, "timings"), JSON_COMPACT);
        struct clip_result result = {.frames = protocol_int(message, "frames", 0),
                                     .timings_json = timings, .files = files, .file_count = count};
        bool ok = catalog_finish_job(s->catalog, id, &result, err);
        free(timings);
        return ok;
    }
    for (size_t i = 0; i < count; i++)
        if (!catalog_put_file(s->catalog, id, &files[i], err))
            return false;
    return true;
}
