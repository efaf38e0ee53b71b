/* media_import: see media_import.h. Decoding is media_reader's; a filter graph turns, scales,
 * crops and times the pictures. */
#include "store/media_import.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/display.h>
#include <libavutil/pixdesc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "store/media_encode.h"
#include "store/media_reader.h"

static const int64_t max_bytes = INT64_C(2) << 30;

struct import {
    const char *path;
    struct media_import_options options;
    struct media_reader reader;
    AVFilterGraph *graph;
    AVFilterContext *source, *sink; /* the graph's */
    int width, height, format;      /* what the graph was made for */
    int64_t last_pts;
    int64_t skipped;
    int64_t capacity; /* frames that out has room for */
    struct media_frames *out;
};

/* Filters that undo the rotation a phone wrote into its file, in quarter turns. */
static const char *rotation_filters(const AVStream *stream)
{
    static const char *const turns[4] = {"", "transpose=clock,", "hflip,vflip,",
                                         "transpose=cclock,"};
    size_t size = 0;
    const uint8_t *matrix = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    if (!matrix || size < 9 * sizeof(int32_t))
        return turns[0];
    double degrees = -av_display_rotation_get((const int32_t *)matrix);
    if (isnan(degrees))
        return turns[0];
    return turns[((int)lround(degrees / 90) % 4 + 4) % 4];
}

static char *describe_graph(const struct import *import, const AVFrame *frame)
{
    const struct media_import_options *o = &import->options;
    const AVStream *stream = import->reader.stream;
    AVRational base = stream->time_base;
    struct strbuf s = {0};
    strbuf_printf(&s, "buffer@in=video_size=%dx%d:pix_fmt=%d:time_base=%d/%d:pixel_aspect=1/1,",
                  frame->width, frame->height, frame->format, base.num, base.den);
    strbuf_append_text(&s, rotation_filters(stream));
    if (o->fps_num > 0 && !import->reader.still)
        strbuf_printf(&s, "fps=%d/%d,", o->fps_num, o->fps_den);
    if (o->width > 0)
        strbuf_printf(&s, "scale=%d:%d:force_original_aspect_ratio=increase:"
                      "flags=lanczos+accurate_rnd+full_chroma_int+bitexact,crop=%d:%d,",
                      o->width, o->height, o->width, o->height);
    /* rgba carries transparency to take_frame(); for the rest it is 255 everywhere */
    strbuf_append_text(&s, "format=rgba,buffersink@out");
    return strbuf_take(&s);
}

static bool fail(const struct import *import, int code, struct dn_error *err)
{
    return media_read_failed(err, import->path, &import->reader.io, code);
}

static bool open_graph(struct import *import, const AVFrame *frame, struct dn_error *err)
{
    import->graph = media_must(avfilter_graph_alloc());
    import->graph->nb_threads = 1;
    import->graph->scale_sws_opts =
        media_must(av_strdup("flags=bicubic+accurate_rnd+full_chroma_int+bitexact"));
    char *text = describe_graph(import, frame);
    AVFilterInOut *in = NULL, *out = NULL;
    int code = avfilter_graph_parse2(import->graph, text, &in, &out);
    avfilter_inout_free(&in);
    avfilter_inout_free(&out);
    free(text);
    if (code >= 0)
        code = avfilter_graph_config(import->graph, NULL);
    if (code < 0)
        return fail(import, code, err);
    import->source = avfilter_graph_get_filter(import->graph, "buffer@in");
    import->sink = avfilter_graph_get_filter(import->graph, "buffersink@out");
    import->width = frame->width;
    import->height = frame->height;
    import->format = frame->format;
    return true;
}

/* Room for one more frame of the first one's size. */
static bool grow(struct import *import, int64_t frame_bytes, struct dn_error *err)
{
    struct media_frames *out = import->out;
    if (out->count < import->capacity)
        return true;
    int64_t limit = import->options.max_frames;
    int64_t capacity = import->capacity ? 2 * import->capacity : 1;
    if (limit > 0 && capacity > limit)
        capacity = limit;
    if ((out->count + 1) * frame_bytes > max_bytes) {
        dn_fail(err, DN_E_UNSUPPORTED, "cannot read %s: its frames of %dx%d need more than 2 GiB",
                import->path, out->width, out->height);
        return dn_error_hint(err, "take fewer frames or a smaller size");
    }
    if (capacity * frame_bytes > max_bytes)
        capacity = max_bytes / frame_bytes;
    out->rgb24 = dn_realloc(out->rgb24, (size_t)capacity, (size_t)frame_bytes);
    import->capacity = capacity;
    return true;
}

/* Appends an rgba picture, laid over black. */
static bool take_frame(struct import *import, const AVFrame *frame, struct dn_error *err)
{
    struct media_frames *out = import->out;
    if (out->count == 0) {
        out->width = frame->width;
        out->height = frame->height;
    }
    int64_t frame_bytes = (int64_t)out->width * out->height * 3;
    if (!grow(import, frame_bytes, err))
        return false;
    uint8_t *to = out->rgb24 + out->count * frame_bytes;
    for (int64_t y = 0; y < out->height; y++) {
        const uint8_t *from = frame->data[0] + y * frame->linesize[0];
        for (int x = 0; x < out->width; x++, from += 4, to += 3)
            for (int c = 0; c < 3; c++)
                to[c] = (uint8_t)((from[c] * from[3] + 127) / 255);
    }
    out->count++;
    return true;
}

static bool is_full(const struct import *import)
{
    return import->options.max_frames > 0 && import->out->count >= import->options.max_frames;
}

/* Takes the pictures that the graph has ready. */
static bool pull(struct import *import, AVFrame *frame, struct dn_error *err)
{
    while (!is_full(import)) {
        int code = av_buffersink_get_frame(import->sink, frame);
        if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
            return true;
        if (code < 0)
            return fail(import, code, err);
        bool skip = import->skipped < import->options.skip_frames;
        import->skipped += skip;
        bool ok = skip || take_frame(import, frame, err);
        av_frame_unref(frame);
        if (!ok)
            return false;
        if (import->out->count > MEDIA_MAX_FRAMES)
            return dn_fail(err, DN_E_UNSUPPORTED, "cannot read %s: it has more than %d frames",
                           import->path, MEDIA_MAX_FRAMES);
    }
    return true;
}

/* One decoded picture into the graph. Times must grow, whatever the file says. */
static bool push(struct import *import, AVFrame *frame, struct dn_error *err)
{
    if (!import->graph && !open_graph(import, frame, err))
        return false;
    if (frame->width != import->width || frame->height != import->height ||
        frame->format != import->format)
        return dn_fail(err, DN_E_UNSUPPORTED, "cannot read %s: its pictures change their size or "
                       "kind at frame %" PRId64, import->path, import->reader.frames);
    int64_t pts = frame->best_effort_timestamp;
    if (pts == AV_NOPTS_VALUE || (import->reader.frames > 1 && pts <= import->last_pts))
        pts = import->reader.frames > 1 ? import->last_pts + 1 : 0;
    frame->pts = import->last_pts = pts;
    frame->sample_aspect_ratio = (AVRational){1, 1};
    int code = av_buffersrc_add_frame(import->source, frame);
    return code >= 0 || fail(import, code, err);
}

/* Tells the graph when the last picture ends, which the fps filter needs to repeat it. */
static bool close_graph(struct import *import, struct dn_error *err)
{
    const AVStream *stream = import->reader.stream;
    AVRational rate = stream->avg_frame_rate;
    int64_t length = 1;
    if (rate.num > 0 && rate.den > 0)
        length = av_rescale_q(1, av_inv_q(rate), stream->time_base);
    int code = av_buffersrc_close(import->source, import->last_pts + length, 0);
    return code >= 0 || fail(import, code, err);
}

static bool read_frames(struct import *import, struct dn_error *err)
{
    AVFrame *frame = media_must(av_frame_alloc());
    bool end = false;
    bool ok = true;
    while (ok && !end && !is_full(import)) {
        ok = media_reader_next(&import->reader, frame, &end, err);
        if (ok && !end)
            ok = push(import, frame, err);
        else if (ok && import->source)
            ok = close_graph(import, err);
        av_frame_unref(frame);
        if (ok && import->sink)
            ok = pull(import, frame, err);
    }
    av_frame_free(&frame);
    if (ok && import->out->count == 0)
        ok = import->skipped > 0
                 ? dn_fail(err, DN_E_ARG, "%s has only %" PRId64 " frames", import->path,
                           import->skipped)
                 : dn_fail(err, DN_E_FORMAT, "cannot read %s: it holds no pictures", import->path);
    return ok;
}

static void set_rate(const struct import *import)
{
    const AVRational rate = import->reader.stream->avg_frame_rate;
    struct media_frames *out = import->out;
    bool moving = import->reader.frames > 1 && rate.num > 0 && rate.den > 0;
    out->fps_num = moving ? rate.num : 0;
    out->fps_den = moving ? rate.den : 1;
    if (moving && import->options.fps_num > 0) {
        out->fps_num = import->options.fps_num;
        out->fps_den = import->options.fps_den;
    }
}

static bool check_options(const char *path, const struct media_import_options *o,
                          struct dn_error *err)
{
    if (o->skip_frames < 0 || o->max_frames < 0 || o->width < 0 || o->height < 0 ||
        (o->width > 0) != (o->height > 0) ||
        o->width > MEDIA_MAX_SIDE || o->height > MEDIA_MAX_SIDE || o->fps_num < 0 ||
        (o->fps_num > 0 && o->fps_den < 1) || o->fps_num / (o->fps_den > 0 ? o->fps_den : 1) > 1000)
        return dn_fail(err, DN_E_ARG, "cannot read %s as %dx%d at %d/%d frames per second", path,
                       o->width, o->height, o->fps_num, o->fps_den);
    return true;
}

bool media_import(const char *path, const struct media_import_options *options,
                  struct media_frames **out, struct dn_error *err)
{
    struct import import = {.path = path, .options = *options};
    *out = NULL;
    if (!check_options(path, options, err))
        return false;
    struct stat before = {0}, after = {0};
    int fd = media_open_file(path, err);
    if (fd < 0)
        return false;
    fstat(fd, &before);
    bool ok = media_reader_open(&import.reader, fd, path, err);
    if (ok) {
        import.out = dn_calloc(1, sizeof *import.out);
        ok = read_frames(&import, err);
        set_rate(&import);
        media_reader_close(&import.reader);
    }
    if (ok && (fstat(fd, &after) != 0 || after.st_size != before.st_size))
        ok = dn_fail(err, DN_E_IO, "cannot read %s: it changed meanwhile", path);
    avfilter_graph_free(&import.graph);
    close(fd);
    if (ok)
        *out = import.out;
    else
        media_frames_free(import.out);
    return ok;
}

void media_frames_skip(struct media_frames *f, int64_t n)
{
    assert(n < f->count);
    size_t size = (size_t)f->width * (size_t)f->height * 3;
    f->count -= n;
    if (f->rgb24)
        memmove(f->rgb24, f->rgb24 + (size_t)n * size, (size_t)f->count * size);
    if (f->values)
        memmove(f->values, f->values + (size_t)n * size, (size_t)f->count * size * sizeof(float));
}

void media_frames_round(struct media_frames *f)
{
    if (f->rgb24)
        return;
    size_t values = (size_t)f->count * (size_t)f->width * (size_t)f->height * 3;
    f->rgb24 = dn_malloc(values);
    media_float_to_bytes(f->rgb24, f->values, (int64_t)values);
    free(f->values);
    f->values = NULL;
}

void media_frames_free(struct media_frames *frames)
{
    if (!frames)
        return;
    free(frames->rgb24);
    free(frames->values);
    free(frames);
}
