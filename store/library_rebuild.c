/* library_rebuild: see library_rebuild.h */
#include "store/library_rebuild.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/paths.h"
#include "store/atomic_file.h"
#include "store/catalog_internal.h"
#include "store/catalog_snapshot.h"
#include "store/clip_files.h"
#include "store/clip_latents.h"
#include "store/fault.h"
#include "store/file_tree.h"
#include "store/media_probe.h"
#include "store/thumbnail.h"

#define PART "rebuild.part"
/* A folder's number that is larger is no clip's: it would leave none for those to come. */
#define MOST 999999999

struct work {
    struct rebuild *r;
    struct catalog *c; /* the new one; its library is the real one's folder */
};

static void report(struct work *w, const char *path, const char *what)
{
    w->r->unread++;
    if (w->r->report)
        w->r->report(w->r->user, path, what);
}

static bool is_folder(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Folders `depth` below relative; hidden ones are not clips. visit false ends it. */
static bool walk(const char *library, const char *relative, int depth,
                 bool (*visit)(void *user, const char *relative, struct dn_error *err), void *user,
                 struct dn_error *err)
{
    struct dirent **names = NULL;
    char *path = dn_path_join(library, relative);
    bool ok = true;
    int count = is_folder(path) ? scandir(path, &names, NULL, alphasort) : 0;
    if (count < 0)
        ok = dn_fail(err, DN_E_IO, "cannot read %s: %s", path, strerror(errno));
    for (int i = 0; i < count; i++) {
        char *inner = dn_path_join(relative, names[i]->d_name);
        char *whole = dn_path_join(library, inner);
        if (ok && names[i]->d_name[0] != '.' && is_folder(whole))
            ok =
                depth ? walk(library, inner, depth - 1, visit, user, err) : visit(user, inner, err);
        free(inner);
        free(whole);
        free(names[i]);
    }
    free(names);
    free(path);
    return ok;
}

static bool is_first(void *user, const char *relative, struct dn_error *err)
{
    *(bool *)user = true;
    return dn_fail(err, DN_E_EXISTS, "%s", relative); /* one is enough */
}

bool library_has_clips(const char *library)
{
    struct dn_error ignored;
    bool found = false;
    if (walk(library, "clips", 3, is_first, &found, &ignored))
        walk(library, "trash", 0, is_first, &found, &ignored);
    return found;
}

/* The number that a folder's name begins with; 0 = none. */
static int64_t number_of(const char *relative)
{
    char *end;
    const char *name = strrchr(relative, '/') + 1;
    long long n = name[0] >= '0' && name[0] <= '9' ? strtoll(name, &end, 10) : 0;
    return n > 0 && n <= MOST && (*end == '-' || !*end) && !strstr(name, ".orphan-") ? n : 0;
}

/* What the folder's name says: the words of the prompt. */
static char *words_of(const char *relative)
{
    const char *name = strrchr(relative, '/') + 1, *dash = strchr(name, '-');
    char *words = dn_strdup(dash ? dash + 1 : "");
    for (char *p = words; *p; p++)
        if (*p == '-')
            *p = ' ';
        else if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
            *p = '?';
    return words;
}

/* The folder's day, where the file's time is of another: it was copied since. */
static int64_t made_on(const char *relative, int64_t file_ms)
{
    struct tm file, day = {.tm_hour = 12, .tm_isdst = -1};
    time_t seconds = (time_t)(file_ms / 1000);
    if (sscanf(relative, "clips/%4d/%2d/%2d/", &day.tm_year, &day.tm_mon, &day.tm_mday) != 3)
        return file_ms;
    day.tm_year -= 1900;
    day.tm_mon--;
    localtime_r(&seconds, &file);
    if (file.tm_year == day.tm_year && file.tm_mon == day.tm_mon && file.tm_mday == day.tm_mday)
        return file_ms;
    time_t noon = mktime(&day);
    return noon > 0 ? (int64_t)noon * 1000 : file_ms;
}

static const char *kind_of(const char *name)
{
    static const struct {
        const char *name, *kind;
    } names[] = {{"latents.safetensors", CLIP_LATENTS},
                 {"poster.jpg", CLIP_POSTER},
                 {"strip.jpg", CLIP_STRIP},
                 {"video.mp4", CLIP_VIDEO},
                 {"video.mov", CLIP_VIDEO},
                 {"video.webm", CLIP_VIDEO},
                 {"video.mkv", CLIP_VIDEO},
                 {"video.avi", CLIP_VIDEO},
                 {"video.gif", CLIP_VIDEO}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i].name) == 0)
            return names[i].kind;
    return NULL;
}

/* The files of a clip's folder with their hashes; frames are told later. */
static void list_files(struct work *w, const struct clip *clip, struct clip_file_list *out)
{
    struct dirent **names = NULL;
    struct dn_error err;
    char *path = clip_folder_path(w->c, clip);
    int count = scandir(path, &names, NULL, alphasort);
    *out = (struct clip_file_list){0};
    for (int i = 0; i < count; i++) {
        const char *kind = kind_of(names[i]->d_name);
        out->items = dn_realloc(out->items, out->count + 1, sizeof *out->items);
        struct clip_file *file = &out->items[out->count];
        if (kind && clip_file_describe(w->c, clip, kind, names[i]->d_name, 0, file, &err))
            out->count++;
        else if (kind)
            report(w, clip->folder, err.message);
        free(names[i]);
    }
    free(names);
    free(path);
}

static struct clip_file *find_file(const struct clip_file_list *list, const char *kind)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].kind, kind) == 0)
            return &list->items[i];
    return NULL;
}

/* What the video's pictures and its file say. A clip without a video that can be decoded is one
 * that failed. */
static void look_at_video(struct work *w, const char *path, struct clip *clip)
{
    struct media_info info;
    struct dn_error err;
    struct stat st;
    if (stat(path, &st) == 0)
        clip->created_ms = clip->finished_ms =
            made_on(clip->folder, (int64_t)st.st_mtim.tv_sec * 1000);
    if (!media_probe(path, &info, &err)) {
        report(w, clip->folder, err.message);
        return;
    }
    clip->status = JOB_DONE;
    clip->width = info.width;
    clip->height = info.height;
    clip->frames = info.frames;
    clip->fps = (double)info.fps_num / info.fps_den;
}

static void count_frames(const struct clip *clip, struct clip_file_list *files, int64_t latents)
{
    for (size_t i = 0; i < files->count; i++) {
        struct clip_file *f = &files->items[i];
        if (strcmp(f->kind, CLIP_VIDEO) == 0)
            f->frames = clip->frames;
        else if (strcmp(f->kind, CLIP_LATENTS) == 0)
            f->frames = latents;
        else if (strcmp(f->kind, CLIP_STRIP) == 0)
            f->frames = THUMBNAIL_STRIP_FRAMES;
        else
            f->frames = 1;
    }
}

/* clip: id, folder and times; gets all that its files say. */
static void look(struct work *w, struct clip *clip, struct clip_file_list *files)
{
    struct rebuild_files paths = {0};
    struct clip_latents *latents = NULL;
    struct dn_error err;
    list_files(w, clip, files);
    const struct clip_file *video = find_file(files, CLIP_VIDEO);
    const struct clip_file *tensors = find_file(files, CLIP_LATENTS);
    char *video_path = video ? clip_file_path(w->c, clip, video->name) : NULL;
    char *tensors_path = tensors ? clip_file_path(w->c, clip, tensors->name) : NULL;
    paths.video = video_path;
    if (video)
        look_at_video(w, video_path, clip);
    if (tensors && clip_latents_open(tensors_path, false, &latents, &err)) {
        paths.latents = tensors_path;
        paths.latent_frames = clip_latents_frames(latents);
        clip_latents_close(latents);
    } else if (tensors) {
        report(w, clip->folder, err.message);
    }
    w->r->recall(w->r->user, &paths, clip);
    count_frames(clip, files, paths.latent_frames);
    free(video_path);
    free(tensors_path);
}

static bool put_files(struct work *w, int64_t id, const struct clip_file_list *files,
                      struct dn_error *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < files->count; i++)
        ok = catalog_put_file(w->c, id, &files->items[i], err);
    return ok;
}

/* The base has its row: only where it lies may have changed since, or that it is done now. */
static bool keep(struct work *w, const struct clip *row, struct clip *found, struct dn_error *err)
{
    struct clip_file_list files = {0};
    struct value trashed = value_int_or_null(found->trashed_ms);
    bool ok = catalog_list_files(w->c, row->id, &files, err);
    bool whole = row->status == JOB_DONE && find_file(&files, CLIP_VIDEO);
    clip_file_list_done(&files);
    if (trashed.type != VALUE_NULL && row->trashed_ms)
        trashed.i = row->trashed_ms;
    ok = ok &&
         catalog_run(w->c,
                     "UPDATE clips SET folder = ?, moving_to = NULL, trashed_ms = ?"
                     " WHERE id = ?",
                     VALUES(value_text(found->folder), trashed, value_int(row->id)), NULL, err);
    w->r->kept++;
    if (!ok || whole)
        return ok;
    look(w, found, &files);
    if (found->status == JOB_DONE)
        ok = put_files(w, row->id, &files, err) &&
             catalog_run(w->c, "UPDATE jobs SET state = 'done', reason = '' WHERE clip_id = ?",
                         VALUES(value_int(row->id)), NULL, err) &&
             catalog_run(w->c,
                         "UPDATE clips SET status = 'done', frames = ?, finished_ms = ?,"
                         " chunks_done = chunks WHERE id = ?",
                         VALUES(value_int(found->frames), value_int(found->finished_ms),
                                value_int(row->id)),
                         NULL, err);
    clip_file_list_done(&files);
    return ok;
}

static bool add(struct work *w, struct clip *found, struct dn_error *err)
{
    struct clip_file_list files;
    int64_t id;
    look(w, found, &files);
    bool empty = files.count == 0;
    if (empty)
        report(w, found->folder, "holds no file of a clip");
    bool ok = empty || (catalog_add_clip(w->c, found, &id, err) && put_files(w, id, &files, err));
    w->r->added += ok && !empty;
    clip_file_list_done(&files);
    return ok;
}

static bool take_folder(void *user, const char *relative, struct dn_error *err)
{
    struct work *w = user;
    struct clip row = {0};
    struct stat st;
    int64_t id = number_of(relative), fresh = 0;
    if (id == 0) {
        report(w, relative, "has no clip's number: danaus import takes its video");
        return true;
    }
    if (!catalog_run(w->c, "INSERT OR IGNORE INTO temp.found(id) VALUES (?)", VALUES(value_int(id)),
                     &fresh, err))
        return false;
    if (!fresh) {
        report(w, relative, "has another clip's number: danaus import takes its video");
        return true;
    }
    struct clip found = {.id = id,
                         .status = JOB_FAILED,
                         .origin = CLIP_IMPORT,
                         .folder = dn_strdup(relative),
                         .prompt = words_of(relative)};
    char *path = clip_folder_path(w->c, &found);
    if (stat(path, &st) == 0)
        found.created_ms = found.finished_ms = made_on(relative, (int64_t)st.st_mtim.tv_sec * 1000);
    if (strncmp(relative, "trash/", 6) == 0)
        found.trashed_ms = (int64_t)st.st_ctim.tv_sec * 1000;
    bool known = catalog_get_clip(w->c, id, &row, err);
    bool ok = known ? keep(w, &row, &found, err) : err->code == DN_E_ARG && add(w, &found, err);
    clip_done(&row);
    clip_done(&found);
    free(path);
    return ok;
}

/* --- the base --- */

/* The new catalog, opened; false: this base is of no use. */
static bool open_base(struct work *w, const char *library, const char *part, struct dn_error *err)
{
    if (!catalog_open(part, CATALOG_WRITE, &w->c, err))
        return false;
    if (!catalog_check(w->c, err)) {
        catalog_close(w->c);
        w->c = NULL;
        return false;
    }
    /* paths of clips are those of the library that it is for */
    free(w->c->library);
    w->c->library = dn_strdup(library);
    return true;
}

static bool clear(const char *part, struct dn_error *err)
{
    return tree_remove(part, err) && dn_make_dirs(part, err);
}

static bool base_from_snapshot(struct work *w, const char *library, const char *part,
                               struct dn_error *err)
{
    int count;
    struct dn_error why;
    char **paths = catalog_snapshots(library, &count), *path = dn_path_join(part, CATALOG_NAME);
    bool ok = true;
    for (int i = count - 1; i >= 0; i--) {
        if (ok && !w->c && (ok = clear(part, err))) {
            if (atomic_file_copy(paths[i], path, false, &why) && open_base(w, library, part, &why))
                w->r->snapshot = dn_strdup(paths[i]);
            else
                report(w, strrchr(paths[i], '/') + 1, why.message);
        }
        free(paths[i]);
    }
    free(paths);
    free(path);
    if (w->c)
        w->r->base = REBUILD_SNAPSHOT;
    return ok;
}

static bool choose_base(struct work *w, const char *library, const char *part, struct dn_error *err)
{
    struct dn_error why;
    int64_t clips = 0;
    char *path = dn_path_join(part, CATALOG_NAME);
    bool ok = clear(part, err);
    if (ok && catalog_exists(library) &&
        catalog_salvage(library, path, &clips, &w->r->lost, &why) && clips > 0 &&
        open_base(w, library, part, &why))
        w->r->base = REBUILD_SALVAGE;
    ok = ok && (w->c || base_from_snapshot(w, library, part, err));
    if (ok && !w->c) {
        w->r->base = REBUILD_FILES;
        ok = clear(part, err) && open_base(w, library, part, err);
    }
    free(path);
    return ok;
}

/* A snapshot is days old: what has no folder was thrown away since, and what waited then is not
 * made now without being asked for. */
static bool settle_snapshot(struct catalog *c, struct dn_error *err)
{
    return catalog_execute(c,
                           "DELETE FROM clips WHERE id NOT IN (SELECT id FROM temp.found);"
                           "UPDATE jobs SET state = 'paused' WHERE state IN ('queued', 'running')",
                           err);
}

static bool fill(struct work *w, const char *library, struct dn_error *err)
{
    bool ok = catalog_execute(w->c, "CREATE TEMP TABLE found(id INTEGER PRIMARY KEY)", err) &&
              catalog_begin(w->c, err);
    ok = ok && walk(library, "clips", 3, take_folder, w, err) &&
         walk(library, "trash", 0, take_folder, w, err) &&
         (w->r->base != REBUILD_SNAPSHOT || settle_snapshot(w->c, err));
    return ok && catalog_commit(w->c, err) && catalog_check(w->c, err);
}

/* --- the place --- */

/* False with the reason why the catalog that is there must stay. */
static bool may_replace(const char *library, struct dn_error *err)
{
    uint8_t head[64] = {0};
    char *path = dn_path_join(library, CATALOG_NAME);
    struct catalog *c = NULL;
    struct stat st;
    bool ok = true, there = lstat(path, &st) == 0;
    int fd = there && S_ISREG(st.st_mode) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    bool ours = fd >= 0 && pread(fd, head, sizeof head, 0) == sizeof head &&
                memcmp(head, "SQLite format 3", 16) == 0;
    if (fd >= 0)
        close(fd);
    if (there && !S_ISREG(st.st_mode)) {
        ok = dn_fail(err, DN_E_FORMAT, "%s is no ordinary file: move it away", path);
    } else if (ours && head[60] == 0 && head[61] == 0 &&
               head[62] * 256 + head[63] > catalog_newest()) {
        ok = dn_fail(err, DN_E_FORMAT, "%s is of version %d, this danaus knows %d", path,
                     head[62] * 256 + head[63], catalog_newest());
    } else if (there && catalog_open(library, CATALOG_WRITE, &c, err) && catalog_check(c, err)) {
        ok = dn_fail(err, DN_E_EXISTS, "%s is sound: there is nothing to rebuild", path);
        dn_error_hint(err, "danaus library check looks at the files too");
    } else if (there) {
        ok = err->code == DN_E_FORMAT;
    } else if (!library_has_clips(library)) {
        ok = dn_fail(err, DN_E_ARG, "there is no clip in %s to make a catalog for", library);
    }
    catalog_close(c);
    free(path);
    return ok;
}

/* A file of the damaged catalog under its new name too, or only there where there are no links. */
static bool set_aside(const char *path, const char *aside, struct dn_error *err)
{
    return !dn_path_exists(path) || link(path, aside) == 0 || rename(path, aside) == 0 ||
           dn_fail(err, DN_E_IO, "cannot rename %s to %s: %s", path, aside, strerror(errno));
}

/* The log first: a log that lies beside another database would be read into it. */
static bool swap(const char *library, const char *part, struct rebuild *r, struct dn_error *err)
{
    char *path = dn_path_join(library, CATALOG_NAME), *new = dn_path_join(part, CATALOG_NAME);
    char *log = dn_asprintf("%s-wal", path), *index = dn_asprintf("%s-shm", path), name[64];
    time_t now = time(NULL);
    struct tm t;
    localtime_r(&now, &t);
    strftime(name, sizeof name, "catalog-damaged-%Y-%m-%d-%H%M%S.db", &t);
    char *aside = dn_path_join(library, name), *aside_log = dn_asprintf("%s-wal", aside);
    bool damaged = dn_path_exists(path);
    bool ok =
        set_aside(log, aside_log, err) && set_aside(path, aside, err) && tree_sync(library, err);
    if (ok && ((unlink(log) != 0 && errno != ENOENT) || (unlink(index) != 0 && errno != ENOENT) ||
               fault_rename(AT_FDCWD, new, AT_FDCWD, path, 0) != 0))
        ok = dn_fail(err, DN_E_IO, "cannot put %s into its place: %s", path, strerror(errno));
    ok = ok && tree_sync(library, err);
    if (ok && damaged)
        r->aside = dn_strdup(aside);
    free(path), free(new), free(log), free(index), free(aside), free(aside_log);
    return ok;
}

bool library_rebuild(const char *library, struct rebuild *r, struct dn_error *err)
{
    struct work w = {.r = r};
    int lock = -1;
    char *part = dn_path_join(library, PART);
    bool ok =
        (is_folder(library) || dn_fail(err, DN_E_ARG, "there is no library in %s", library)) &&
        may_replace(library, err) && catalog_take_lock(library, &lock, err) &&
        choose_base(&w, library, part, err) && fill(&w, library, err);
    catalog_close(w.c); /* moves its log into the database */
    ok = ok && swap(library, part, r, err);
    if (lock >= 0) {
        struct dn_error ignored;
        tree_remove(part, &ignored);
        close(lock);
    }
    free(part);
    return ok;
}
