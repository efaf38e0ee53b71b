/* safetensors_write: see safetensors_write.h. Tensors of wide elements come first, so that each
 * starts at a multiple of its element size; the header is padded with spaces to 8 bytes. */
#include "format/safetensors_write.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/utf8.h"

#define MAX_DIMS 8
#define MAX_NAME 1024
#define MAX_METADATA (1u << 20)
#define WRITE_BYTES (64u << 20) /* at most this much in one write() */

struct tensor {
    char *name;
    enum dtype dtype;
    int ndim;
    int64_t shape[MAX_DIMS];
    const void *data;
    uint64_t bytes;
    int64_t order; /* as added */
};

struct safetensors_writer {
    struct tensor *tensors;
    int64_t count, capacity;
    char **strings; /* key, value, ... */
    int64_t string_count;
    bool passing; /* no fsync */
    bool hollow;  /* no data */
};

struct safetensors_writer *safetensors_writer_new(void)
{
    return dn_calloc(1, sizeof(struct safetensors_writer));
}

void safetensors_writer_free(struct safetensors_writer *w)
{
    if (!w)
        return;
    for (int64_t i = 0; i < w->count; i++)
        free(w->tensors[i].name);
    for (int64_t i = 0; i < w->string_count; i++)
        free(w->strings[i]);
    free(w->tensors);
    free(w->strings);
    free(w);
}

void safetensors_writer_metadata(struct safetensors_writer *w, const char *key, const char *value)
{
    w->strings = dn_realloc(w->strings, (size_t)w->string_count + 2, sizeof *w->strings);
    w->strings[w->string_count++] = dn_strdup(key);
    w->strings[w->string_count++] = dn_strdup(value);
}

void safetensors_writer_tensor(struct safetensors_writer *w, const char *name, enum dtype dtype,
                               int ndim, const int64_t *shape, const void *data)
{
    assert(ndim >= 0 && ndim <= MAX_DIMS);
    if (w->count == w->capacity) {
        w->capacity = w->capacity ? 2 * w->capacity : 16;
        w->tensors = dn_realloc(w->tensors, (size_t)w->capacity, sizeof *w->tensors);
    }
    struct tensor *t = &w->tensors[w->count];
    *t = (struct tensor){.name = dn_strdup(name), .dtype = dtype, .ndim = ndim, .data = data};
    t->order = w->count++;
    t->bytes = (uint64_t)dtype_size(dtype);
    for (int d = 0; d < ndim; d++) {
        assert(shape[d] >= 0);
        t->shape[d] = shape[d];
        t->bytes = dn_mul_or_abort(t->bytes, (size_t)shape[d]);
    }
}

static int wide_first(const void *a, const void *b)
{
    const struct tensor *x = a, *y = b;
    int64_t dx = dtype_size(x->dtype), dy = dtype_size(y->dtype);
    if (dx != dy)
        return dx > dy ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static void put_string(struct strbuf *s, const char *text)
{
    strbuf_append_text(s, "\"");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            strbuf_printf(s, "\\%c", c);
        else if (c < 0x20)
            strbuf_printf(s, "\\u%04x", c);
        else
            strbuf_append(s, text, 1);
    }
    strbuf_append_text(s, "\"");
}

/* What readers would refuse is refused here. */
static bool check_content(const struct safetensors_writer *w, const char *path,
                          struct dn_error *err)
{
    uint64_t text = 0;
    for (int64_t i = 0; i < w->string_count; i++) {
        text += strlen(w->strings[i]);
        if (!dn_utf8_valid(w->strings[i], strlen(w->strings[i])))
            return dn_fail(err, DN_E_ARG, "cannot write %s: the text of %.100s is not UTF-8", path,
                           w->strings[i & ~1ll]);
        for (int64_t j = 0; i % 2 == 0 && j < i; j += 2)
            if (strcmp(w->strings[i], w->strings[j]) == 0)
                return dn_fail(err, DN_E_ARG, "cannot write %s: two texts are named %.100s", path,
                               w->strings[i]);
    }
    if (text > MAX_METADATA)
        return dn_fail(err, DN_E_ARG, "cannot write %s: %llu bytes of text are over 1 MiB", path,
                       (unsigned long long)text);
    for (int64_t i = 0; i < w->count; i++) {
        const char *name = w->tensors[i].name;
        if (!dn_utf8_valid(name, strlen(name)) || strlen(name) > MAX_NAME ||
            strcmp(name, "__metadata__") == 0)
            return dn_fail(err, DN_E_ARG, "cannot write %s: a tensor cannot be named %.100s", path,
                           name);
    }
    return true;
}

static bool has_twins(const struct safetensors_writer *w)
{
    for (int64_t i = 1; i < w->count; i++)
        for (int64_t j = 0; j < i; j++)
            if (strcmp(w->tensors[i].name, w->tensors[j].name) == 0)
                return true;
    return false;
}

/* The 8 length bytes and the JSON. */
static void build_header(const struct safetensors_writer *w, struct strbuf *out)
{
    uint64_t at = 0;
    const char *comma = "";
    strbuf_append(out, "\0\0\0\0\0\0\0\0", 8);
    strbuf_append_text(out, "{");
    for (int64_t i = 0; i < w->string_count; i += 2) {
        strbuf_append_text(out, i ? "," : "\"__metadata__\":{");
        put_string(out, w->strings[i]);
        strbuf_append_text(out, ":");
        put_string(out, w->strings[i + 1]);
        comma = ",";
    }
    strbuf_append_text(out, w->string_count ? "}" : "");
    for (int64_t i = 0; i < w->count; i++) {
        const struct tensor *t = &w->tensors[i];
        strbuf_append_text(out, comma);
        comma = ",";
        put_string(out, t->name);
        strbuf_printf(out, ":{\"dtype\":\"%s\",\"shape\":[", dtype_name(t->dtype));
        for (int d = 0; d < t->ndim; d++)
            strbuf_printf(out, "%s%lld", d ? "," : "", (long long)t->shape[d]);
        strbuf_printf(out, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)at,
                      (unsigned long long)(at + t->bytes));
        at += t->bytes;
    }
    strbuf_append_text(out, "}");
    while (out->length % 8)
        strbuf_append_text(out, " ");
    for (int i = 0; i < 8; i++)
        out->data[i] = (char)((out->length - 8) >> (8 * i) & 0xFF);
}

static bool write_all(int fd, const void *bytes, uint64_t size)
{
    const char *p = bytes;
    while (size) {
        ssize_t n = write(fd, p, size < WRITE_BYTES ? size : WRITE_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n ? errno : ENOSPC;
            return false;
        }
        p += n;
        size -= (uint64_t)n;
    }
    return true;
}

/* Makes the new name durable; a file system that cannot is no failure of ours. */
static void sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash ? dn_strndup(path, (size_t)(slash - path) + 1) : dn_strdup(".");
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(directory);
}

/* Gives the finished part its name. link() refuses an existing name without a gap in time; where
 * the file system has no links, look first. */
static bool publish(const char *part, const char *path, bool replace)
{
    struct stat st;
    if (!replace) {
        if (link(part, path) == 0) {
            unlink(part);
            return true;
        }
        if (errno == EEXIST)
            return false;
        if (lstat(path, &st) == 0) {
            errno = EEXIST;
            return false;
        }
    }
    return rename(part, path) == 0;
}

static bool write_part(const struct safetensors_writer *w, int fd)
{
    struct strbuf header = {0};
    build_header(w, &header);
    bool ok = write_all(fd, header.data, header.length);
    uint64_t end = header.length;
    strbuf_done(&header);
    for (int64_t i = 0; i < w->count; i++)
        end += w->tensors[i].bytes;
    if (w->hollow)
        return ok && ftruncate(fd, (off_t)end) == 0;
    for (int64_t i = 0; ok && i < w->count; i++)
        ok = write_all(fd, w->tensors[i].data, w->tensors[i].bytes);
    return ok && (w->passing || fsync(fd) == 0);
}

static bool refuse_existing(const char *path, struct dn_error *err)
{
    dn_fail(err, DN_E_EXISTS, "%s exists already", path);
    return dn_error_hint(err, "use --force to replace it, or another name");
}

void safetensors_writer_passing(struct safetensors_writer *w)
{
    w->passing = true;
}

void safetensors_writer_hollow(struct safetensors_writer *w)
{
    w->passing = w->hollow = true;
}

bool safetensors_writer_finish(struct safetensors_writer *w, const char *path, bool replace,
                               struct dn_error *err)
{
    struct stat st;
    if (!replace && lstat(path, &st) == 0)
        return refuse_existing(path, err);
    if (!check_content(w, path, err))
        return false;
    if (has_twins(w))
        return dn_fail(err, DN_E_ARG, "cannot write %s: two tensors have one name", path);
    if (w->count)
        qsort(w->tensors, (size_t)w->count, sizeof *w->tensors, wide_first);
    char *part = dn_asprintf("%s.part", path);
    unlink(part);
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0) {
        dn_fail(err, DN_E_IO, "cannot create %s: %s", part, strerror(errno));
        free(part);
        return false;
    }
    bool ok = write_part(w, fd);
    int problem = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        problem = errno;
    }
    if (ok && !publish(part, path, replace)) {
        ok = false;
        problem = errno;
    }
    if (ok && !w->passing)
        sync_directory(path);
    if (!ok) {
        unlink(part);
        if (problem == EEXIST)
            refuse_existing(path, err);
        else
            dn_fail(err, DN_E_IO, "cannot write %s: %s", path, strerror(problem));
        if (problem == ENOSPC || problem == EDQUOT)
            dn_error_hint(err, "free some space or write to another disk");
    }
    free(part);
    return ok;
}
