/* clip_files: see clip_files.h. Paths, rows of files, the end of a job. */
#include "store/clip_files.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/paths.h"
#include "store/catalog_internal.h"
#include "store/file_hash.h"
#include "store/file_tree.h"

void clip_file_done(struct clip_file *file)
{
    free(file->kind);
    free(file->name);
    *file = (struct clip_file){0};
}

void clip_file_list_done(struct clip_file_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        clip_file_done(&list->items[i]);
    free(list->items);
    *list = (struct clip_file_list){0};
}

char *clip_folder_path(const struct catalog *c, const struct clip *clip)
{
    return dn_path_join(catalog_library(c), clip->folder);
}

char *clip_file_path(const struct catalog *c, const struct clip *clip, const char *name)
{
    char *folder = clip_folder_path(c, clip), *path = dn_path_join(folder, name);
    free(folder);
    return path;
}

/* Names are in their folder for good when that is synced, so all those above are, up to the
 * library. */
bool library_make_folder(const struct catalog *c, const char *relative, struct dn_error *err)
{
    char *path = dn_path_join(c->library, relative);
    bool ok = dn_path_exists(path) || dn_make_dirs(path, err);
    size_t top = strlen(c->library);
    while (ok && strlen(path) > top) {
        char *parent = dn_path_dir(path);
        ok = tree_sync(parent, err);
        free(path);
        path = parent;
    }
    free(path);
    return ok;
}

bool clip_folder_make(const struct catalog *c, const struct clip *clip, struct dn_error *err)
{
    return library_make_folder(c, clip->folder, err);
}

bool clip_file_describe(const struct catalog *c, const struct clip *clip, const char *kind,
                        const char *name, int64_t frames, struct clip_file *out,
                        struct dn_error *err)
{
    *out = (struct clip_file){.frames = frames};
    char *path = clip_file_path(c, clip, name);
    bool ok = file_hash(path, out->sha256, &out->bytes, err);
    free(path);
    if (ok) {
        out->kind = dn_strdup(kind);
        out->name = dn_strdup(name);
    }
    return ok;
}

bool catalog_put_file(struct catalog *c, int64_t clip, const struct clip_file *file,
                      struct dn_error *err)
{
    return catalog_run(c,
                       "INSERT INTO clip_files(clip_id, kind, name, bytes, sha256, frames)"
                       " VALUES (?,?,?,?,?,?) ON CONFLICT(clip_id, kind) DO UPDATE SET"
                       " name = excluded.name, bytes = excluded.bytes, sha256 = excluded.sha256,"
                       " frames = excluded.frames",
                       VALUES(value_int(clip), value_text(file->kind), value_text(file->name),
                              value_int(file->bytes), value_text(file->sha256),
                              value_int(file->frames)),
                       NULL, err);
}

bool catalog_list_files(struct catalog *c, int64_t clip, struct clip_file_list *out,
                        struct dn_error *err)
{
    bool row = true;
    *out = (struct clip_file_list){0};
    sqlite3_stmt *s = statement_begin(c,
                                      "SELECT kind, name, bytes, sha256, frames FROM clip_files"
                                      " WHERE clip_id = ? ORDER BY kind",
                                      VALUES(value_int(clip)), err);
    bool ok = s != NULL;
    while (ok && (ok = statement_step(c, s, &row, err)) && row) {
        out->items = dn_realloc(out->items, out->count + 1, sizeof *out->items);
        struct clip_file *file = &out->items[out->count++];
        *file = (struct clip_file){
            .kind = column_dup(s, 0),
            .name = column_dup(s, 1),
            .bytes = sqlite3_column_int64(s, 2),
            .frames = sqlite3_column_int64(s, 4),
        };
        char *hash = column_dup(s, 3);
        memcpy(file->sha256, hash, strlen(hash) < 64 ? strlen(hash) : 64);
        free(hash);
    }
    statement_end(s);
    if (!ok)
        clip_file_list_done(out);
    return ok;
}

static bool finish(struct catalog *c, int64_t id, const struct clip_result *result,
                   struct dn_error *err)
{
    struct job job;
    if (!catalog_get_job(c, id, &job, err))
        return false;
    enum job_state state = job.state;
    job_done(&job);
    if (!job_may_go(state, JOB_DONE))
        return dn_fail(err, DN_E_ARG, "job %" PRId64 " is %s: it cannot become done", id,
                       job_state_name(state));
    for (size_t i = 0; i < result->file_count; i++)
        if (!catalog_put_file(c, id, &result->files[i], err))
            return false;
    return catalog_run(c, "UPDATE clips SET frames = ?, finished_ms = ?, chunks_done = chunks"
                          " WHERE id = ?",
                       VALUES(value_int(result->frames), value_int(catalog_now_ms()),
                              value_int(id)),
                       NULL, err) &&
           catalog_run(c, "UPDATE clip_details SET timings = ? WHERE clip_id = ?",
                       VALUES(value_text(result->timings_json), value_int(id)), NULL, err) &&
           catalog_run(c, "UPDATE jobs SET state = 'done', reason = '' WHERE clip_id = ?",
                       VALUES(value_int(id)), NULL, err);
}

bool catalog_finish_job(struct catalog *c, int64_t id, const struct clip_result *result,
                        struct dn_error *err)
{
    if (!catalog_enter(c, err))
        return false;
    return catalog_leave(c, finish(c, id, result, err), err);
}
