/* media_png: a directory of PNGs, frame-00001.png and so on, and recipe.json.
 *
 * Frames are staged in a hidden directory: beside the target when that is to be made, inside it
 * when it is there (it may be another file system). A new directory appears by one rename. In an
 * existing one each frame does, and what was placed is taken back when a later one fails.
 * Each PNG carries the title as text "parameters", where image programs look for a prompt. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "store/atomic_file.h"
#include "store/fault.h"
#include "store/media_format.h"
#include "store/media_probe.h"
#include "store/png_picture.h"

enum { FRAME_NAME_SIZE = 32, MAX_FRAMES = 99999 };
static const char recipe_name[] = "recipe.json";

struct png {
    bool exists;   /* the target is there already */
    int parent_fd; /* directory that the stage lies in */
    int stage_fd;
    char name[ATOMIC_NAME_SIZE];  /* the target's name, when it is to be made */
    char stage[ATOMIC_NAME_SIZE]; /* the stage's name in parent_fd, "" = none yet */
    int64_t published;            /* frames moved into an existing target */
    int64_t bytes;
    struct png_encoder *encoder;
};

static void frame_name(char out[FRAME_NAME_SIZE], int64_t index)
{
    snprintf(out, FRAME_NAME_SIZE, "frame-%05" PRId64 ".png", index + 1);
}

static bool is_frame_name(const char *name, int64_t *number)
{
    char *end;
    if (strncmp(name, "frame-", 6) != 0 || name[6] < '0' || name[6] > '9')
        return false;
    errno = 0;
    *number = strtoll(name + 6, &end, 10);
    return errno == 0 && end == name + 11 && strcmp(end, ".png") == 0;
}

/* Looks through the directory at path for frames numbered over keep, or a recipe. found = the name
 * of one (FRAME_NAME_SIZE), "" = none; with remove they are deleted. */
static bool old_frames(int directory, const char *path, int64_t keep, bool remove, char *found,
                       struct dn_error *err)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir)
        return dn_fail(err, DN_E_IO, "cannot read %s: %s", path, strerror(errno));
    found[0] = '\0';
    for (const struct dirent *e; (e = readdir(dir));) {
        int64_t number;
        bool recipe = strcmp(e->d_name, recipe_name) == 0 && !remove;
        if (!recipe && (!is_frame_name(e->d_name, &number) || number <= keep))
            continue;
        snprintf(found, FRAME_NAME_SIZE, "%.31s", e->d_name);
        if (remove)
            unlinkat(directory, e->d_name, 0);
    }
    closedir(dir);
    return true;
}

static bool has_no_frames(int directory, const char *path, struct dn_error *err)
{
    char found[FRAME_NAME_SIZE];
    if (!old_frames(directory, path, 0, false, found, err))
        return false;
    if (!found[0])
        return true;
    dn_fail(err, DN_E_EXISTS, "%s holds %s already", path, found);
    return dn_error_hint(err, "choose another directory, or replace it with --force");
}

bool media_directory_is_free(const char *path, struct dn_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return dn_fail(err, DN_E_IO, "cannot read %s: %s", path, strerror(errno));
    bool is_free = has_no_frames(fd, path, err);
    close(fd);
    return is_free;
}

static bool open_place(struct media_writer *writer, struct dn_error *err)
{
    struct png *png = writer->state;
    png->parent_fd = open(writer->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    png->exists = png->parent_fd >= 0;
    if (png->exists)
        return writer->options.force || has_no_frames(png->parent_fd, writer->path, err);
    if (errno == ENOTDIR)
        return dn_fail(err, DN_E_EXISTS, "%s exists already and is no directory", writer->path);
    if (errno != ENOENT)
        return dn_fail(err, DN_E_IO, "cannot write to %s: %s", writer->path, strerror(errno));
    return atomic_split(writer->path, &png->parent_fd, png->name, err);
}

static bool open_stage(struct media_writer *writer, struct dn_error *err)
{
    struct png *png = writer->state;
    atomic_temporary_name(png->stage, png->exists ? "frames" : png->name);
    if (mkdirat(png->parent_fd, png->stage, 0777) != 0) {
        int error = errno;
        png->stage[0] = '\0';
        return dn_fail(err, DN_E_IO, "cannot write to %s: %s", writer->path, strerror(error));
    }
    png->stage_fd = openat(png->parent_fd, png->stage,
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (png->stage_fd < 0)
        return dn_fail(err, DN_E_IO, "cannot write to %s: %s", writer->path, strerror(errno));
    return true;
}

static void png_close(struct media_writer *writer)
{
    struct png *png = writer->state;
    char name[FRAME_NAME_SIZE];
    if (png->stage_fd >= 0) {
        for (int64_t i = 0; i <= writer->frames; i++) {
            frame_name(name, i);
            unlinkat(png->stage_fd, name, 0);
        }
        unlinkat(png->stage_fd, recipe_name, 0);
        close(png->stage_fd);
    }
    if (png->stage[0])
        unlinkat(png->parent_fd, png->stage, AT_REMOVEDIR);
    if (png->parent_fd >= 0)
        close(png->parent_fd);
    png_encoder_close(png->encoder);
    free(png);
    writer->state = NULL;
}

static bool png_open(struct media_writer *writer, struct dn_error *err)
{
    struct png *png = writer->state = dn_calloc(1, sizeof *png);
    png->parent_fd = png->stage_fd = -1;
    if (open_place(writer, err) && open_stage(writer, err) &&
        png_encoder_open(writer->path, writer->options.width, writer->options.height, &png->encoder,
                         err))
        return true;
    png_close(writer);
    return false;
}

static bool write_staged(struct media_writer *writer, const char *name, const void *bytes,
                         size_t size, struct dn_error *err)
{
    struct png *png = writer->state;
    int fd = openat(png->stage_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    0666);
    if (fd < 0)
        return atomic_write_failed(err, writer->path, png->stage_fd, errno);
    bool ok = atomic_write_all(fd, bytes, size) && fault_fsync(fd) == 0;
    if (!ok)
        atomic_write_failed(err, writer->path, fd, errno);
    close(fd);
    png->bytes += (int64_t)size;
    return ok;
}

static bool png_add(struct media_writer *writer, const uint8_t *rgb24, struct dn_error *err)
{
    struct png *png = writer->state;
    struct png_texts texts = {.parameters = writer->options.title};
    struct strbuf file = {0};
    char name[FRAME_NAME_SIZE];
    if (writer->frames >= MAX_FRAMES)
        return dn_fail(err, DN_E_UNSUPPORTED, "cannot write to %s: more than %d frames",
                       writer->path, MAX_FRAMES);
    frame_name(name, writer->frames);
    bool ok = png_encode(png->encoder, rgb24, &texts, &file, err) &&
              write_staged(writer, name, file.data, file.length, err);
    strbuf_done(&file);
    return ok;
}

static bool check_written(struct media_writer *writer, struct dn_error *err)
{
    const struct png *png = writer->state;
    for (int64_t i = 0; i < writer->frames; i++) {
        char name[FRAME_NAME_SIZE];
        frame_name(name, i);
        struct media_info info;
        int fd = openat(png->stage_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        bool ok = fd >= 0 && media_probe_fd(fd, name, &info, NULL, err);
        if (fd < 0)
            dn_fail(err, DN_E_IO, "cannot read %s back: %s", name, strerror(errno));
        else
            close(fd);
        if (!ok)
            return dn_error_while(err, "checking what was written to %s", writer->path);
        if (info.width != writer->options.width || info.height != writer->options.height)
            return dn_fail(err, DN_E_IO, "cannot write to %s: %s changed when read back",
                           writer->path, name);
    }
    return true;
}

static bool move_failed(const struct media_writer *writer, const char *name, struct dn_error *err)
{
    if (errno == EEXIST || errno == ENOTEMPTY)
        return dn_fail(err, DN_E_EXISTS, "%s%s%s came into being meanwhile", writer->path,
                       name[0] ? "/" : "", name);
    return dn_fail(err, DN_E_IO, "cannot rename to %s: %s", writer->path, strerror(errno));
}

/* Moves staged frames into the target that was there before. */
static bool publish_inside(struct media_writer *writer, struct dn_error *err)
{
    struct png *png = writer->state;
    bool force = writer->options.force;
    char name[FRAME_NAME_SIZE] = "";
    bool ok = true;
    for (; ok && png->published < writer->frames; png->published += ok) {
        frame_name(name, png->published);
        ok = atomic_rename(png->stage_fd, name, png->parent_fd, name, force) == 0;
    }
    if (ok && writer->options.recipe_json) {
        snprintf(name, sizeof name, "%s", recipe_name);
        ok = atomic_rename(png->stage_fd, name, png->parent_fd, name, force) == 0;
    }
    if (ok && force) {
        if (!writer->options.recipe_json)
            unlinkat(png->parent_fd, recipe_name, 0);
        char found[FRAME_NAME_SIZE];
        return old_frames(png->parent_fd, writer->path, writer->frames, true, found, err);
    }
    if (!ok) {
        move_failed(writer, name, err);
        for (int64_t i = 0; i < png->published; i++) {
            frame_name(name, i);
            unlinkat(png->parent_fd, name, 0);
        }
    }
    return ok;
}

static bool publish(struct media_writer *writer, struct dn_error *err)
{
    struct png *png = writer->state;
    bool ok = fault_fsync(png->stage_fd) == 0 || errno == EINVAL;
    if (!ok)
        return atomic_write_failed(err, writer->path, png->stage_fd, errno);
    if (png->exists) {
        ok = publish_inside(writer, err);
    } else if (atomic_rename(png->parent_fd, png->stage, png->parent_fd, png->name, false) == 0) {
        png->stage[0] = '\0';
        close(png->stage_fd);
        png->stage_fd = -1;
    } else {
        ok = move_failed(writer, "", err);
    }
    if (ok && fault_fsync(png->parent_fd) != 0 && errno != EINVAL)
        ok = dn_fail(err, DN_E_IO, "%s is written but cannot be synced: %s", writer->path,
                     strerror(errno));
    return ok;
}

static bool png_finish(struct media_writer *writer, int64_t *bytes, struct dn_error *err)
{
    struct png *png = writer->state;
    const char *recipe = writer->options.recipe_json;
    if ((recipe && !write_staged(writer, recipe_name, recipe, strlen(recipe), err)) ||
        !check_written(writer, err))
        return false;
    *bytes = png->bytes;
    return publish(writer, err);
}

const struct media_format media_png_entry = {
    .name = "png",
    .extension = NULL,
    .max_side = 16384,
    .open = png_open,
    .add = png_add,
    .finish = png_finish,
    .close = png_close,
};
