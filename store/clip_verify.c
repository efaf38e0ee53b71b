/* clip_verify: the orphan sweep at the engine's start and the check of a whole library, both
 * declared in clip_files.h. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/paths.h"
#include "store/catalog_internal.h"
#include "store/clip_files.h"
#include "store/file_hash.h"
#include "store/file_tree.h"

/* Folders of clips that are not done: only there do writers leave something. */
bool clip_files_sweep(struct catalog *c, int64_t *removed, struct dn_error *err)
{
    int64_t count = 0;
    bool row = true;
    if (!clip_moves_complete(c, &count, err))
        return false;
    sqlite3_stmt *s = statement_begin(c, "SELECT folder FROM clips INDEXED BY clips_status"
                                      " WHERE status <> 'done'",
                                      NO_VALUES, err);
    bool ok = s != NULL;
    while (ok && (ok = statement_step(c, s, &row, err)) && row) {
        char *folder = column_dup(s, 0), *path = dn_path_join(c->library, folder);
        ok = tree_sweep(path, &count, err);
        free(folder);
        free(path);
    }
    statement_end(s);
    if (removed)
        *removed = count;
    return ok;
}

struct verify {
    struct catalog *catalog;
    bool hash;
    void (*report)(void *user, const struct clip_fault *fault);
    void *user;
    int64_t faults;
};

static void fault(struct verify *v, int64_t clip, const char *path, const char *what)
{
    v->faults++;
    if (v->report)
        v->report(v->user, &(struct clip_fault){.clip = clip, .path = path, .what = what});
}

static bool verify_file(struct verify *v, int64_t clip, const char *relative, int64_t bytes,
                        const char *sha256, struct dn_error *err)
{
    char *path = dn_path_join(v->catalog->library, relative), what[96], hex[65];
    struct stat st;
    bool ok = true;
    if (lstat(path, &st) != 0) {
        ok = errno == ENOENT || errno == ENOTDIR ||
             dn_fail(err, DN_E_IO, "cannot read %s: %s", path, strerror(errno));
        if (ok)
            fault(v, clip, relative, "missing");
    } else if (!S_ISREG(st.st_mode)) {
        fault(v, clip, relative, "no ordinary file");
    } else if (st.st_size != bytes) {
        snprintf(what, sizeof what, "has %" PRId64 " bytes, not %" PRId64, (int64_t)st.st_size,
                 bytes);
        fault(v, clip, relative, what);
    } else if (v->hash) {
        ok = file_hash(path, hex, NULL, err);
        if (ok && strcmp(hex, sha256) != 0)
            fault(v, clip, relative, "changed");
    }
    free(path);
    return ok;
}

/* Folders of clips/ or trash/ whose number is no clip of that place. */
static bool verify_folders(struct verify *v, const char *relative, int depth, struct dn_error *err)
{
    char *path = dn_path_join(v->catalog->library, relative);
    DIR *dir = opendir(path);
    bool ok = dir || errno == ENOENT || errno == ENOTDIR ||
              dn_fail(err, DN_E_IO, "cannot read %s: %s", path, strerror(errno));
    for (const struct dirent *e; ok && dir && (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        char *inner = dn_path_join(relative, e->d_name);
        int64_t one;
        bool found = true;
        if (depth > 0)
            ok = verify_folders(v, inner, depth - 1, err);
        else
            ok = catalog_read_int(v->catalog, "SELECT 1 FROM clips WHERE id = ? AND folder = ?",
                                  VALUES(value_int(strtoll(e->d_name, NULL, 10)),
                                         value_text(inner)),
                                  &one, &found, err);
        if (ok && !found)
            fault(v, 0, inner, "belongs to no clip");
        free(inner);
    }
    if (dir)
        closedir(dir);
    free(path);
    return ok;
}

bool clip_files_verify(struct catalog *c, int64_t id, bool hash,
                       void (*report)(void *user, const struct clip_fault *fault), void *user,
                       int64_t *faults, struct dn_error *err)
{
    struct verify v = {.catalog = c, .hash = hash, .report = report, .user = user};
    bool row = true;
    sqlite3_stmt *s = statement_begin(c,
                                      "SELECT c.id, c.folder || '/' || f.name, f.bytes, f.sha256"
                                      " FROM clip_files f JOIN clips c ON c.id = f.clip_id"
                                      " WHERE ?1 = 0 OR f.clip_id = ?1",
                                      VALUES(value_int(id)), err);
    bool ok = s != NULL;
    while (ok && (ok = statement_step(c, s, &row, err)) && row) {
        char *path = column_dup(s, 1), *sha256 = column_dup(s, 3);
        ok = verify_file(&v, sqlite3_column_int64(s, 0), path, sqlite3_column_int64(s, 2), sha256,
                         err);
        free(path);
        free(sha256);
    }
    statement_end(s);
    if (ok && id == 0)
        ok = verify_folders(&v, "clips", 3, err) && verify_folders(&v, "trash", 0, err);
    if (faults)
        *faults = v.faults;
    return ok;
}
