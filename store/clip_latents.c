/* clip_latents: see clip_latents.h
 *
 * Order of an append, each step durable before the next: values into the unwritten part, sync,
 * first sector of the header, sync. A crash before the last leaves the header of before, which
 * describes the file as it is: what was written behind counts as unwritten. A sector is what disks
 * write whole or not at all. */
#define _GNU_SOURCE
#include "store/clip_latents.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "store/atomic_file.h"
#include "store/fault.h"

enum { SECTOR = 512, MAX_HEADER = 4 << 20, MAX_SIDE = 65536 };
#define MAX_FRAMES 1000000

struct clip_latents {
    char *path;
    int fd;
    bool writing;
    bool broken; /* a write failed: what the disk holds is only known after opening anew */
    struct clip_latents_shape shape;
    int64_t frames;       /* that are there */
    int64_t frame_bytes;
    int64_t header_bytes; /* where the values begin */
};

static bool wrong(const char *path, const char *what, struct dn_error *err)
{
    return dn_fail(err, DN_E_FORMAT, "%s is no latents file of ours: %s", path, what);
}

static bool shape_bytes(const struct clip_latents_shape *s, int64_t *frame_bytes)
{
    if (s->frames < 1 || s->frames > MAX_FRAMES || s->channels < 1 || s->channels > MAX_SIDE ||
        s->height < 1 || s->height > MAX_SIDE || s->width < 1 || s->width > MAX_SIDE)
        return false;
    uint64_t bytes = sizeof(float), all;
    if (!dn_mul(bytes, (uint64_t)s->channels, &bytes) ||
        !dn_mul(bytes, (uint64_t)s->height, &bytes) ||
        !dn_mul(bytes, (uint64_t)s->width, &bytes) ||
        !dn_mul(bytes, (uint64_t)s->frames, &all) || all > INT64_MAX / 2)
        return false;
    *frame_bytes = (int64_t)bytes;
    return true;
}

/* The first sector: how much of the file is latents. */
static void make_sector(char out[SECTOR + 1], const struct clip_latents_shape *shape,
                        int64_t frame_bytes, int64_t header_bytes, int64_t frames)
{
    int64_t end = frames * frame_bytes, all = shape->frames * frame_bytes;
    uint64_t length = (uint64_t)header_bytes - 8;
    memset(out, ' ', SECTOR);
    for (int i = 0; i < 8; i++)
        out[i] = (char)(length >> 8 * i);
    int n = 8 + sprintf(out + 8,
                        "{\"latents\":{\"dtype\":\"F32\",\"shape\":[%" PRId64 ",%" PRId64
                        ",%" PRId64 ",%" PRId64 "],\"data_offsets\":[0,%" PRId64 "]},",
                        frames, shape->channels, shape->height, shape->width, end);
    if (end < all)
        n += sprintf(out + n,
                     "\"unwritten\":{\"dtype\":\"U8\",\"shape\":[%" PRId64
                     "],\"data_offsets\":[%" PRId64 ",%" PRId64 "]},",
                     all - end, end, all);
    assert(n < SECTOR);
    out[n] = ' ';
}

/* Everything behind the first sector, padded so that values begin at a whole sector. */
static void append_metadata(struct strbuf *out, const char *recipe_json)
{
    json_t *metadata = json_pack("{s:s}", "format", "danaus latents 1");
    if (recipe_json)
        json_object_set_new(metadata, "recipe", json_string_nocheck(recipe_json));
    char *text = json_dumps(metadata, JSON_COMPACT);
    json_decref(metadata);
    strbuf_printf(out, "\"__metadata__\":%s}", text ? text : "{}");
    free(text);
    while (out->length % SECTOR)
        strbuf_append(out, " ", 1);
}

static bool write_new(struct atomic_file *file, const char *path,
                      const struct clip_latents_shape *shape, int64_t frame_bytes, int64_t frames,
                      const char *recipe_json, struct dn_error *err)
{
    struct strbuf header = {0};
    char sector[SECTOR + 1];
    memset(sector, ' ', SECTOR);
    strbuf_append(&header, sector, SECTOR);
    append_metadata(&header, recipe_json);
    int64_t header_bytes = (int64_t)header.length;
    make_sector(sector, shape, frame_bytes, header_bytes, frames);
    memcpy(header.data, sector, SECTOR);
    bool ok = header_bytes <= MAX_HEADER ||
              dn_fail(err, DN_E_ARG, "cannot write %s: a recipe of %zu bytes", path,
                      strlen(recipe_json));
    /* The space is taken now: a disk that is too small is known before the first step. */
    int fd = atomic_file_fd(file);
    int error = ok ? fault_fallocate(fd, header_bytes + shape->frames * frame_bytes) : 0;
    if (error)
        ok = atomic_write_failed(err, path, fd, error);
    if (ok && !atomic_write_all(fd, header.data, header.length))
        ok = atomic_write_failed(err, path, fd, errno);
    strbuf_done(&header);
    return ok;
}

bool clip_latents_create(const char *path, const struct clip_latents_shape *shape,
                         const char *recipe_json, struct clip_latents **out, struct dn_error *err)
{
    struct atomic_file *file;
    int64_t frame_bytes;
    *out = NULL;
    if (!shape_bytes(shape, &frame_bytes))
        return dn_fail(err, DN_E_ARG, "cannot write %s: latents of this shape", path);
    if (!atomic_file_open(path, false, &file, err))
        return false;
    if (!write_new(file, path, shape, frame_bytes, 0, recipe_json, err)) {
        atomic_file_abort(file);
        return false;
    }
    return atomic_file_publish(file, err) && clip_latents_open(path, true, out, err);
}

/* Reads `text` or a number of the sector; *p moves on. */
static bool skip(const char **p, const char *text)
{
    size_t length = strlen(text);
    if (strncmp(*p, text, length) != 0)
        return false;
    *p += length;
    return true;
}

static bool number(const char **p, int64_t *out)
{
    char *end;
    if (**p < '0' || **p > '9')
        return false;
    errno = 0;
    *out = strtoll(*p, &end, 10);
    *p = end;
    return errno == 0;
}

/* The numbers are read, then the sector is made again from them: only our own passes. */
static bool parse_sector(struct clip_latents *l, const char sector[SECTOR + 1])
{
    char again[SECTOR + 1];
    struct clip_latents_shape *s = &l->shape;
    const char *p = sector + 8;
    int64_t end, rest = 0;
    if (!skip(&p, "{\"latents\":{\"dtype\":\"F32\",\"shape\":[") || !number(&p, &l->frames) ||
        !skip(&p, ",") || !number(&p, &s->channels) || !skip(&p, ",") || !number(&p, &s->height) ||
        !skip(&p, ",") || !number(&p, &s->width) || !skip(&p, "],\"data_offsets\":[0,") ||
        !number(&p, &end) || !skip(&p, "]},"))
        return false;
    if (skip(&p, "\"unwritten\":{\"dtype\":\"U8\",\"shape\":[") && !number(&p, &rest))
        return false;
    s->frames = 1;
    if (!shape_bytes(s, &l->frame_bytes) || l->frames > MAX_FRAMES ||
        rest / l->frame_bytes > MAX_FRAMES)
        return false;
    s->frames = l->frames + rest / l->frame_bytes;
    if (!shape_bytes(s, &l->frame_bytes))
        return false;
    make_sector(again, s, l->frame_bytes, l->header_bytes, l->frames);
    return memcmp(sector, again, SECTOR) == 0;
}

static bool read_header(struct clip_latents *l, struct dn_error *err)
{
    char sector[SECTOR + 1] = {0};
    struct stat st;
    if (fstat(l->fd, &st) != 0)
        return dn_fail(err, DN_E_IO, "cannot read %s: %s", l->path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size < SECTOR)
        return wrong(l->path, "too short", err);
    if (pread(l->fd, sector, SECTOR, 0) != SECTOR)
        return dn_fail(err, DN_E_IO, "cannot read %s: %s", l->path, strerror(errno));
    uint64_t length = 0;
    for (int i = 0; i < 8; i++)
        length |= (uint64_t)(unsigned char)sector[i] << 8 * i;
    if (length > MAX_HEADER || length < SECTOR)
        return wrong(l->path, "the header's length", err);
    l->header_bytes = (int64_t)length + 8;
    if (!parse_sector(l, sector))
        return wrong(l->path, "the header", err);
    int64_t size = l->header_bytes + l->shape.frames * l->frame_bytes;
    if (st.st_size != size) {
        dn_fail(err, DN_E_FORMAT, "%s has %" PRId64 " bytes, its header tells of %" PRId64, l->path,
                (int64_t)st.st_size, size);
        return dn_error_hint(err, "the file was cut; restore it from a backup");
    }
    return true;
}

bool clip_latents_open(const char *path, bool writing, struct clip_latents **out,
                       struct dn_error *err)
{
    struct clip_latents *l = dn_calloc(1, sizeof *l);
    *out = NULL;
    l->path = dn_strdup(path);
    l->writing = writing;
    l->fd = open(path, (writing ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool ok = l->fd >= 0 || dn_fail(err, DN_E_IO, "cannot open %s: %s", path, strerror(errno));
    /* A worker that outlived its engine may still write here. */
    if (ok && writing && flock(l->fd, LOCK_EX | LOCK_NB) != 0) {
        ok = dn_fail(err, DN_E_EXISTS, "%s is being written by another process", path);
        dn_error_hint(err, "wait until it has ended");
    }
    ok = ok && read_header(l, err);
    if (ok)
        *out = l;
    else
        clip_latents_close(l);
    return ok;
}

struct clip_latents_shape clip_latents_shape(const struct clip_latents *l)
{
    return l->shape;
}

int64_t clip_latents_frames(const struct clip_latents *l)
{
    return l->frames;
}

/* All of bytes at a place, durable. */
static bool write_at(struct clip_latents *l, const void *bytes, int64_t size, int64_t at,
                     struct dn_error *err)
{
    const char *p = bytes;
    while (size > 0) {
        ssize_t n = fault_pwrite(l->fd, p, (size_t)size, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return atomic_write_failed(err, l->path, l->fd, n == 0 ? ENOSPC : errno);
        p += n;
        size -= n;
        at += n;
    }
    return fault_fdatasync(l->fd) == 0 || atomic_write_failed(err, l->path, l->fd, errno);
}

bool clip_latents_append(struct clip_latents *l, const float *values, int64_t frames,
                         struct dn_error *err)
{
    assert(l->writing && frames > 0);
    char sector[SECTOR + 1];
    if (l->broken)
        return dn_fail(err, DN_E_IO, "cannot write %s: a write before failed", l->path);
    if (frames > l->shape.frames - l->frames)
        return dn_fail(err, DN_E_ARG, "%s holds %" PRId64 " of %" PRId64 " frames: %" PRId64
                       " more do not fit", l->path, l->frames, l->shape.frames, frames);
    make_sector(sector, &l->shape, l->frame_bytes, l->header_bytes, l->frames + frames);
    /* The sector goes in one call, so a killed process cannot leave half of it. */
    l->broken = !write_at(l, values, frames * l->frame_bytes,
                          l->header_bytes + l->frames * l->frame_bytes, err) ||
                !write_at(l, sector, SECTOR, 0, err);
    if (l->broken)
        return false;
    l->frames += frames;
    return true;
}

bool clip_latents_read(const struct clip_latents *l, int64_t first, int64_t count, float *values,
                       struct dn_error *err)
{
    if (first < 0 || count < 0 || first > l->frames || count > l->frames - first)
        return dn_fail(err, DN_E_ARG, "%s holds %" PRId64 " frames, not %" PRId64, l->path,
                       l->frames, first + count);
    char *p = (char *)values;
    int64_t left = count * l->frame_bytes, at = l->header_bytes + first * l->frame_bytes;
    while (left > 0) {
        ssize_t n = pread(l->fd, p, (size_t)left, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return dn_fail(err, DN_E_IO, "cannot read %s: %s", l->path,
                           n < 0 ? strerror(errno) : "it was cut meanwhile");
        p += n;
        left -= n;
        at += n;
    }
    return true;
}

/* The file without its unwritten part, under a temporary name. */
static bool copy_written(const struct clip_latents *l, struct atomic_file *file,
                         struct dn_error *err)
{
    enum { BLOCK = 1 << 20 };
    struct clip_latents_shape shape = l->shape;
    int64_t size = l->header_bytes + l->frames * l->frame_bytes;
    char sector[SECTOR + 1], *block = dn_malloc(BLOCK);
    bool ok = true;
    shape.frames = l->frames;
    make_sector(sector, &shape, l->frame_bytes, l->header_bytes, l->frames);
    for (int64_t at = 0; ok && at < size;) {
        int64_t want = size - at < BLOCK ? size - at : BLOCK;
        ssize_t n = pread(l->fd, block, (size_t)want, (off_t)at);
        if (n <= 0) {
            ok = dn_fail(err, DN_E_IO, "cannot read %s: %s", l->path, strerror(errno));
            break;
        }
        if (at == 0)
            memcpy(block, sector, SECTOR);
        ok = atomic_write_all(atomic_file_fd(file), block, (size_t)n) ||
             atomic_write_failed(err, l->path, atomic_file_fd(file), errno);
        at += n;
    }
    free(block);
    return ok;
}

bool clip_latents_finish(struct clip_latents *l, struct dn_error *err)
{
    struct atomic_file *file;
    assert(l->writing);
    if (l->broken)
        return dn_fail(err, DN_E_IO, "cannot write %s: a write before failed", l->path);
    if (l->frames == l->shape.frames)
        return true;
    if (l->frames == 0)
        return dn_fail(err, DN_E_ARG, "%s holds no frame", l->path);
    if (!atomic_file_open(l->path, true, &file, err))
        return false;
    if (!copy_written(l, file, err)) {
        atomic_file_abort(file);
        return false;
    }
    l->broken = true; /* the descriptor is that of the old file */
    if (!atomic_file_publish(file, err))
        return false;
    struct clip_latents *again;
    if (!clip_latents_open(l->path, true, &again, err))
        return false;
    struct clip_latents old = *l;
    *l = *again;
    *again = old;
    clip_latents_close(again);
    return true;
}

void clip_latents_close(struct clip_latents *l)
{
    if (!l)
        return;
    if (l->fd >= 0)
        close(l->fd);
    free(l->path);
    free(l);
}

/* Does the header behind its first sector tell of this recipe? */
static bool tells(const struct clip_latents *l, const char *recipe_json)
{
    struct strbuf want = {0};
    append_metadata(&want, recipe_json);
    char *is = dn_malloc(want.length);
    bool same = l->header_bytes == SECTOR + (int64_t)want.length &&
                pread(l->fd, is, want.length, SECTOR) == (ssize_t)want.length &&
                memcmp(is, want.data, want.length) == 0;
    free(is);
    strbuf_done(&want);
    return same;
}

static bool copy_frames(const struct clip_latents *l, int to, struct dn_error *err)
{
    float *values = dn_malloc((size_t)l->frame_bytes);
    bool ok = true;
    for (int64_t i = 0; ok && i < l->frames; i++)
        ok = clip_latents_read(l, i, 1, values, err) &&
             (atomic_write_all(to, values, (size_t)l->frame_bytes) ||
              atomic_write_failed(err, l->path, to, errno));
    free(values);
    return ok;
}

bool clip_latents_retell(const char *path, const char *recipe_json, struct dn_error *err)
{
    struct clip_latents *l;
    struct atomic_file *file = NULL;
    if (!clip_latents_open(path, true, &l, err))
        return false;
    bool ok = true;
    if (!tells(l, recipe_json)) {
        ok = atomic_file_open(path, true, &file, err) &&
             write_new(file, path, &l->shape, l->frame_bytes, l->frames, recipe_json, err) &&
             copy_frames(l, atomic_file_fd(file), err);
        if (ok)
            ok = atomic_file_publish(file, err);
        else
            atomic_file_abort(file);
    }
    clip_latents_close(l);
    return ok;
}
