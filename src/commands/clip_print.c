/* clip_print: see clip_print.h */
#include "commands/clip_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/safetext.h"
#include "base/strbuf.h"
#include "store/catalog_labels.h"
#include "store/clip_files.h"

static void date_text(int64_t ms, char out[32])
{
    time_t then = (time_t)(ms / 1000);
    struct tm t;
    localtime_r(&then, &t);
    strftime(out, 32, "%Y-%m-%d %H:%M", &t);
}

void clip_print_line(const struct clip *clip, int depth, char mark)
{
    char date[32], prompt[161], size[48];
    date_text(clip->created_ms, date);
    dn_safetext(prompt, sizeof prompt, clip->prompt, strlen(clip->prompt));
    snprintf(size, sizeof size, "%lldx%lldx%lld", (long long)clip->frames, (long long)clip->width,
             (long long)clip->height);
    printf("%*s%c%6lld  %s  %-9s  %-12s  %.*s%s%s\n", 2 * depth, "", mark, (long long)clip->id,
           date, job_state_name(clip->status), size, clip->rating, "*****",
           clip->rating ? "  " : "", prompt);
}

static void fact(const char *label, const char *value)
{
    char *safe = dn_safetext_dup(value, strlen(value));
    if (safe[0])
        printf("%-12s%s\n", label, safe);
    free(safe);
}

static char *labels_text(const struct label_list *list)
{
    struct strbuf text = {0};
    for (size_t i = 0; i < list->count; i++)
        strbuf_printf(&text, "%s%s", i ? ", " : "", list->items[i].name);
    return strbuf_take(&text);
}

static bool print_labels(struct catalog *catalog, int64_t id, struct dn_error *err)
{
    struct label_list tags = {0}, collections = {0};
    bool ok = catalog_list_tags(catalog, id, &tags, err) &&
              catalog_list_collections(catalog, id, &collections, err);
    if (ok) {
        char *all = labels_text(&tags), *in = labels_text(&collections);
        fact("tags", all);
        fact("in", in);
        free(all);
        free(in);
    }
    label_list_done(&tags);
    label_list_done(&collections);
    return ok;
}

static bool print_files(struct catalog *catalog, const struct clip *clip, struct dn_error *err)
{
    struct clip_file_list files = {0};
    bool ok = catalog_list_files(catalog, clip->id, &files, err);
    for (size_t i = 0; ok && i < files.count; i++) {
        char *path = clip_file_path(catalog, clip, files.items[i].name);
        fact(files.items[i].kind, path);
        free(path);
    }
    clip_file_list_done(&files);
    return ok;
}

/* Where the prompt changes or was steered, a line each. */
static void print_changes(const struct clip *clip)
{
    json_t *request = json_loads(clip->request_json, 0, NULL), *change;
    size_t i;
    json_array_foreach(json_object_get(request, "prompt_changes"), i, change)
    {
        char label[32];
        const char *prompt = json_string_value(json_object_get(change, "prompt"));
        snprintf(label, sizeof label, "chunk %lld ",
                 (long long)json_integer_value(json_object_get(change, "chunk")));
        fact(label, prompt ? prompt : "");
    }
    json_decref(request);
}

static void print_times(const struct clip *clip)
{
    char text[96], date[32];
    date_text(clip->created_ms, date);
    if (clip->started_ms > 0 && clip->finished_ms > clip->started_ms)
        snprintf(text, sizeof text, "%s, took %.1f s", date,
                 (double)(clip->finished_ms - clip->started_ms) / 1e3);
    else
        snprintf(text, sizeof text, "%s", date);
    fact("made", text);
}

/* Why there is no whole clip. One that was found by a rebuild has no job to tell it. */
static void print_reason(struct catalog *catalog, const struct clip *clip)
{
    struct job job;
    struct dn_error none;
    if (!job_state_is_failure(clip->status) ||
        !catalog_get_job(catalog, clip->id, &job, &none))
        return;
    fact("why", job.reason);
    job_done(&job);
}

bool clip_print_page(struct catalog *catalog, const struct clip *clip, struct dn_error *err)
{
    char text[160];
    printf("%-12s%lld\n", "clip", (long long)clip->id);
    fact("prompt", clip->prompt);
    print_changes(clip);
    fact("negative", clip->negative);
    snprintf(text, sizeof text, "%s%s", job_state_name(clip->status),
             clip->trashed_ms ? ", in the trash" : "");
    fact("state", text);
    print_reason(catalog, clip);
    snprintf(text, sizeof text, "%lld frames %lldx%lld, %.3g frames/s, %lld of %lld chunks",
             (long long)clip->frames, (long long)clip->width, (long long)clip->height, clip->fps,
             (long long)clip->chunks_done, (long long)clip->chunks);
    fact("size", text);
    snprintf(text, sizeof text, "%llu", (unsigned long long)clip->seed);
    fact("seed", text);
    fact("model", clip->model);
    fact("sampler", clip->sampler);
    fact("attention", clip->attention);
    fact("backend", clip->backend);
    print_times(clip);
    if (clip->parent_id) {
        snprintf(text, sizeof text, "%s of %lld, after %lld of its chunks",
                 clip_origin_name(clip->origin), (long long)clip->parent_id,
                 (long long)clip->parent_chunk);
        fact("origin", text);
    }
    if (clip->rating || clip->favourite) {
        snprintf(text, sizeof text, "%.*s%s", clip->rating, "*****",
                 clip->favourite ? " favourite" : "");
        fact("rating", text);
    }
    fact("notes", clip->notes);
    return print_labels(catalog, clip->id, err) && print_files(catalog, clip, err);
}

/* --- JSON --- */

static json_t *labels_json(const struct label_list *list)
{
    json_t *out = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(out, json_string(list->items[i].name));
    return out;
}

static bool add_whole(struct catalog *catalog, const struct clip *clip, json_t *out,
                      struct dn_error *err)
{
    struct label_list tags = {0}, collections = {0};
    struct clip_file_list files = {0};
    bool ok = catalog_list_tags(catalog, clip->id, &tags, err) &&
              catalog_list_collections(catalog, clip->id, &collections, err) &&
              catalog_list_files(catalog, clip->id, &files, err);
    json_t *list = json_array();
    for (size_t i = 0; ok && i < files.count; i++) {
        const struct clip_file *f = &files.items[i];
        char *path = clip_file_path(catalog, clip, f->name);
        json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:s, s:I}", "kind", f->kind, "path",
                                              path, "bytes", (json_int_t)f->bytes, "sha256",
                                              f->sha256, "frames", (json_int_t)f->frames));
        free(path);
    }
    if (ok) {
        json_object_set_new(out, "tags", labels_json(&tags));
        json_object_set_new(out, "collections", labels_json(&collections));
        json_object_set(out, "files", list);
        json_object_set_new(out, "request", json_loads(clip->request_json, 0, NULL));
        json_object_set_new(out, "timings", json_loads(clip->timings_json, 0, NULL));
    }
    json_decref(list);
    label_list_done(&tags);
    label_list_done(&collections);
    clip_file_list_done(&files);
    return ok;
}

json_t *clip_to_json(struct catalog *catalog, const struct clip *clip, bool whole,
                     struct dn_error *err)
{
    const struct {
        const char *key, *value;
    } texts[] = {{"state", job_state_name(clip->status)},
                 {"origin", clip_origin_name(clip->origin)},
                 {"prompt", clip->prompt},
                 {"negative", clip->negative},
                 {"noise", clip->noise},
                 {"model", clip->model},
                 {"model_sha256", clip->model_sha256},
                 {"sampler", clip->sampler},
                 {"attention", clip->attention},
                 {"backend", clip->backend},
                 {"notes", clip->notes}};
    const struct {
        const char *key;
        int64_t value;
    } numbers[] = {{"seed", (int64_t)clip->seed},
                   {"width", clip->width},
                   {"height", clip->height},
                   {"frames", clip->frames},
                   {"chunks", clip->chunks},
                   {"chunks_done", clip->chunks_done},
                   {"created_ms", clip->created_ms},
                   {"started_ms", clip->started_ms},
                   {"finished_ms", clip->finished_ms},
                   {"trashed_ms", clip->trashed_ms},
                   {"parent", clip->parent_id},
                   {"parent_chunk", clip->parent_chunk},
                   {"rating", clip->rating}};
    json_t *out = json_pack("{s:I}", "clip", (json_int_t)clip->id);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        json_object_set_new(out, texts[i].key, json_string(texts[i].value));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        json_object_set_new(out, numbers[i].key, json_integer(numbers[i].value));
    json_object_set_new(out, "fps", json_real(clip->fps));
    json_object_set_new(out, "favourite", json_boolean(clip->favourite));
    if (whole && !add_whole(catalog, clip, out, err)) {
        json_decref(out);
        return NULL;
    }
    return out;
}
