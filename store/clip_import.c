/* clip_import: see clip_import.h */
#include "store/clip_import.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/paths.h"
#include "store/atomic_file.h"
#include "store/catalog_internal.h"
#include "store/fault.h"
#include "store/file_hash.h"
#include "store/file_tree.h"
#include "store/thumbnail.h"

#define INCOMING "incoming"

static char *staged_path(const struct catalog *c, const char *folder, const char *name)
{
    char *incoming = dn_path_join(c->library, INCOMING), *path = dn_path_join(incoming, folder);
    char *whole = name ? dn_path_join(path, name) : dn_strdup(path);
    free(incoming);
    free(path);
    return whole;
}

static bool make_folder(struct catalog *c, struct clip_import *import, struct dn_error *err)
{
    char *incoming = dn_path_join(c->library, INCOMING);
    char *path = dn_path_join(incoming, "XXXXXX");
    bool ok = dn_path_exists(incoming) || dn_make_dirs(incoming, err);
    if (ok && !mkdtemp(path))
        ok = dn_fail(err, DN_E_IO, "cannot make a folder in %s: %s", incoming, strerror(errno));
    else if (ok)
        import->folder = dn_strdup(strrchr(path, '/') + 1);
    free(incoming);
    free(path);
    return ok;
}

static bool add_file(struct catalog *c, struct clip_import *import, const char *kind,
                     const char *name, int64_t frames, struct dn_error *err)
{
    struct clip_file_list *list = &import->files;
    char *path = staged_path(c, import->folder, name);
    list->items = dn_realloc(list->items, list->count + 1, sizeof *list->items);
    struct clip_file *f = &list->items[list->count];
    *f = (struct clip_file){.frames = frames};
    bool ok = file_hash(path, f->sha256, &f->bytes, err);
    if (ok) {
        f->kind = dn_strdup(kind);
        f->name = dn_strdup(name);
        list->count++;
    }
    free(path);
    return ok;
}

static bool check_new(struct catalog *c, const char *path, const char *sha256, struct dn_error *err)
{
    int64_t clip = 0;
    bool found;
    if (!catalog_read_int(c, "SELECT clip_id FROM clip_files INDEXED BY clip_files_content WHERE kind = "
                          "'video' AND substr(sha256, 1, 16) = substr(?1, 1, 16) AND sha256 = ?1",
                          VALUES(value_text(sha256)), &clip, &found, err))
        return false;
    return !found ||
           dn_fail(err, DN_E_EXISTS, "%s is in the library already: clip %" PRId64, path, clip);
}

/* "video.mp4": the name that a generated clip's has, with the file's own end. */
static char *video_name(const char *path)
{
    static const char *const ends[] = {".mp4", ".mov", ".webm", ".mkv", ".avi", ".gif"};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof ends / sizeof ends[0]; i++)
        if (strcasecmp(dot, ends[i]) == 0)
            return dn_asprintf("video%s", ends[i]);
    return NULL;
}

static bool stage(struct catalog *c, const char *path, const char *name, struct clip_import *import,
                  struct dn_error *err)
{
    char *video = staged_path(c, import->folder, name);
    char *poster = staged_path(c, import->folder, "poster.jpg");
    char *strip = staged_path(c, import->folder, "strip.jpg");
    bool ok = media_probe(path, &import->info, err) && atomic_file_copy(path, video, false, err) &&
              add_file(c, import, CLIP_VIDEO, name, import->info.frames, err) &&
              check_new(c, path, import->files.items[0].sha256, err) &&
              thumbnail_from_file(video, poster, strip, err) &&
              add_file(c, import, CLIP_POSTER, "poster.jpg", 1, err) &&
              add_file(c, import, CLIP_STRIP, "strip.jpg",
                       import->info.frames < THUMBNAIL_STRIP_FRAMES ? import->info.frames
                                                                    : THUMBNAIL_STRIP_FRAMES,
                       err);
    free(video);
    free(poster);
    free(strip);
    return ok;
}

bool clip_import_stage(struct catalog *c, const char *path, struct clip_import *out,
                       struct dn_error *err)
{
    char hex[65], *name = video_name(path);
    *out = (struct clip_import){0};
    bool ok = name || dn_fail(err, DN_E_ARG, "%s is no mp4, mov, webm, mkv, avi or gif", path);
    ok = ok && file_hash(path, hex, NULL, err) && check_new(c, path, hex, err) &&
         make_folder(c, out, err) && stage(c, path, name, out, err);
    free(name);
    return ok;
}

void clip_import_done(struct catalog *c, struct clip_import *import)
{
    struct dn_error ignored;
    char *path = import->folder ? staged_path(c, import->folder, NULL) : NULL;
    if (path)
        tree_remove(path, &ignored);
    free(path);
    free(import->folder);
    clip_file_list_done(&import->files);
    *import = (struct clip_import){0};
}

/* An import that was killed between the rename and the commit left a folder that belongs to no
 * clip; its number is given anew. It makes room, and library check tells of it. */
static bool rename_folder(const char *from, const char *to, struct dn_error *err)
{
    if (fault_rename(AT_FDCWD, from, AT_FDCWD, to, 0) == 0)
        return true;
    if (errno == ENOTEMPTY || errno == EEXIST) {
        char *aside = dn_asprintf("%s.orphan-%" PRId64, to, catalog_now_ms());
        int error = rename(to, aside) == 0 && rename(from, to) == 0 ? 0 : errno;
        free(aside);
        if (error == 0)
            return true;
        errno = error;
    }
    return dn_fail(err, DN_E_IO, "cannot rename %s to %s: %s", from, to, strerror(errno));
}

static bool publish(struct catalog *c, const char *staged, const struct clip *clip,
                    const struct clip_file *files, size_t count, int64_t *id, char **folder,
                    struct dn_error *err)
{
    struct clip added;
    if (!catalog_add_clip(c, clip, id, err) || !catalog_get_clip(c, *id, &added, err))
        return false;
    char *up = dn_path_dir(added.folder), *path = clip_folder_path(c, &added);
    char *above = dn_path_dir(path);
    bool ok = library_make_folder(c, up, err) && rename_folder(staged, path, err);
    if (ok)
        *folder = dn_strdup(path);
    ok = ok && tree_sync(above, err);
    for (size_t i = 0; ok && i < count; i++)
        ok = catalog_put_file(c, *id, &files[i], err);
    free(up);
    free(path);
    free(above);
    clip_done(&added);
    return ok;
}

bool clip_import_publish(struct catalog *c, const char *folder, const struct clip *clip,
                         const struct clip_file *files, size_t count, int64_t *id,
                         struct dn_error *err)
{
    if (!folder[0] || folder[0] == '.' || strchr(folder, '/'))
        return dn_fail(err, DN_E_ARG, "import.folder is no folder of %s/" INCOMING, c->library);
    char *staged = staged_path(c, folder, NULL), *made = NULL;
    bool ok = catalog_begin(c, err);
    if (ok) {
        ok = publish(c, staged, clip, files, count, id, &made, err);
        if (ok)
            ok = catalog_commit(c, err);
        else
            catalog_rollback(c);
        if (!ok && made)
            rename(made, staged); /* whoever staged it removes it */
    }
    free(staged);
    free(made);
    return ok;
}

bool clip_import_sweep(struct catalog *c, struct dn_error *err)
{
    char *incoming = dn_path_join(c->library, INCOMING);
    bool ok = tree_remove(incoming, err);
    free(incoming);
    return ok;
}
