/* media_still: one frame as a picture: png (with the title as text) or jpg; the recipe beside it.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/media_beside.h"
#include "store/media_probe.h"
#include "store/png_picture.h"
#include "store/thumbnail.h"

enum { MAX_SIDE = 16384, DEFAULT_JPEG = 2 };

struct still {
    struct atomic_file *file;
    struct media_beside beside;
    struct strbuf bytes;
};

static void still_close(struct media_writer *writer)
{
    struct still *s = writer->state;
    atomic_file_abort(s->file);
    media_beside_close(&s->beside);
    strbuf_done(&s->bytes);
    free(s);
    writer->state = NULL;
}

static bool still_open(struct media_writer *writer, struct dn_error *err)
{
    struct still *s = writer->state = dn_calloc(1, sizeof *s);
    if (atomic_file_open(writer->path, writer->options.force, &s->file, err) &&
        (writer->format == &media_png_still_entry || media_beside_open(&s->beside, writer, err)))
        return true;
    still_close(writer);
    return false;
}

static bool png_add(struct media_writer *writer, const uint8_t *rgb24, struct dn_error *err)
{
    struct still *s = writer->state;
    const struct media_options *o = &writer->options;
    const struct png_texts texts = {.parameters = o->title, .recipe = o->recipe_json};
    struct png_encoder *png = NULL;
    bool ok = png_encoder_open(writer->path, o->width, o->height, &png, err) &&
              png_encode(png, rgb24, &texts, &s->bytes, err);
    png_encoder_close(png);
    return ok;
}

/* 1 is best of 31 there. */
static bool jpg_add(struct media_writer *writer, const uint8_t *rgb24, struct dn_error *err)
{
    struct still *s = writer->state;
    const struct media_options *o = &writer->options;
    uint8_t *jpeg = NULL;
    int64_t bytes = 0;
    bool ok = thumbnail_jpeg(rgb24, o->width, o->height, MAX_SIDE,
                             o->quality ? (o->quality + 1) / 2 : DEFAULT_JPEG, &jpeg, &bytes, err);
    strbuf_append(&s->bytes, jpeg ? jpeg : (uint8_t *)"", (size_t)bytes);
    free(jpeg);
    return ok;
}

static bool check_written(const struct media_writer *writer, struct dn_error *err)
{
    const struct still *s = writer->state;
    struct media_info info;
    if (!media_probe_fd(atomic_file_fd(s->file), writer->path, &info, NULL, err))
        return dn_error_while(err, "checking what was written");
    return (info.width == writer->options.width && info.height == writer->options.height) ||
           dn_fail(err, DN_E_IO, "cannot write %s: its size changed when read back", writer->path);
}

static bool still_finish(struct media_writer *writer, int64_t *bytes, struct dn_error *err)
{
    struct still *s = writer->state;
    if (!media_beside_write(&s->beside, writer, err))
        return false;
    if (!atomic_write_all(atomic_file_fd(s->file), s->bytes.data, s->bytes.length))
        return atomic_write_failed(err, writer->path, atomic_file_fd(s->file), errno);
    if (!atomic_file_sync(s->file, err) || !check_written(writer, err))
        return false;
    *bytes = (int64_t)s->bytes.length;
    struct atomic_file *file = s->file;
    s->file = NULL;
    return media_beside_publish(&s->beside, writer, file, err);
}

#define ENTRY(NAME, ADD)                                                                           \
    const struct media_format media_##NAME##_still_entry = {.name = #NAME,                         \
                                                            .extension = "." #NAME,                \
                                                            .max_side = MAX_SIDE,                  \
                                                            .one_frame = true,                     \
                                                            .open = still_open,                    \
                                                            .add = ADD,                            \
                                                            .finish = still_finish,                \
                                                            .close = still_close}
ENTRY(png, png_add);
ENTRY(jpg, jpg_add);
ENTRY(jpeg, jpg_add);
