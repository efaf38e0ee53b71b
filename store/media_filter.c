/* media_filter: see media_filter.h. A graph of libavfilter: minterpolate or fps, scale and crop,
 * drawtext. */
#include "store/media_filter.h"

#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/opt.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "store/media_encode.h"
#include "store/media_libav.h"

static const int64_t max_bytes = INT64_C(2) << 30;

struct graph {
    AVFilterGraph *graph;
    AVFilterContext *source, *sink; /* the graph's */
    struct media_frames *out;
    int64_t capacity; /* frames that out has room for */
};

static bool fail(int code, struct dn_error *err)
{
    return media_write_failed(err, "the frames", NULL, code);
}

static bool retimes(const struct media_filter *f)
{
    return f->to_fps > 0 && f->to_fps != f->from_fps;
}

static bool scales(const struct media_filter *f, const struct media_frames *frames)
{
    return f->width > 0 && (f->width != frames->width || f->height != frames->height);
}

/* A fourteenth of the height, as subtitles have. */
static int font_size(int height)
{
    return height / 14 < 9 ? 9 : height / 14;
}

static char *describe(const struct media_filter *f, const struct media_frames *frames)
{
    struct strbuf s = {0};
    int num, den, height = f->height ? f->height : frames->height;
    media_rate(f->from_fps, &num, &den);
    strbuf_printf(&s, "buffer@in=video_size=%dx%d:pix_fmt=%d:time_base=%d/%d:pixel_aspect=1/1,",
                  frames->width, frames->height, (int)AV_PIX_FMT_RGB24, den, num);
    media_rate(f->to_fps, &num, &den);
    if (retimes(f))
        strbuf_printf(&s, f->smooth ? "minterpolate=fps=%d/%d," : "fps=%d/%d,", num, den);
    if (scales(f, frames))
        strbuf_printf(&s,
                      "scale=%d:%d:force_original_aspect_ratio=increase:"
                      "flags=lanczos+accurate_rnd+full_chroma_int+bitexact,crop=%d:%d,",
                      f->width, f->height, f->width, f->height);
    if (f->label)
        strbuf_printf(&s,
                      "format=rgb24,drawtext@label=text=x:expansion=none:fontcolor=white:"
                      "fontsize=%d:x=%d:y=h-th-%d:box=1:boxcolor=black@0.6:boxborderw=%d,",
                      font_size(height), height / 40 + 2, height / 40 + 2, height / 80 + 2);
    strbuf_append_text(&s, "format=rgb24,buffersink@out");
    return strbuf_take(&s);
}

/* What fits into the width, in one line. */
static char *label_text(const struct media_filter *f, int width, int height)
{
    size_t most = (size_t)(width * 2 / font_size(height)), count = 0, end = 0;
    char *text = dn_strdup(f->label);
    for (size_t i = 0; text[i] && count < most; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            text[i] = ' ';
        end = i + 1;
        while (((unsigned char)text[end] & 0xC0) == 0x80)
            end++;
        i = end - 1;
        count++;
    }
    text[end] = '\0';
    return text;
}

static bool open_graph(struct graph *g, const struct media_filter *f,
                       const struct media_frames *frames, struct dn_error *err)
{
    g->graph = media_must(avfilter_graph_alloc());
    g->graph->nb_threads = 1;
    g->graph->scale_sws_opts =
        media_must(av_strdup("flags=bicubic+accurate_rnd+full_chroma_int+bitexact"));
    char *text = describe(f, frames);
    AVFilterInOut *in = NULL, *out = NULL;
    int code = avfilter_graph_parse2(g->graph, text, &in, &out);
    avfilter_inout_free(&in);
    avfilter_inout_free(&out);
    free(text);
    if (code < 0 && f->label) {
        dn_fail(err, DN_E_UNSUPPORTED, "no labels: libavfilter finds no font here");
        return dn_error_hint(err, "install one, as fonts-dejavu-core, or leave out --label");
    }
    if (code >= 0 && f->label) { /* set, not written into the description: nothing in it counts */
        char *label = label_text(f, f->width ? f->width : frames->width,
                                 f->height ? f->height : frames->height);
        code = av_opt_set(avfilter_graph_get_filter(g->graph, "drawtext@label"), "text", label,
                          AV_OPT_SEARCH_CHILDREN);
        free(label);
    }
    if (code >= 0)
        code = avfilter_graph_config(g->graph, NULL);
    if (code < 0)
        return fail(code, err);
    g->source = avfilter_graph_get_filter(g->graph, "buffer@in");
    g->sink = avfilter_graph_get_filter(g->graph, "buffersink@out");
    return true;
}

static bool take(struct graph *g, const AVFrame *frame, struct dn_error *err)
{
    struct media_frames *out = g->out;
    size_t row = (size_t)frame->width * 3, size = row * (size_t)frame->height;
    out->width = frame->width;
    out->height = frame->height;
    if ((out->count + 1) * (int64_t)size > max_bytes)
        return dn_fail(err, DN_E_UNSUPPORTED,
                       "more than 2 GiB of frames: take fewer or smaller "
                       "ones");
    if (out->count == g->capacity) {
        g->capacity = g->capacity ? 2 * g->capacity : 64;
        out->rgb24 = dn_realloc(out->rgb24, (size_t)g->capacity, size);
    }
    uint8_t *to = out->rgb24 + (size_t)out->count++ * size;
    for (int y = 0; y < frame->height; y++)
        memcpy(to + (size_t)y * row, frame->data[0] + (int64_t)y * frame->linesize[0], row);
    return true;
}

static bool pull(struct graph *g, AVFrame *frame, struct dn_error *err)
{
    int code;
    bool ok = true;
    while (ok && (code = av_buffersink_get_frame(g->sink, frame)) >= 0) {
        ok = take(g, frame, err);
        av_frame_unref(frame);
    }
    return ok && (code == AVERROR(EAGAIN) || code == AVERROR_EOF || fail(code, err));
}

static bool run(struct graph *g, const struct media_frames *frames, struct dn_error *err)
{
    size_t row = (size_t)frames->width * 3;
    AVFrame *got = media_must(av_frame_alloc());
    bool ok = true;
    for (int64_t i = 0; ok && i < frames->count; i++) {
        AVFrame *frame = media_frame_new(AV_PIX_FMT_RGB24, frames->width, frames->height);
        const uint8_t *from = frames->rgb24 + (size_t)i * row * (size_t)frames->height;
        for (int y = 0; y < frames->height; y++)
            memcpy(frame->data[0] + (int64_t)y * frame->linesize[0], from + (size_t)y * row, row);
        frame->pts = i;
        int code = av_buffersrc_add_frame(g->source, frame);
        av_frame_free(&frame);
        ok = (code >= 0 || fail(code, err)) && pull(g, got, err);
    }
    int code = ok ? av_buffersrc_close(g->source, frames->count, 0) : 0;
    ok = ok && (code >= 0 || fail(code, err)) && pull(g, got, err);
    av_frame_free(&got);
    return ok;
}

bool media_filter_apply(const struct media_filter *f, struct media_frames **frames,
                        struct dn_error *err)
{
    struct graph g = {0};
    if (!retimes(f) && !scales(f, *frames) && !f->label)
        return true;
    media_libav_begin();
    media_frames_round(*frames);
    g.out = dn_calloc(1, sizeof *g.out);
    media_rate(f->to_fps > 0 ? f->to_fps : f->from_fps, &g.out->fps_num, &g.out->fps_den);
    bool ok = open_graph(&g, f, *frames, err) && run(&g, *frames, err);
    if (ok && g.out->count == 0)
        ok = dn_fail(err, DN_E_ARG, "too few frames for %g frames/s", f->to_fps);
    avfilter_graph_free(&g.graph);
    media_frames_free(ok ? *frames : g.out);
    if (ok)
        *frames = g.out;
    return ok;
}
