/* thumbnail: see thumbnail.h */
#include "store/thumbnail.h"

#include <libavcodec/avcodec.h>
#include <libavutil/mathematics.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/atomic_file.h"
#include "store/media_import.h"
#include "store/media_libav.h"
#include "store/media_probe.h"

enum { QUALITY = 4, MAX_SIDE = 16384, ENOUGH_FRAMES = 300 };
enum { SCALER = SWS_AREA | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_BITEXACT };

struct picture {
    int width, height;
    uint8_t *rgb; /* [height, width, 3] */
};

static struct picture picture_new(int width, int height)
{
    size_t bytes = dn_mul_or_abort(dn_mul_or_abort((size_t)width, (size_t)height), 3);
    return (struct picture){width, height, dn_calloc(bytes, 1)};
}

static bool no_scaler(struct dn_error *err)
{
    return dn_fail(err, DN_E_BACKEND, "libswscale cannot scale pictures");
}

/* Source rgb [height, width, 3] into the columns from x on of to; width px of them. */
static bool scale_into(const uint8_t *rgb, int width, int height, struct picture *to, int x,
                       int to_width, struct dn_error *err)
{
    struct SwsContext *scaler = sws_getContext(width, height, AV_PIX_FMT_RGB24, to_width,
                                               to->height, AV_PIX_FMT_RGB24, SCALER, NULL, NULL,
                                               NULL);
    if (!scaler)
        return no_scaler(err);
    /* libswscale writes whole vectors: past a row's end, into the neighbour of a strip. So each
     * picture is scaled by itself and copied. */
    AVFrame *out = media_frame_new(AV_PIX_FMT_RGB24, to_width, to->height);
    const uint8_t *const from[1] = {rgb};
    const int from_stride[1] = {width * 3};
    bool ok = sws_scale(scaler, from, from_stride, 0, height, out->data, out->linesize) ==
              to->height;
    for (int64_t y = 0; ok && y < to->height; y++)
        memcpy(to->rgb + (y * to->width + x) * 3, out->data[0] + y * out->linesize[0],
               (size_t)to_width * 3);
    av_frame_free(&out);
    sws_freeContext(scaler);
    return ok || no_scaler(err);
}

/* The size that keeps the shape and is at most max_px on the long side; never larger. */
static void fit(int width, int height, int max_px, int *to_width, int *to_height)
{
    int longer = width > height ? width : height;
    if (longer <= max_px) {
        *to_width = width;
        *to_height = height;
        return;
    }
    *to_width = (int)(((int64_t)width * max_px + longer / 2) / longer);
    *to_height = (int)(((int64_t)height * max_px + longer / 2) / longer);
    *to_width += *to_width == 0;
    *to_height += *to_height == 0;
}

/* rgb to the full-range 4:2:0 that JPEG files hold. */
static bool convert(const struct picture *picture, AVFrame *frame, struct dn_error *err)
{
    struct SwsContext *scaler =
        sws_getContext(picture->width, picture->height, AV_PIX_FMT_RGB24, picture->width,
                       picture->height, AV_PIX_FMT_YUVJ420P, SCALER, NULL, NULL, NULL);
    if (!scaler)
        return no_scaler(err);
    const uint8_t *const from[1] = {picture->rgb};
    const int stride[1] = {picture->width * 3};
    bool ok = sws_scale(scaler, from, stride, 0, picture->height, frame->data, frame->linesize) ==
              picture->height;
    sws_freeContext(scaler);
    return ok || no_scaler(err);
}

static bool encode_failed(int code, struct dn_error *err)
{
    char why[AV_ERROR_MAX_STRING_SIZE];
    av_strerror(code, why, sizeof why);
    return dn_fail(err, DN_E_BACKEND, "libavcodec cannot make a JPEG: %s", why);
}

static bool encode(const struct picture *picture, int quality, AVPacket *packet,
                   struct dn_error *err)
{
    media_libav_begin();
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    if (!codec)
        return dn_fail(err, DN_E_UNSUPPORTED, "libavcodec has no JPEG encoder");
    AVCodecContext *encoder = media_must(avcodec_alloc_context3(codec));
    AVFrame *frame = media_frame_new(AV_PIX_FMT_YUVJ420P, picture->width, picture->height);
    encoder->width = picture->width;
    encoder->height = picture->height;
    encoder->pix_fmt = AV_PIX_FMT_YUVJ420P;
    encoder->color_range = AVCOL_RANGE_JPEG;
    encoder->time_base = (AVRational){1, 25};
    encoder->flags |= AV_CODEC_FLAG_QSCALE | AV_CODEC_FLAG_BITEXACT;
    encoder->global_quality = quality * FF_QP2LAMBDA;
    encoder->thread_count = 1;
    frame->quality = encoder->global_quality;
    frame->pts = 0;
    bool ok = convert(picture, frame, err);
    int code = ok ? avcodec_open2(encoder, codec, NULL) : 0;
    if (ok && code >= 0)
        code = avcodec_send_frame(encoder, frame);
    if (ok && code >= 0)
        code = avcodec_receive_packet(encoder, packet);
    av_frame_free(&frame);
    avcodec_free_context(&encoder);
    return ok && (code >= 0 || encode_failed(code, err));
}

static bool check_size(int width, int height, struct dn_error *err)
{
    return (width >= 1 && height >= 1 && width <= MAX_SIDE && height <= MAX_SIDE) ||
           dn_fail(err, DN_E_ARG, "no thumbnail of a picture of %dx%d", width, height);
}

bool thumbnail_jpeg(const uint8_t *rgb24, int width, int height, int max_px, int quality,
                    uint8_t **jpeg, int64_t *bytes, struct dn_error *err)
{
    int w, h;
    if (!check_size(width, height, err))
        return false;
    fit(width, height, max_px, &w, &h);
    struct picture picture = picture_new(w, h);
    AVPacket *packet = media_must(av_packet_alloc());
    bool ok = scale_into(rgb24, width, height, &picture, 0, w, err) &&
              encode(&picture, quality, packet, err);
    if (ok) {
        *bytes = packet->size;
        *jpeg = dn_malloc((size_t)packet->size);
        memcpy(*jpeg, packet->data, (size_t)packet->size);
    }
    av_packet_free(&packet);
    free(picture.rgb);
    return ok;
}

static bool write_picture(const struct picture *picture, const char *path, struct dn_error *err)
{
    AVPacket *packet = media_must(av_packet_alloc());
    bool ok = encode(picture, QUALITY, packet, err) &&
              atomic_file_write(path, packet->data, (size_t)packet->size, true, err);
    av_packet_free(&packet);
    return ok;
}

static bool write_poster(const uint8_t *rgb24, int64_t frames, int width, int height,
                         const char *path, struct dn_error *err)
{
    int w, h;
    fit(width, height, THUMBNAIL_POSTER_PX, &w, &h);
    struct picture picture = picture_new(w, h);
    const uint8_t *frame = rgb24 + frames / 3 * width * height * 3;
    bool ok = scale_into(frame, width, height, &picture, 0, w, err) &&
              write_picture(&picture, path, err);
    free(picture.rgb);
    return ok;
}

static bool write_strip(const uint8_t *rgb24, int64_t frames, int width, int height,
                        const char *path, struct dn_error *err)
{
    int count = frames < THUMBNAIL_STRIP_FRAMES ? (int)frames : THUMBNAIL_STRIP_FRAMES;
    int w = THUMBNAIL_STRIP_PX, h = (int)((int64_t)height * w / width);
    h = h < 1 ? 1 : h > 4 * w ? 4 * w : h;
    struct picture picture = picture_new(w * count, h);
    bool ok = true;
    for (int i = 0; ok && i < count; i++) {
        int64_t at = (2 * i + 1) * frames / (2 * count); /* the middle of each part */
        ok = scale_into(rgb24 + at * width * height * 3, width, height, &picture, i * w, w, err);
    }
    ok = ok && write_picture(&picture, path, err);
    free(picture.rgb);
    return ok;
}

bool thumbnail_from_frames(const uint8_t *rgb24, int64_t frames, int width, int height,
                           const char *poster, const char *strip, struct dn_error *err)
{
    if (frames < 1)
        return dn_fail(err, DN_E_ARG, "no thumbnail of a clip without frames");
    return check_size(width, height, err) &&
           (!poster || write_poster(rgb24, frames, width, height, poster, err)) &&
           (!strip || write_strip(rgb24, frames, width, height, strip, err));
}

/* Small frames of the video, so many that the thumbnails are told from; of a long one not all. */
static bool read_small(const char *video, struct media_frames **out, struct dn_error *err)
{
    struct media_info info;
    struct media_frames *first;
    struct media_import_options options = {.max_frames = 1};
    if (!media_probe(video, &info, err) || !media_import(video, &options, &first, err))
        return false;
    fit(first->width, first->height, THUMBNAIL_POSTER_PX, &options.width, &options.height);
    media_frames_free(first);
    options.max_frames = 0;
    if (info.frames > 2 * ENOUGH_FRAMES && info.fps_num > 0)
        av_reduce(&options.fps_num, &options.fps_den, (int64_t)info.fps_num * ENOUGH_FRAMES,
                  (int64_t)info.fps_den * info.frames, 1 << 20);
    return media_import(video, &options, out, err);
}

bool thumbnail_from_file(const char *video, const char *poster, const char *strip,
                         struct dn_error *err)
{
    struct media_frames *frames;
    if (!read_small(video, &frames, err))
        return false;
    bool ok = thumbnail_from_frames(frames->rgb24, frames->count, frames->width, frames->height,
                                    poster, strip, err);
    media_frames_free(frames);
    return ok;
}
