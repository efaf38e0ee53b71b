/* clip_trash: see clip_trash.h
 *
 * A move is three steps: the row says where the folder is going (moving_to), the folder is
 * renamed, the row says that it is there. After a crash clip_moves_complete() does what is left.
 * Emptying renames to trash/.gone-NAME, forgets the row, removes the folder: a folder is only ever
 * removed under a name that says that its row is meant to be gone. */
#define _GNU_SOURCE
#include "store/clip_trash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/paths.h"
#include "store/atomic_file.h"
#include "store/catalog_clips.h"
#include "store/catalog_internal.h"
#include "store/file_tree.h"

static const char gone[] = ".gone-";

static const char *base_name(const char *folder)
{
    const char *slash = strrchr(folder, '/');
    return slash ? slash + 1 : folder;
}

/* Renames a folder of the library; one that is not there has nothing to move (a clip that failed
 * before its first file, or a move that had come this far). */
static bool rename_folder(struct catalog *c, const char *from, const char *to,
                          struct dn_error *err)
{
    char *old = dn_path_join(c->library, from), *new = dn_path_join(c->library, to);
    char *old_parent = dn_path_dir(old), *new_parent = dn_path_dir(new);
    bool ok = true;
    if (dn_path_exists(old)) {
        char *folder = dn_path_dir(to);
        ok = library_make_folder(c, folder, err);
        free(folder);
        if (ok && atomic_rename(AT_FDCWD, old, AT_FDCWD, new, false) != 0)
            ok = dn_fail(err, errno == EEXIST ? DN_E_EXISTS : DN_E_IO, "cannot move %s to %s: %s",
                         old, new, strerror(errno));
        ok = ok && tree_sync(new_parent, err) && tree_sync(old_parent, err);
    }
    free(old);
    free(new);
    free(old_parent);
    free(new_parent);
    return ok;
}

/* The second and third step. When the folder cannot be moved the clip stays where it is; when it
 * was moved and only the sync failed, the third step is for the next try or the next start. */
static bool complete(struct catalog *c, int64_t id, const char *from, const char *to,
                     struct dn_error *err)
{
    if (!rename_folder(c, from, to, err)) {
        char *old = dn_path_join(c->library, from);
        if (dn_path_exists(old))
            catalog_run(c, "UPDATE clips SET moving_to = NULL WHERE id = ?",
                        VALUES(value_int(id)), NULL, NULL);
        free(old);
        return false;
    }
    bool trash = strncmp(to, "trash/", 6) == 0;
    return catalog_run(c,
                       "UPDATE clips SET folder = moving_to, moving_to = NULL, trashed_ms = ?"
                       " WHERE id = ?",
                       VALUES(value_int_or_null(trash ? catalog_now_ms() : 0), value_int(id)),
                       NULL, err);
}

static bool move(struct catalog *c, int64_t id, const char *from, const char *to,
                 struct dn_error *err)
{
    return catalog_run(c, "UPDATE clips SET moving_to = ? WHERE id = ?",
                       VALUES(value_text(to), value_int(id)), NULL, err) &&
           complete(c, id, from, to, err);
}

bool clip_trash(struct catalog *c, int64_t id, struct dn_error *err)
{
    struct clip clip;
    if (!catalog_get_clip(c, id, &clip, err))
        return false;
    bool waits = clip.status == JOB_QUEUED || clip.status == JOB_PAUSED ||
                 clip.status == JOB_RUNNING;
    bool ok = true;
    if (clip.trashed_ms) {
        ok = dn_fail(err, DN_E_ARG, "clip %" PRId64 " is in the trash already", id);
    } else if (waits) {
        ok = dn_fail(err, DN_E_ARG, "clip %" PRId64 " is %s", id, job_state_name(clip.status));
        dn_error_hint(err, "cancel it first");
    }
    char *to = dn_asprintf("trash/%s", base_name(clip.folder));
    ok = ok && move(c, id, clip.folder, to, err);
    free(to);
    clip_done(&clip);
    return ok;
}

bool clip_restore(struct catalog *c, int64_t id, struct dn_error *err)
{
    struct clip clip;
    if (!catalog_get_clip(c, id, &clip, err))
        return false;
    bool ok = clip.trashed_ms != 0 ||
              dn_fail(err, DN_E_ARG, "clip %" PRId64 " is not in the trash", id);
    char *to = clip_choose_folder(id, clip.created_ms, clip.prompt);
    ok = ok && move(c, id, clip.folder, to, err);
    free(to);
    clip_done(&clip);
    return ok;
}

/* Numbers of a statement with one value, all read before anything changes. */
static bool read_ids(struct catalog *c, const char *sql, int64_t value, int64_t **ids,
                     size_t *count, struct dn_error *err)
{
    bool row = true;
    *ids = NULL;
    *count = 0;
    sqlite3_stmt *s = statement_begin(c, sql, VALUES(value_int(value)), err);
    bool ok = s != NULL;
    while (ok && (ok = statement_step(c, s, &row, err)) && row) {
        *ids = dn_realloc(*ids, *count + 1, sizeof **ids);
        (*ids)[(*count)++] = sqlite3_column_int64(s, 0);
    }
    statement_end(s);
    return ok;
}

static bool remove_for_good(struct catalog *c, int64_t id, struct dn_error *err)
{
    struct clip clip;
    if (!catalog_get_clip(c, id, &clip, err))
        return false;
    char *marked = dn_asprintf("trash/%s%s", gone, base_name(clip.folder));
    char *path = dn_path_join(c->library, marked);
    bool ok = rename_folder(c, clip.folder, marked, err) &&
              catalog_run(c, "DELETE FROM clips WHERE id = ?", VALUES(value_int(id)), NULL, err) &&
              tree_remove(path, err);
    free(marked);
    free(path);
    clip_done(&clip);
    return ok;
}

bool clip_trash_empty(struct catalog *c, int64_t before_ms, int64_t *count, struct dn_error *err)
{
    int64_t *ids, removed = 0;
    size_t n;
    bool ok = read_ids(c, "SELECT id FROM clips INDEXED BY clips_trash WHERE trashed_ms IS NOT"
                          " NULL AND trashed_ms < ?",
                       before_ms ? before_ms : INT64_MAX, &ids, &n, err);
    for (size_t i = 0; ok && i < n; i++) {
        ok = remove_for_good(c, ids[i], err);
        removed += ok;
    }
    free(ids);
    if (count)
        *count = removed;
    return ok;
}

static bool complete_moves(struct catalog *c, struct dn_error *err)
{
    int64_t *ids;
    size_t n;
    bool row = false;
    bool ok = read_ids(c, "SELECT id FROM clips INDEXED BY clips_moving WHERE moving_to IS NOT"
                       " NULL AND id > ?", 0, &ids,
                       &n, err);
    for (size_t i = 0; ok && i < n; i++) {
        sqlite3_stmt *s = statement_begin(c, "SELECT folder, moving_to FROM clips WHERE id = ?",
                                          VALUES(value_int(ids[i])), err);
        ok = s && statement_step(c, s, &row, err) && row;
        char *from = ok ? column_dup(s, 0) : NULL, *to = ok ? column_dup(s, 1) : NULL;
        statement_end(s);
        /* one that cannot be moved stays in its place, and the engine starts all the same */
        if (ok)
            complete(c, ids[i], from, to, NULL);
        free(from);
        free(to);
    }
    free(ids);
    return ok;
}

/* A folder trash/.gone-NAME: back to NAME when its row is still there, else away. */
static bool settle_gone(struct catalog *c, const char *name, int64_t *removed,
                        struct dn_error *err)
{
    int64_t one;
    bool found;
    char *folder = dn_asprintf("trash/%s", name + strlen(gone));
    char *marked = dn_asprintf("trash/%s", name), *path = dn_path_join(c->library, marked);
    bool ok = catalog_read_int(c, "SELECT 1 FROM clips INDEXED BY clips_trash WHERE"
                               " trashed_ms IS NOT NULL AND folder = ?",
                               VALUES(value_text(folder)), &one, &found, err);
    if (ok && found) {
        ok = rename_folder(c, marked, folder, err);
    } else if (ok) {
        ok = tree_remove(path, err);
        *removed += ok;
    }
    free(folder);
    free(marked);
    free(path);
    return ok;
}

bool clip_moves_complete(struct catalog *c, int64_t *removed, struct dn_error *err)
{
    if (!complete_moves(c, err))
        return false;
    char *path = dn_path_join(c->library, "trash");
    DIR *dir = opendir(path);
    bool ok = dir || errno == ENOENT ||
              dn_fail(err, DN_E_IO, "cannot read %s: %s", path, strerror(errno));
    for (const struct dirent *e; ok && dir && (e = readdir(dir));)
        if (strncmp(e->d_name, gone, strlen(gone)) == 0)
            ok = settle_gone(c, e->d_name, removed, err);
    if (dir)
        closedir(dir);
    free(path);
    return ok;
}
