/* media_safetensors: frames as numbers: tensor `frames`, float32 [N, 3, H, W] in -1..1, the recipe
 * as metadata. Frames are written as they come, behind a header that has room for any N; the file
 * appears under its name when the header tells how many there are. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/atomic_file.h"
#include "store/media_format.h"
#include "store/media_reader.h"

struct tensors {
    struct atomic_file *file;
    size_t header; /* bytes of the header with its length in front */
    float *planes; /* of a frame, [3, height, width] */
};

static int64_t frame_pixels(const struct media_writer *writer)
{
    return (int64_t)writer->options.width * writer->options.height;
}

/* The header's text for that many frames; the caller frees. */
static char *describe(const struct media_writer *writer, int64_t frames)
{
    const struct media_options *o = &writer->options;
    json_t *root = json_object();
    if (o->recipe_json)
        json_object_set_new(root, "__metadata__", json_pack("{s:s}", "recipe", o->recipe_json));
    json_object_set_new(
        root, "frames",
        json_pack("{s:s, s:[I,i,i,i], s:[i,I]}", "dtype", "F32", "shape", (json_int_t)frames, 3,
                  o->height, o->width, "data_offsets", 0,
                  (json_int_t)(frames * frame_pixels(writer) * 3 * (int64_t)sizeof(float))));
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

/* Length and text, the rest blanks; the caller frees. */
static uint8_t *make_header(const struct media_writer *writer, int64_t frames)
{
    const struct tensors *t = writer->state;
    uint64_t length = t->header - sizeof length;
    uint8_t *bytes = dn_malloc(t->header);
    char *text = describe(writer, frames);
    memset(bytes, ' ', t->header);
    for (size_t i = 0; i < sizeof length; i++)
        bytes[i] = (uint8_t)(length >> 8 * i);
    memcpy(bytes + sizeof length, text, strlen(text));
    free(text);
    return bytes;
}

static bool write_failed(const struct media_writer *writer, struct dn_error *err)
{
    const struct tensors *t = writer->state;
    return atomic_write_failed(err, writer->path, atomic_file_fd(t->file), errno);
}

static void tensors_close(struct media_writer *writer)
{
    struct tensors *t = writer->state;
    atomic_file_abort(t->file);
    free(t->planes);
    free(t);
    writer->state = NULL;
}

static bool tensors_open(struct media_writer *writer, struct dn_error *err)
{
    struct tensors *t = writer->state = dn_calloc(1, sizeof *t);
    char *longest = describe(writer, MEDIA_MAX_FRAMES);
    t->header = (sizeof(uint64_t) + strlen(longest) + 7) / 8 * 8;
    free(longest);
    t->planes = dn_malloc(dn_mul_or_abort((size_t)frame_pixels(writer) * 3, sizeof(float)));
    bool ok = atomic_file_open(writer->path, writer->options.force, &t->file, err);
    if (ok) {
        uint8_t *header = make_header(writer, 0);
        ok = atomic_write_all(atomic_file_fd(t->file), header, t->header) ||
             write_failed(writer, err);
        free(header);
    }
    if (!ok)
        tensors_close(writer);
    return ok;
}

static bool write_planes(struct media_writer *writer, struct dn_error *err)
{
    struct tensors *t = writer->state;
    if (writer->frames >= MEDIA_MAX_FRAMES)
        return dn_fail(err, DN_E_UNSUPPORTED, "cannot write %s: more than %d frames", writer->path,
                       MEDIA_MAX_FRAMES);
    return atomic_write_all(atomic_file_fd(t->file), t->planes,
                            (size_t)frame_pixels(writer) * 3 * sizeof(float)) ||
           write_failed(writer, err);
}

static bool tensors_add_float(struct media_writer *writer, const float *values,
                              struct dn_error *err)
{
    const struct tensors *t = writer->state;
    int64_t pixels = frame_pixels(writer);
    for (int64_t c = 0; c < 3; c++)
        for (int64_t i = 0; i < pixels; i++)
            t->planes[c * pixels + i] = fmaxf(-1, fminf(1, values[i * 3 + c]));
    return write_planes(writer, err);
}

static bool tensors_add(struct media_writer *writer, const uint8_t *rgb24, struct dn_error *err)
{
    const struct tensors *t = writer->state;
    int64_t pixels = frame_pixels(writer);
    for (int64_t c = 0; c < 3; c++)
        for (int64_t i = 0; i < pixels; i++)
            t->planes[c * pixels + i] = (float)rgb24[i * 3 + c] / 127.5f - 1;
    return write_planes(writer, err);
}

static bool tensors_finish(struct media_writer *writer, int64_t *bytes, struct dn_error *err)
{
    struct tensors *t = writer->state;
    int fd = atomic_file_fd(t->file);
    struct stat st;
    uint8_t *header = make_header(writer, writer->frames);
    bool ok = (lseek(fd, 0, SEEK_SET) == 0 && atomic_write_all(fd, header, t->header)) ||
              write_failed(writer, err);
    free(header);
    *bytes =
        (int64_t)t->header + writer->frames * frame_pixels(writer) * 3 * (int64_t)sizeof(float);
    ok = ok && atomic_file_sync(t->file, err);
    if (ok && (fstat(fd, &st) != 0 || st.st_size != *bytes))
        ok = dn_fail(err, DN_E_IO,
                     "cannot write %s: it has not the %" PRId64 " bytes that were written",
                     writer->path, *bytes);
    struct atomic_file *file = t->file;
    if (ok)
        t->file = NULL;
    return ok && atomic_file_publish(file, err);
}

const struct media_format media_safetensors_entry = {
    .name = "safetensors",
    .extension = ".safetensors",
    .max_side = 16384,
    .open = tensors_open,
    .add = tensors_add,
    .add_float = tensors_add_float,
    .finish = tensors_finish,
    .close = tensors_close,
};
