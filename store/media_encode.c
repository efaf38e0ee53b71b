/* media_encode: see media_encode.h. What all formats share: choice, checks, copies, order. */
#include "store/media_encode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "store/media_format.h"

enum { MAX_RECIPE = 1 << 20 };

/* The extension of the last path component, dot included; "" when it has none. */
static const char *extension_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    return dot && dot != name ? dot : "";
}

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool media_is_directory(const char *path)
{
    size_t length = strlen(path);
    return (length > 0 && path[length - 1] == '/') || is_directory(path) ||
           extension_of(path)[0] == '\0';
}

static const struct media_format *find_format(const char *path, struct dn_error *err)
{
    bool directory = media_is_directory(path);
    const char *extension = extension_of(path);
    struct strbuf known = {0};
    for (int i = 0; media_formats[i]; i++) {
        const struct media_format *format = media_formats[i];
        if (format->extension ? !directory && strcasecmp(extension, format->extension) == 0
                              : directory) {
            strbuf_done(&known);
            return format;
        }
        if (format->extension)
            strbuf_printf(&known, "%s, ", format->extension);
    }
    dn_fail(err, DN_E_UNSUPPORTED, "cannot write %s: no video format ends in %s", path, extension);
    dn_error_hint(err, "use %sor a name that ends in / for a directory of PNGs",
                  strbuf_text(&known));
    strbuf_done(&known);
    return NULL;
}

void media_rate(double fps, int *num, int *den)
{
    *den = fps == floor(fps) ? 1 : 1000;
    *num = (int)lround(fps * *den);
}

bool media_takes_float(const char *path)
{
    struct dn_error ignored;
    const struct media_format *format = find_format(path, &ignored);
    return format && format->add_float;
}

static bool check_text(const char *path, const char *what, const char *text, struct dn_error *err)
{
    size_t length = text ? strlen(text) : 0;
    if (length > MAX_RECIPE)
        return dn_fail(err, DN_E_ARG, "cannot write %s: its %s has %zu bytes, at most %d", path,
                       what, length, MAX_RECIPE);
    if (text && !dn_utf8_valid(text, length))
        return dn_fail(err, DN_E_ARG, "cannot write %s: its %s is not UTF-8", path, what);
    return true;
}

static bool check_options(const char *path, const struct media_options *o,
                          const struct media_format *format, struct dn_error *err)
{
    if (o->width < 2 || o->height < 2 || o->width > format->max_side ||
        o->height > format->max_side)
        return dn_fail(err, DN_E_ARG, "cannot write %s: size %dx%d, %s takes 2 to %d a side", path,
                       o->width, o->height, format->name, format->max_side);
    if (format->even_size && (o->width % 2 || o->height % 2)) {
        dn_fail(err, DN_E_ARG, "cannot write %s: size %dx%d is odd and %s takes only even sizes",
                path, o->width, o->height, format->name);
        return dn_error_hint(err, "choose an even size, or write a .gif or a directory of PNGs");
    }
    if (o->fps_num < 1 || o->fps_den < 1 || o->fps_num / o->fps_den > 1000)
        return dn_fail(err, DN_E_ARG, "cannot write %s: %d/%d frames per second", path, o->fps_num,
                       o->fps_den);
    if (o->quality < 0 || o->quality > 63)
        return dn_fail(err, DN_E_ARG, "cannot write %s: quality %d is not in 1..63", path,
                       o->quality);
    if (o->plays < 0 || o->plays > 65535)
        return dn_fail(err, DN_E_ARG, "cannot write %s: playing it %d times is not in 0..65535",
                       path, o->plays);
    return check_text(path, "recipe", o->recipe_json, err) &&
           check_text(path, "title", o->title, err);
}

static bool one_picture(const char *path, const struct media_format *format, struct dn_error *err)
{
    return dn_fail(err, DN_E_ARG, "cannot write %s: a %s holds one picture", path, format->name);
}

bool media_check(const char *path, const struct media_options *options, int64_t frames,
                 struct dn_error *err)
{
    const struct media_format *format = find_format(path, err);
    return format && check_options(path, options, format, err) &&
           (frames <= 1 || !format->one_frame || one_picture(path, format, err));
}

static void writer_free(struct media_writer *writer)
{
    free((char *)writer->options.recipe_json);
    free((char *)writer->options.title);
    free(writer->path);
    free(writer->rounded);
    free(writer);
}

bool media_writer_open(const char *path, const struct media_options *options,
                       struct media_writer **out, struct dn_error *err)
{
    *out = NULL;
    const struct media_format *format = find_format(path, err);
    if (!format || !check_options(path, options, format, err))
        return false;
    struct media_writer *writer = dn_calloc(1, sizeof *writer);
    writer->format = format;
    writer->path = dn_strdup(path);
    writer->options = *options;
    writer->options.recipe_json = options->recipe_json ? dn_strdup(options->recipe_json) : NULL;
    writer->options.title = options->title ? dn_strdup(options->title) : NULL;
    if (writer->options.threads < 1)
        writer->options.threads = 1;
    if (!format->open(writer, err)) {
        writer_free(writer);
        return false;
    }
    *out = writer;
    return true;
}

/* One frame of either kind. */
static bool add_frame(struct media_writer *writer, const uint8_t *rgb24, const float *values,
                      struct dn_error *err)
{
    if (writer->format->one_frame && writer->frames == 1)
        return one_picture(writer->path, writer->format, err);
    if (writer->failed)
        return dn_fail(err, DN_E_IO, "cannot write %s: writing failed before", writer->path);
    bool ok = rgb24 ? writer->format->add(writer, rgb24, err)
                    : writer->format->add_float(writer, values, err);
    writer->failed = !ok;
    writer->frames += ok;
    return ok;
}

bool media_holds_one(const struct media_writer *writer)
{
    return writer->format->one_frame;
}

static int64_t frame_values(const struct media_writer *writer)
{
    return (int64_t)writer->options.width * writer->options.height * 3;
}

bool media_writer_add(struct media_writer *writer, const uint8_t *rgb24, int64_t frames,
                      struct dn_error *err)
{
    bool ok = true;
    for (int64_t i = 0; ok && i < frames; i++)
        ok = add_frame(writer, rgb24 + i * frame_values(writer), NULL, err);
    return ok;
}

void media_float_to_bytes(uint8_t *out, const float *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        out[i] = (uint8_t)lrintf(fminf(1, fmaxf(-1, values[i])) * 127.5f + 127.5f);
}

bool media_writer_add_float(struct media_writer *writer, const float *values, int64_t frames,
                            struct dn_error *err)
{
    int64_t count = frame_values(writer);
    bool ok = true;
    if (!writer->format->add_float && !writer->rounded)
        writer->rounded = dn_malloc((size_t)count);
    for (int64_t i = 0; ok && i < frames; i++, values += count) {
        if (!writer->format->add_float)
            media_float_to_bytes(writer->rounded, values, count);
        ok = add_frame(writer, writer->format->add_float ? NULL : writer->rounded, values, err);
    }
    return ok;
}

bool media_writer_finish(struct media_writer *writer, struct media_result *out,
                         struct dn_error *err)
{
    struct media_result result = {.frames = writer->frames, .format = writer->format->name};
    bool ok = false;
    if (writer->failed)
        dn_fail(err, DN_E_IO, "cannot write %s: writing failed before", writer->path);
    else if (writer->frames == 0)
        dn_fail(err, DN_E_ARG, "cannot write %s: there are no frames", writer->path);
    else
        ok = writer->format->finish(writer, &result.bytes, err);
    writer->format->close(writer);
    writer_free(writer);
    if (ok && out)
        *out = result;
    return ok;
}

void media_writer_abort(struct media_writer *writer)
{
    if (!writer)
        return;
    writer->format->close(writer);
    writer_free(writer);
}
