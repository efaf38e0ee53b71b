/* media_gif: an animated gif with one palette made from all frames (palettegen, paletteuse).
 *
 * The palette needs every frame before the first one can be written, so frames are kept until
 * finish: 3 bytes a pixel, 4 MB for 81 frames of 160x96, 97 MB for 81 of 832x480. Gif has no place
 * for a recipe that programs agree on, so it goes to NAME.gif.json. Time steps are 1/100 s: at 16
 * frames/s the frames last 6, 6, 6 and 7 of them in turn. */
#include <inttypes.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/opt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "store/atomic_file.h"
#include "store/media_beside.h"
#include "store/media_format.h"
#include "store/media_libav.h"
#include "store/media_probe.h"

enum { MAX_FRAMES_BYTES = 1 << 30 };

struct gif {
    struct atomic_file *file;
    struct media_beside beside;
    struct media_io io;
    AVFrame **frames; /* rgb24, writer->frames of them */
    int64_t capacity;
    AVFilterGraph *graph;
    AVFormatContext *muxer;
    AVCodecContext *encoder;
    AVFrame *frame;
    AVPacket *packet;
};

static bool fail(const struct media_writer *writer, int code, struct dn_error *err)
{
    const struct gif *gif = writer->state;
    return media_write_failed(err, writer->path, &gif->io, code);
}

static void gif_close(struct media_writer *writer)
{
    struct gif *gif = writer->state;
    for (int64_t i = 0; i < writer->frames; i++)
        av_frame_free(&gif->frames[i]);
    free(gif->frames);
    avfilter_graph_free(&gif->graph);
    avcodec_free_context(&gif->encoder);
    media_muxer_free(&gif->muxer);
    av_frame_free(&gif->frame);
    av_packet_free(&gif->packet);
    atomic_file_abort(gif->file);
    media_beside_close(&gif->beside);
    free(gif);
    writer->state = NULL;
}

static bool gif_open(struct media_writer *writer, struct dn_error *err)
{
    media_libav_begin();
    const struct media_options *o = &writer->options;
    struct gif *gif = writer->state = dn_calloc(1, sizeof *gif);
    if (!atomic_file_open(writer->path, o->force, &gif->file, err))
        goto fail;
    gif->io.fd = atomic_file_fd(gif->file);
    if (!media_beside_open(&gif->beside, writer, err))
        goto fail;
    gif->frame = media_must(av_frame_alloc());
    gif->packet = media_must(av_packet_alloc());
    return true;
fail:
    gif_close(writer);
    return false;
}

static bool gif_add(struct media_writer *writer, const uint8_t *rgb24, struct dn_error *err)
{
    struct gif *gif = writer->state;
    int width = writer->options.width, height = writer->options.height;
    int64_t size = (int64_t)width * height * 3;
    if ((writer->frames + 1) * size > MAX_FRAMES_BYTES) {
        dn_fail(err, DN_E_UNSUPPORTED, "cannot write %s: a gif keeps all frames in memory and %"
                PRId64 " of %dx%d are over 1 GiB", writer->path, writer->frames + 1, width, height);
        return dn_error_hint(err, "write an .mp4 or .webm");
    }
    if (writer->frames == gif->capacity) {
        gif->capacity = gif->capacity ? 2 * gif->capacity : 64;
        gif->frames = dn_realloc(gif->frames, (size_t)gif->capacity, sizeof *gif->frames);
    }
    AVFrame *frame = media_frame_new(AV_PIX_FMT_RGB24, width, height);
    for (int64_t y = 0; y < height; y++)
        memcpy(frame->data[0] + y * frame->linesize[0], rgb24 + y * width * 3, (size_t)width * 3);
    frame->pts = writer->frames;
    gif->frames[writer->frames] = frame;
    return true;
}

/* A new graph from its description; named filters are found with avfilter_graph_get_filter(). */
static bool make_graph(struct media_writer *writer, const char *description, struct dn_error *err)
{
    struct gif *gif = writer->state;
    avfilter_graph_free(&gif->graph);
    gif->graph = media_must(avfilter_graph_alloc());
    gif->graph->nb_threads = 1;
    AVFilterInOut *in = NULL, *out = NULL;
    int code = avfilter_graph_parse2(gif->graph, description, &in, &out);
    avfilter_inout_free(&in);
    avfilter_inout_free(&out);
    if (code >= 0)
        code = avfilter_graph_config(gif->graph, NULL);
    return code >= 0 || fail(writer, code, err);
}

static char *describe_source(const struct media_writer *writer, const char *name)
{
    const struct media_options *o = &writer->options;
    return dn_asprintf("buffer@%s=video_size=%dx%d:pix_fmt=%d:time_base=%d/%d:pixel_aspect=1/1",
                       name, o->width, o->height, (int)AV_PIX_FMT_RGB24, o->fps_den, o->fps_num);
}

/* Shows every frame to palettegen; gif->frame becomes the palette. */
static bool make_palette(struct media_writer *writer, struct dn_error *err)
{
    struct gif *gif = writer->state;
    char *source = describe_source(writer, "in");
    char *text = dn_asprintf("%s,palettegen=stats_mode=full,buffersink@out", source);
    bool ok = make_graph(writer, text, err);
    free(text);
    free(source);
    if (!ok)
        return false;
    AVFilterContext *in = avfilter_graph_get_filter(gif->graph, "buffer@in");
    int code = 0;
    for (int64_t i = 0; i < writer->frames && code >= 0; i++)
        code = av_buffersrc_add_frame_flags(in, gif->frames[i], AV_BUFFERSRC_FLAG_KEEP_REF);
    if (code >= 0)
        code = av_buffersrc_add_frame(in, NULL);
    if (code >= 0)
        code = av_buffersink_get_frame(avfilter_graph_get_filter(gif->graph, "buffersink@out"),
                                       gif->frame);
    return code >= 0 || fail(writer, code, err);
}

/* The graph that maps frames to the palette in gif->frame, the palette already given to it. */
static bool open_mapper(struct media_writer *writer, struct dn_error *err)
{
    struct gif *gif = writer->state;
    char *source = describe_source(writer, "in");
    char *text = dn_asprintf("%s[video];buffer@palette=video_size=%dx%d:pix_fmt=%d:time_base=1/1:"
                             "pixel_aspect=1/1[palette];[video][palette]"
                             "paletteuse=dither=sierra2_4a:diff_mode=rectangle,buffersink@out",
                             source, gif->frame->width, gif->frame->height, gif->frame->format);
    bool ok = make_graph(writer, text, err);
    free(text);
    free(source);
    if (!ok)
        return false;
    AVFilterContext *palette = avfilter_graph_get_filter(gif->graph, "buffer@palette");
    gif->frame->pts = 0;
    int code = av_buffersrc_add_frame(palette, gif->frame);
    if (code >= 0)
        code = av_buffersrc_add_frame(palette, NULL);
    return code >= 0 || fail(writer, code, err);
}

static bool open_output(struct media_writer *writer, struct dn_error *err)
{
    struct gif *gif = writer->state;
    const struct media_options *o = &writer->options;
    const AVCodec *codec = avcodec_find_encoder_by_name("gif");
    gif->muxer = media_muxer_new("gif", &gif->io);
    if (!codec || !gif->muxer)
        return dn_fail(err, DN_E_UNSUPPORTED, "cannot write %s: libavcodec has no gif",
                       writer->path);
    gif->encoder = media_must(avcodec_alloc_context3(codec));
    gif->encoder->width = o->width;
    gif->encoder->height = o->height;
    gif->encoder->pix_fmt = AV_PIX_FMT_PAL8;
    gif->encoder->time_base = (AVRational){o->fps_den, o->fps_num};
    gif->encoder->flags |= AV_CODEC_FLAG_BITEXACT;
    AVStream *stream = media_must(avformat_new_stream(gif->muxer, NULL));
    stream->time_base = gif->encoder->time_base;
    int code = avcodec_open2(gif->encoder, codec, NULL);
    if (code >= 0)
        code = avcodec_parameters_from_context(stream->codecpar, gif->encoder);
    /* the file tells how often it plays again; without that (-1) it plays once */
    if (code >= 0)
        code = av_opt_set_int(gif->muxer, "loop", o->plays == 1 ? -1 : o->plays ? o->plays - 1 : 0,
                              AV_OPT_SEARCH_CHILDREN);
    if (code >= 0)
        code = avformat_write_header(gif->muxer, NULL);
    return code >= 0 || fail(writer, code, err);
}

/* Writes the packets that frame (NULL = the end) leads to. Negative: libav's error. */
static int encode(struct gif *gif, AVFrame *frame)
{
    int code = avcodec_send_frame(gif->encoder, frame);
    while (code >= 0) {
        code = avcodec_receive_packet(gif->encoder, gif->packet);
        if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
            return 0;
        if (code < 0)
            break;
        gif->packet->duration = 1;
        av_packet_rescale_ts(gif->packet, gif->encoder->time_base,
                             gif->muxer->streams[0]->time_base);
        code = av_interleaved_write_frame(gif->muxer, gif->packet);
    }
    return code;
}

/* Takes what the mapper has ready to the encoder. */
static int drain_mapper(struct gif *gif)
{
    AVFilterContext *sink = avfilter_graph_get_filter(gif->graph, "buffersink@out");
    int code;
    while ((code = av_buffersink_get_frame(sink, gif->frame)) >= 0) {
        gif->frame->pts = av_rescale_q(gif->frame->pts, av_buffersink_get_time_base(sink),
                                       gif->encoder->time_base);
        code = encode(gif, gif->frame);
        av_frame_unref(gif->frame);
        if (code < 0)
            return code;
    }
    return code == AVERROR(EAGAIN) || code == AVERROR_EOF ? 0 : code;
}

static bool map_and_encode(struct media_writer *writer, struct dn_error *err)
{
    struct gif *gif = writer->state;
    AVFilterContext *in = avfilter_graph_get_filter(gif->graph, "buffer@in");
    int code = 0;
    for (int64_t i = 0; i < writer->frames && code >= 0; i++) {
        code = av_buffersrc_add_frame(in, gif->frames[i]);
        if (code >= 0)
            code = drain_mapper(gif);
        if (code >= 0 && gif->io.error)
            code = AVERROR(gif->io.error);
    }
    if (code >= 0)
        code = av_buffersrc_add_frame(in, NULL);
    if (code >= 0)
        code = drain_mapper(gif);
    if (code >= 0)
        code = encode(gif, NULL);
    /* after a failure too: only there libavformat's gif frees the packet that it keeps */
    int trailer = av_write_trailer(gif->muxer);
    if (code >= 0)
        code = trailer;
    avio_flush(gif->muxer->pb);
    if (code >= 0)
        code = gif->muxer->pb->error;
    return (code >= 0 && !gif->io.error) || fail(writer, code, err);
}

static bool check_written(const struct media_writer *writer, struct dn_error *err)
{
    const struct gif *gif = writer->state;
    struct media_info info;
    if (!media_probe_fd(gif->io.fd, writer->path, &info, NULL, err))
        return dn_error_while(err, "checking what was written");
    if (info.frames != writer->frames || info.width != writer->options.width ||
        info.height != writer->options.height)
        return dn_fail(err, DN_E_IO, "cannot write %s: it holds %" PRId64 " of %" PRId64
                       " frames when read back", writer->path, info.frames, writer->frames);
    return true;
}

static bool gif_finish(struct media_writer *writer, int64_t *bytes, struct dn_error *err)
{
    media_libav_begin();
    struct gif *gif = writer->state;
    if (!media_beside_write(&gif->beside, writer, err) || !make_palette(writer, err) || !open_mapper(writer, err) || !open_output(writer, err) ||
        !map_and_encode(writer, err) || !atomic_file_sync(gif->file, err) ||
        !check_written(writer, err))
        return false;
    struct stat st;
    *bytes = fstat(gif->io.fd, &st) == 0 ? st.st_size : 0;
    struct atomic_file *file = gif->file;
    gif->file = NULL;
    return media_beside_publish(&gif->beside, writer, file, err);
}

const struct media_format media_gif_entry = {
    .name = "gif",
    .extension = ".gif",
    .max_side = 8192,
    .open = gif_open,
    .add = gif_add,
    .finish = gif_finish,
    .close = gif_close,
};
