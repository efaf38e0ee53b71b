/* media_video: mp4 (H.264) and webm (VP9), one encoder thread unless asked for more. */
#include <inttypes.h>
#include <libavutil/opt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "store/atomic_file.h"
#include "store/media_color.h"
#include "store/media_format.h"
#include "store/media_libav.h"
#include "store/media_probe.h"

struct setting {
    const char *name, *value;
};

struct kind {
    const char *muxer, *encoder;
    int default_crf;
    struct setting encoder_settings[6]; /* ends with a NULL name */
    struct setting muxer_settings[2];
};

static const struct kind mp4_kind = {
    .muxer = "mp4",
    .encoder = "libx264",
    .default_crf = 17,
    /* mbtree off: x264 (r3095) reads memory there that it never wrote when a row is not a multiple
     * of 8 macroblocks, so the same frames gave other bytes in every run at 160x96. */
    .encoder_settings = {{"preset", "veryfast"}, {"profile", "high"}, {"mbtree", "0"}},
    /* a player may start before it has all of the file */
    .muxer_settings = {{"movflags", "+faststart"}},
};

static const struct kind webm_kind = {
    .muxer = "webm",
    .encoder = "libvpx-vp9",
    .default_crf = 24,
    .encoder_settings = {{"deadline", "realtime"}, {"cpu-used", "6"}, {"row-mt", "0"}},
};

struct video {
    struct atomic_file *file;
    struct media_io io;
    AVFormatContext *muxer;
    AVCodecContext *encoder;
    AVStream *stream; /* the muxer's */
    AVFrame *frame;
    AVPacket *packet;
};

static bool fail(const struct media_writer *writer, int code, struct dn_error *err)
{
    const struct video *video = writer->state;
    return media_write_failed(err, writer->path, &video->io, code);
}

static bool apply(void *object, const struct setting *settings, int count)
{
    for (int i = 0; i < count && settings[i].name; i++)
        if (av_opt_set(object, settings[i].name, settings[i].value, AV_OPT_SEARCH_CHILDREN) < 0)
            return false;
    return true;
}

static bool open_encoder(struct media_writer *writer, const struct kind *kind,
                         struct dn_error *err)
{
    struct video *video = writer->state;
    const struct media_options *o = &writer->options;
    const AVCodec *codec = avcodec_find_encoder_by_name(kind->encoder);
    if (!codec)
        return dn_fail(err, DN_E_UNSUPPORTED, "cannot write %s: libavcodec has no %s",
                       writer->path, kind->encoder);
    AVCodecContext *encoder = video->encoder = media_must(avcodec_alloc_context3(codec));
    encoder->width = o->width;
    encoder->height = o->height;
    encoder->pix_fmt = AV_PIX_FMT_YUV420P;
    encoder->time_base = (AVRational){o->fps_den, o->fps_num};
    encoder->framerate = (AVRational){o->fps_num, o->fps_den};
    encoder->sample_aspect_ratio = (AVRational){1, 1};
    encoder->color_range = AVCOL_RANGE_MPEG;
    encoder->colorspace = AVCOL_SPC_BT709;
    encoder->color_primaries = AVCOL_PRI_BT709;
    encoder->color_trc = AVCOL_TRC_BT709;
    encoder->chroma_sample_location = AVCHROMA_LOC_LEFT;
    encoder->thread_count = o->threads;
    encoder->gop_size = 64; /* seeking in a player stays quick */
    encoder->bit_rate = 0;
    encoder->flags |= AV_CODEC_FLAG_BITEXACT;
    if (video->muxer->oformat->flags & AVFMT_GLOBALHEADER)
        encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    int crf = o->quality ? o->quality : kind->default_crf;
    int code = av_opt_set_double(encoder, "crf", crf, AV_OPT_SEARCH_CHILDREN);
    if (code < 0 || !apply(encoder, kind->encoder_settings, 6))
        return dn_fail(err, DN_E_UNSUPPORTED, "cannot write %s: %s here lacks a setting we need",
                       writer->path, kind->encoder);
    code = avcodec_open2(encoder, codec, NULL);
    return code == 0 || fail(writer, code, err);
}

static bool open_muxer(struct media_writer *writer, const struct kind *kind, struct dn_error *err)
{
    struct video *video = writer->state;
    const struct media_options *o = &writer->options;
    video->stream = media_must(avformat_new_stream(video->muxer, NULL));
    video->stream->time_base = video->encoder->time_base;
    video->stream->avg_frame_rate = video->encoder->framerate;
    int code = avcodec_parameters_from_context(video->stream->codecpar, video->encoder);
    if (code < 0)
        return fail(writer, code, err);
    /* `comment` survives a copy into another container, keys of our own do not. */
    if (o->recipe_json)
        av_dict_set(&video->muxer->metadata, "comment", o->recipe_json, 0);
    if (o->title)
        av_dict_set(&video->muxer->metadata, "title", o->title, 0);
    if (!apply(video->muxer, kind->muxer_settings, 2))
        return dn_fail(err, DN_E_UNSUPPORTED, "cannot write %s: libavformat lacks a %s setting",
                       writer->path, kind->muxer);
    code = avformat_write_header(video->muxer, NULL);
    return code >= 0 || fail(writer, code, err);
}

static void video_close(struct media_writer *writer)
{
    struct video *video = writer->state;
    avcodec_free_context(&video->encoder);
    media_muxer_free(&video->muxer);
    av_frame_free(&video->frame);
    av_packet_free(&video->packet);
    atomic_file_abort(video->file);
    free(video);
    writer->state = NULL;
}

static bool video_open(struct media_writer *writer, const struct kind *kind, struct dn_error *err)
{
    media_libav_begin();
    struct video *video = writer->state = dn_calloc(1, sizeof *video);
    if (!atomic_file_open(writer->path, writer->options.force, &video->file, err))
        goto fail;
    video->io.fd = atomic_file_fd(video->file);
    video->packet = media_must(av_packet_alloc());
    video->frame = media_frame_new(AV_PIX_FMT_YUV420P, writer->options.width,
                                   writer->options.height);
    video->muxer = media_muxer_new(kind->muxer, &video->io);
    if (!video->muxer) {
        dn_fail(err, DN_E_UNSUPPORTED, "cannot write %s: libavformat has no %s", writer->path,
                kind->muxer);
        goto fail;
    }
    if (!open_encoder(writer, kind, err) || !open_muxer(writer, kind, err))
        goto fail;
    return true;
fail:
    video_close(writer);
    return false;
}

static bool mp4_open(struct media_writer *writer, struct dn_error *err)
{
    return video_open(writer, &mp4_kind, err);
}

static bool webm_open(struct media_writer *writer, struct dn_error *err)
{
    return video_open(writer, &webm_kind, err);
}

/* Sends frame (NULL = the end) and writes what the encoder has ready. */
static bool encode(struct media_writer *writer, AVFrame *frame, struct dn_error *err)
{
    struct video *video = writer->state;
    int code = avcodec_send_frame(video->encoder, frame);
    while (code >= 0) {
        code = avcodec_receive_packet(video->encoder, video->packet);
        if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
            return true;
        if (code < 0)
            break;
        video->packet->stream_index = video->stream->index;
        video->packet->duration = 1;
        av_packet_rescale_ts(video->packet, video->encoder->time_base, video->stream->time_base);
        code = av_interleaved_write_frame(video->muxer, video->packet);
        if (code >= 0 && video->io.error)
            code = AVERROR(video->io.error);
    }
    return fail(writer, code, err);
}

static bool video_add(struct media_writer *writer, const uint8_t *rgb24, struct dn_error *err)
{
    media_libav_begin();
    struct video *video = writer->state;
    if (av_frame_make_writable(video->frame) < 0)
        media_must(NULL);
    media_rgb_to_yuv420(video->frame->data, video->frame->linesize, rgb24, writer->options.width,
                        writer->options.height);
    video->frame->pts = writer->frames;
    return encode(writer, video->frame, err);
}

/* Reads the finished temporary as a stranger would. An encoder's or muxer's word is not enough:
 * with a full disk some trailers fail without saying so. */
static bool check_written(const struct media_writer *writer, struct dn_error *err)
{
    const struct video *video = writer->state;
    const struct media_options *o = &writer->options;
    struct media_info info;
    char *comment = NULL;
    if (!media_probe_fd(video->io.fd, writer->path, &info, &comment, err))
        return dn_error_while(err, "checking what was written");
    const char *want = o->recipe_json ? o->recipe_json : "";
    bool same = strcmp(comment ? comment : "", want) == 0;
    free(comment);
    if (info.frames != writer->frames)
        return dn_fail(err, DN_E_IO, "cannot write %s: it holds %" PRId64 " of %" PRId64
                       " frames when read back", writer->path, info.frames, writer->frames);
    if (info.width != o->width || info.height != o->height || !same)
        return dn_fail(err, DN_E_IO, "cannot write %s: its %s changed when read back",
                       writer->path, same ? "size" : "recipe");
    return true;
}

static bool video_finish(struct media_writer *writer, int64_t *bytes, struct dn_error *err)
{
    media_libav_begin();
    struct video *video = writer->state;
    if (!encode(writer, NULL, err))
        return false;
    int code = av_write_trailer(video->muxer);
    avio_flush(video->muxer->pb);
    if (code < 0 || video->io.error || video->muxer->pb->error)
        return fail(writer, code < 0 ? code : video->muxer->pb->error, err);
    struct stat st;
    if (!atomic_file_sync(video->file, err) || !check_written(writer, err))
        return false;
    *bytes = fstat(video->io.fd, &st) == 0 ? st.st_size : 0;
    struct atomic_file *file = video->file;
    video->file = NULL;
    return atomic_file_publish(file, err);
}

const struct media_format media_mp4_entry = {
    .name = "mp4",
    .extension = ".mp4",
    .even_size = true,
    .max_side = 8192,
    .open = mp4_open,
    .add = video_add,
    .finish = video_finish,
    .close = video_close,
};

const struct media_format media_webm_entry = {
    .name = "webm",
    .extension = ".webm",
    .even_size = true,
    .max_side = 8192,
    .open = webm_open,
    .add = video_add,
    .finish = video_finish,
    .close = video_close,
};
