/* media_video: what an encoder and a muxer of libav write: mp4, webm, mov, apng, webp; one encoder
 * thread unless asked for more. */
#include <errno.h>
#include <inttypes.h>
#include <libavutil/opt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/atomic_file.h"
#include "store/media_beside.h"
#include "store/media_color.h"
#include "store/media_format.h"
#include "store/media_libav.h"
#include "store/media_probe.h"

enum { SETTINGS = 6 };
struct setting {
    const char *name, *value;
};

struct kind {
    const char *muxer, *encoder;
    enum AVPixelFormat pixels;
    const char *quality; /* the encoder's option for a rate factor, or NULL */
    int default_crf;
    const char *plays; /* the muxer's option for how often it plays; NULL = a video */
    struct setting encoder_settings[SETTINGS], muxer_settings[SETTINGS];
    /* NULL = read back as a stranger would */
    bool (*check)(const struct media_writer *writer, struct dn_error *err);
};

static bool check_webp(const struct media_writer *writer, struct dn_error *err);

static const struct kind mp4_kind = {
    .muxer = "mp4",
    .encoder = "libx264",
    .pixels = AV_PIX_FMT_YUV420P,
    .quality = "crf",
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
    .pixels = AV_PIX_FMT_YUV420P,
    .quality = "crf",
    .default_crf = 24,
    .encoder_settings = {{"deadline", "realtime"}, {"cpu-used", "6"}, {"row-mt", "0"}},
};

/* 422 HQ, for editing */
static const struct kind mov_kind = {
    .muxer = "mov",
    .encoder = "prores_ks",
    .pixels = AV_PIX_FMT_YUV422P10,
    .encoder_settings = {{"profile", "hq"}, {"vendor", "apl0"}},
    .muxer_settings = {{"movflags", "+faststart"}},
};

static const struct kind apng_kind = {
    .muxer = "apng", .encoder = "apng", .pixels = AV_PIX_FMT_RGB24, .plays = "plays"};

/* lossless=0: pictures as in a photograph */
static const struct kind webp_kind = {.muxer = "webp",
                                      .encoder = "libwebp_anim",
                                      .pixels = AV_PIX_FMT_YUV420P,
                                      .quality = "quality",
                                      .default_crf = 13,
                                      .plays = "loop",
                                      .encoder_settings = {{"lossless", "0"}},
                                      .check = check_webp};

struct video {
    const struct kind *kind;
    struct atomic_file *file;
    struct media_beside beside;
    struct media_io io;
    AVFormatContext *muxer;
    AVCodecContext *encoder;
    AVStream *stream; /* the muxer's */
    AVFrame *frame;
    AVPacket *packet;
    uint16_t *rgb48; /* a frame, where there are 10 bits */
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

/* A rate factor, or, where 100 is best, what is about the same. */
static int set_quality(const struct media_writer *writer)
{
    const struct video *video = writer->state;
    const struct kind *kind = video->kind;
    int crf = writer->options.quality ? writer->options.quality : kind->default_crf;
    double value = strcmp(kind->quality, "crf") == 0 ? crf : 100 - crf * 1.5;
    return av_opt_set_double(video->encoder, kind->quality, value, AV_OPT_SEARCH_CHILDREN);
}

static bool open_encoder(struct media_writer *writer, struct dn_error *err)
{
    struct video *video = writer->state;
    const struct kind *kind = video->kind;
    const struct media_options *o = &writer->options;
    const AVCodec *codec = avcodec_find_encoder_by_name(kind->encoder);
    if (!codec)
        return dn_fail(err, DN_E_UNSUPPORTED, "cannot write %s: libavcodec has no %s",
                       writer->path, kind->encoder);
    AVCodecContext *encoder = video->encoder = media_must(avcodec_alloc_context3(codec));
    encoder->width = o->width;
    encoder->height = o->height;
    encoder->pix_fmt = kind->pixels;
    encoder->time_base = (AVRational){o->fps_den, o->fps_num};
    encoder->framerate = (AVRational){o->fps_num, o->fps_den};
    encoder->sample_aspect_ratio = (AVRational){1, 1};
    if (kind->pixels != AV_PIX_FMT_RGB24) {
        encoder->color_range = AVCOL_RANGE_MPEG;
        encoder->colorspace = AVCOL_SPC_BT709;
        encoder->color_primaries = AVCOL_PRI_BT709;
        encoder->color_trc = AVCOL_TRC_BT709;
        encoder->chroma_sample_location = AVCHROMA_LOC_LEFT;
    }
    encoder->thread_count = o->threads;
    encoder->gop_size = 64; /* seeking in a player stays quick */
    encoder->bit_rate = 0;
    encoder->flags |= AV_CODEC_FLAG_BITEXACT;
    if (video->muxer->oformat->flags & AVFMT_GLOBALHEADER)
        encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    int code = kind->quality ? set_quality(writer) : 0;
    if (code < 0 || !apply(encoder, kind->encoder_settings, SETTINGS))
        return dn_fail(err, DN_E_UNSUPPORTED, "cannot write %s: %s here lacks a setting we need",
                       writer->path, kind->encoder);
    code = avcodec_open2(encoder, codec, NULL);
    return code == 0 || fail(writer, code, err);
}

static bool open_muxer(struct media_writer *writer, struct dn_error *err)
{
    struct video *video = writer->state;
    const struct kind *kind = video->kind;
    const struct media_options *o = &writer->options;
    video->stream = media_must(avformat_new_stream(video->muxer, NULL));
    video->stream->time_base = video->encoder->time_base;
    video->stream->avg_frame_rate = video->encoder->framerate;
    int code = avcodec_parameters_from_context(video->stream->codecpar, video->encoder);
    if (code < 0)
        return fail(writer, code, err);
    /* `comment` survives a copy into another container, keys of our own do not. */
    if (o->recipe_json && !kind->plays)
        av_dict_set(&video->muxer->metadata, "comment", o->recipe_json, 0);
    if (o->title && !kind->plays)
        av_dict_set(&video->muxer->metadata, "title", o->title, 0);
    if (!apply(video->muxer, kind->muxer_settings, SETTINGS) ||
        (kind->plays &&
         av_opt_set_int(video->muxer, kind->plays, o->plays, AV_OPT_SEARCH_CHILDREN) < 0))
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
    media_beside_close(&video->beside);
    free(video->rgb48);
    free(video);
    writer->state = NULL;
}

static bool video_open(struct media_writer *writer, const struct kind *kind, struct dn_error *err)
{
    media_libav_begin();
    struct video *video = writer->state = dn_calloc(1, sizeof *video);
    video->kind = kind;
    if (!atomic_file_open(writer->path, writer->options.force, &video->file, err))
        goto fail;
    video->io.fd = atomic_file_fd(video->file);
    if (kind->plays && !media_beside_open(&video->beside, writer, err))
        goto fail;
    video->packet = media_must(av_packet_alloc());
    video->frame = media_frame_new(kind->pixels, writer->options.width, writer->options.height);
    if (kind->pixels != AV_PIX_FMT_RGB24) { /* prores_ks believes the frames */
        video->frame->color_range = AVCOL_RANGE_MPEG;
        video->frame->colorspace = AVCOL_SPC_BT709;
        video->frame->color_primaries = AVCOL_PRI_BT709;
        video->frame->color_trc = AVCOL_TRC_BT709;
    }
    video->muxer = media_muxer_new(kind->muxer, &video->io);
    if (!video->muxer) {
        dn_fail(err, DN_E_UNSUPPORTED, "cannot write %s: libavformat has no %s", writer->path,
                kind->muxer);
        goto fail;
    }
    if (!open_encoder(writer, err) || !open_muxer(writer, err))
        goto fail;
    return true;
fail:
    video_close(writer);
    return false;
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

static int64_t frame_values(const struct media_writer *writer)
{
    return (int64_t)writer->options.width * writer->options.height * 3;
}

static void fill_rgb24(AVFrame *frame, const uint8_t *rgb24)
{
    size_t row = (size_t)frame->width * 3;
    for (int y = 0; y < frame->height; y++)
        memcpy(frame->data[0] + (int64_t)y * frame->linesize[0], rgb24 + (size_t)y * row, row);
}

/* The frame that the encoder takes, free to be written to. */
static AVFrame *next_frame(struct media_writer *writer)
{
    media_libav_begin();
    struct video *video = writer->state;
    if (av_frame_make_writable(video->frame) < 0)
        media_must(NULL);
    video->frame->pts = writer->frames;
    return video->frame;
}

static bool video_add(struct media_writer *writer, const uint8_t *rgb24, struct dn_error *err)
{
    AVFrame *frame = next_frame(writer);
    if (frame->format == AV_PIX_FMT_RGB24)
        fill_rgb24(frame, rgb24);
    else
        media_rgb_to_yuv420(frame->data, frame->linesize, rgb24, frame->width, frame->height);
    return encode(writer, frame, err);
}

static bool add_rgb48(struct media_writer *writer, struct dn_error *err)
{
    const struct video *video = writer->state;
    AVFrame *frame = next_frame(writer);
    media_rgb48_to_yuv422p10(frame->data, frame->linesize, video->rgb48, frame->width,
                             frame->height);
    return encode(writer, frame, err);
}

static bool mov_add(struct media_writer *writer, const uint8_t *rgb24, struct dn_error *err)
{
    const struct video *video = writer->state;
    for (int64_t i = 0; i < frame_values(writer); i++)
        video->rgb48[i] = (uint16_t)(rgb24[i] * 257);
    return add_rgb48(writer, err);
}

static bool mov_add_float(struct media_writer *writer, const float *values, struct dn_error *err)
{
    const struct video *video = writer->state;
    for (int64_t i = 0; i < frame_values(writer); i++)
        video->rgb48[i] =
            (uint16_t)lrintf(fminf(1, fmaxf(-1, values[i])) * 32767.5f + 32767.5f);
    return add_rgb48(writer, err);
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
    const char *want = o->recipe_json && !video->kind->plays ? o->recipe_json : "";
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

static uint32_t little_endian(const uint8_t *p, int bytes)
{
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint32_t)p[i] << 8 * i;
    return value;
}

static bool check_still(const struct media_writer *writer, struct dn_error *err)
{
    const struct video *video = writer->state;
    struct media_info info;
    if (!media_probe_fd(video->io.fd, writer->path, &info, NULL, err))
        return dn_error_while(err, "checking what was written");
    return (info.width == writer->options.width && info.height == writer->options.height) ||
           dn_fail(err, DN_E_IO, "cannot write %s: its size changed when read back", writer->path);
}

/* libavformat writes animated webp but does not read it. Equal frames may have become one that is
 * shown longer, so the time of all is counted, in ms. Each chunk's name and size, the canvas less 1
 * in VP8X from byte 4, a frame's time in ANMF from byte 12 (WebP Container Specification). */
static bool check_webp(const struct media_writer *writer, struct dn_error *err)
{
    const struct video *video = writer->state;
    const struct media_options *o = &writer->options;
    struct stat st;
    uint8_t head[8 + 16];
    double shown_ms = 0, want_ms = 1000.0 * (double)writer->frames * o->fps_den / o->fps_num;
    bool sized = false;
    int64_t at = 12, size = fstat(video->io.fd, &st) == 0 ? st.st_size : 0;
    while (at + 8 <= size && pread(video->io.fd, head, sizeof head, at) >= 8) {
        if (memcmp(head, "VP8X", 4) == 0)
            sized = little_endian(head + 12, 3) + 1 == (uint32_t)o->width &&
                    little_endian(head + 15, 3) + 1 == (uint32_t)o->height;
        else if (memcmp(head, "ANMF", 4) == 0)
            shown_ms += little_endian(head + 20, 3);
        at += 8 + ((int64_t)little_endian(head + 4, 4) + 1) / 2 * 2;
    }
    if (at == size && shown_ms == 0 && !sized) /* frames that are all equal: a still */
        return check_still(writer, err);
    if (at == size && sized && fabs(shown_ms - want_ms) <= 2 * (double)writer->frames + 1)
        return true;
    return dn_fail(err, DN_E_IO, "cannot write %s: it plays %.0f of %.0f ms when read back",
                   writer->path, shown_ms, want_ms);
}

static bool finish_muxer(struct media_writer *writer, struct dn_error *err)
{
    struct video *video = writer->state;
    if (!encode(writer, NULL, err))
        return false;
    int code = av_write_trailer(video->muxer);
    avio_flush(video->muxer->pb);
    return (code >= 0 && !video->io.error && !video->muxer->pb->error) ||
           fail(writer, code < 0 ? code : video->muxer->pb->error, err);
}

static bool video_finish(struct media_writer *writer, int64_t *bytes, struct dn_error *err)
{
    media_libav_begin();
    struct video *video = writer->state;
    bool (*check)(const struct media_writer *, struct dn_error *) =
        video->kind->check ? video->kind->check : check_written;
    struct stat st;
    if (!media_beside_write(&video->beside, writer, err) || !finish_muxer(writer, err) ||
        !atomic_file_sync(video->file, err) || !check(writer, err))
        return false;
    *bytes = fstat(video->io.fd, &st) == 0 ? st.st_size : 0;
    struct atomic_file *file = video->file;
    video->file = NULL;
    return media_beside_publish(&video->beside, writer, file, err);
}

static bool mp4_open(struct media_writer *writer, struct dn_error *err)
{
    return video_open(writer, &mp4_kind, err);
}

static bool webm_open(struct media_writer *writer, struct dn_error *err)
{
    return video_open(writer, &webm_kind, err);
}

static bool apng_open(struct media_writer *writer, struct dn_error *err)
{
    return video_open(writer, &apng_kind, err);
}

static bool webp_open(struct media_writer *writer, struct dn_error *err)
{
    return video_open(writer, &webp_kind, err);
}

/* A comment has 16 bits for its length there. */
static bool mov_open(struct media_writer *writer, struct dn_error *err)
{
    const char *recipe = writer->options.recipe_json;
    if (recipe && strlen(recipe) > UINT16_MAX)
        return dn_fail(err, DN_E_ARG, "cannot write %s: a mov holds a recipe of %d bytes at most, "
                       "not %zu", writer->path, UINT16_MAX, strlen(recipe));
    if (!video_open(writer, &mov_kind, err))
        return false;
    struct video *video = writer->state;
    video->rgb48 = dn_malloc(dn_mul_or_abort((size_t)frame_values(writer), sizeof *video->rgb48));
    return true;
}

#define ENTRY(NAME, EVEN, SIDE)                                                                    \
    const struct media_format media_##NAME##_entry = {.name = #NAME,                               \
                                                      .extension = "." #NAME,                      \
                                                      .even_size = EVEN,                           \
                                                      .max_side = SIDE,                            \
                                                      .open = NAME##_open,                         \
                                                      .add = video_add,                            \
                                                      .finish = video_finish,                      \
                                                      .close = video_close}
ENTRY(mp4, true, 8192);
ENTRY(webm, true, 8192);
ENTRY(apng, false, 16384);
ENTRY(webp, true, 16383);

const struct media_format media_mov_entry = {
    .name = "mov",
    .extension = ".mov",
    .even_size = true,
    .max_side = 8192,
    .open = mov_open,
    .add = mov_add,
    .add_float = mov_add_float,
    .finish = video_finish,
    .close = video_close,
};
