/* media_reader: see media_reader.h */
#define _GNU_SOURCE
#include "store/media_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* No playlists, scripts, devices or raw formats: nothing that names other files, nothing that
 * takes any bytes for a picture. */
static const char demuxers[] = "mov,matroska,avi,gif,apng,png_pipe,jpeg_pipe,webp_pipe,bmp_pipe";

/* Decoder for each codec we read, by name: never a hardware one that happens to be there. */
static const struct {
    enum AVCodecID id;
    const char *decoder;
} decoders[] = {
    {AV_CODEC_ID_H264, "h264"},   {AV_CODEC_ID_HEVC, "hevc"},     {AV_CODEC_ID_VP8, "vp8"},
    {AV_CODEC_ID_VP9, "vp9"},     {AV_CODEC_ID_AV1, "libdav1d"},  {AV_CODEC_ID_MPEG4, "mpeg4"},
    {AV_CODEC_ID_MJPEG, "mjpeg"}, {AV_CODEC_ID_PRORES, "prores"}, {AV_CODEC_ID_FFV1, "ffv1"},
    {AV_CODEC_ID_GIF, "gif"},     {AV_CODEC_ID_PNG, "png"},       {AV_CODEC_ID_APNG, "apng"},
    {AV_CODEC_ID_WEBP, "webp"},   {AV_CODEC_ID_BMP, "bmp"},
    {AV_CODEC_ID_RAWVIDEO, "rawvideo"},
};
static const char decoder_names[] = "h264,hevc,vp8,vp9,libdav1d,mpeg4,mjpeg,prores,ffv1,gif,png,"
                                    "apng,webp,bmp,rawvideo";

int media_open_file(const char *path, struct dn_error *err)
{
    /* O_NONBLOCK: a FIFO must not make us wait. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        dn_fail(err, DN_E_IO, "cannot read %s: %s", path, strerror(errno));
        return -1;
    }
    struct stat st;
    if (fstat(fd, &st) != 0)
        dn_fail(err, DN_E_IO, "cannot read %s: %s", path, strerror(errno));
    else if (S_ISDIR(st.st_mode))
        dn_fail(err, DN_E_ARG, "cannot read %s: it is a directory", path);
    else if (!S_ISREG(st.st_mode))
        dn_fail(err, DN_E_ARG, "cannot read %s: it is no ordinary file", path);
    else if (st.st_size == 0)
        dn_fail(err, DN_E_FORMAT, "cannot read %s: it is empty", path);
    else
        return fd;
    close(fd);
    return -1;
}

static int refuse_open(AVFormatContext *s, AVIOContext **pb, const char *url, int flags,
                       AVDictionary **options)
{
    (void)s;
    (void)pb;
    (void)url;
    (void)flags;
    (void)options;
    return AVERROR(EPERM);
}

static bool fail(const struct media_reader *reader, int code, struct dn_error *err)
{
    return media_read_failed(err, reader->path, &reader->io, code);
}

static const AVCodec *find_decoder(enum AVCodecID id)
{
    for (size_t i = 0; i < sizeof decoders / sizeof decoders[0]; i++)
        if (decoders[i].id == id)
            return avcodec_find_decoder_by_name(decoders[i].decoder);
    return NULL;
}

static bool check_size(const struct media_reader *reader, int width, int height,
                       struct dn_error *err)
{
    if (width < 1 || height < 1 || width > MEDIA_MAX_SIDE || height > MEDIA_MAX_SIDE ||
        (int64_t)width * height > MEDIA_MAX_PIXELS)
        return dn_fail(err, DN_E_FORMAT, "cannot read %s: its size %dx%d is over the limit of %d "
                       "a side", reader->path, width, height, MEDIA_MAX_SIDE);
    return true;
}

/* Looks into the first packets for what the header does not tell; big pictures are not decoded. */
static int find_stream_info(AVFormatContext *demuxer)
{
    unsigned count = demuxer->nb_streams;
    AVDictionary **options = media_must(av_calloc(count ? count : 1, sizeof *options));
    for (unsigned i = 0; i < count; i++)
        av_dict_set_int(&options[i], "max_pixels", MEDIA_MAX_PIXELS, 0);
    int code = avformat_find_stream_info(demuxer, options);
    for (unsigned i = 0; i < count; i++)
        av_dict_free(&options[i]);
    av_free(options);
    return code;
}

static bool open_demuxer(struct media_reader *reader, struct dn_error *err)
{
    AVFormatContext *s = reader->demuxer = media_must(avformat_alloc_context());
    reader->pb = s->pb = media_io_new(&reader->io, false);
    s->io_open = refuse_open;
    s->flags |= AVFMT_FLAG_CUSTOM_IO;
    s->error_recognition |= AV_EF_EXPLODE;
    s->max_streams = 64;
    s->protocol_whitelist = media_must(av_strdup("file"));
    s->format_whitelist = media_must(av_strdup(demuxers));
    s->codec_whitelist = media_must(av_strdup(decoder_names));
    /* Frees s and sets the pointer to NULL when it fails. No name: the content decides. */
    int code = avformat_open_input(&reader->demuxer, "", NULL, NULL);
    if (code < 0) {
        if (reader->io.error)
            return fail(reader, code, err);
        dn_fail(err, DN_E_FORMAT, "cannot read %s: it is no image or video that we know",
                reader->path);
        return dn_error_hint(err, "use mp4, mov, webm, mkv, avi, gif, png, jpeg, webp, bmp");
    }
    code = find_stream_info(reader->demuxer);
    if (code < 0)
        return fail(reader, code, err);
    int index = av_find_best_stream(reader->demuxer, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (index < 0)
        return dn_fail(err, DN_E_FORMAT, "cannot read %s: it holds no pictures", reader->path);
    reader->stream = reader->demuxer->streams[index];
    reader->still = strstr(reader->demuxer->iformat->name, "_pipe") != NULL;
    for (unsigned i = 0; i < reader->demuxer->nb_streams; i++)
        if ((int)i != index)
            reader->demuxer->streams[i]->discard = AVDISCARD_ALL;
    return true;
}

/* An index (mp4, avi) that points behind the file's end tells that the file is cut off; reading
 * would just end early. */
static bool check_index(const struct media_reader *reader, struct dn_error *err)
{
    int64_t size = avio_size(reader->pb);
    int count = avformat_index_get_entries_count(reader->stream);
    for (int i = 0; i < count; i++) {
        const AVIndexEntry *e = avformat_index_get_entry(reader->stream, i);
        if (e->pos >= size || e->size > size - e->pos)
            return dn_fail(err, DN_E_FORMAT, "cannot read %s: it is cut off after %d of %d frames",
                           reader->path, i, count);
    }
    return true;
}

static bool open_decoder(struct media_reader *reader, struct dn_error *err)
{
    const AVCodecParameters *parameters = reader->stream->codecpar;
    if (!check_size(reader, parameters->width, parameters->height, err))
        return false;
    const AVCodec *codec = find_decoder(parameters->codec_id);
    if (!codec)
        return dn_fail(err, DN_E_UNSUPPORTED, "cannot read %s: its codec %s is not among those "
                       "we read", reader->path, avcodec_get_name(parameters->codec_id));
    reader->decoder = media_must(avcodec_alloc_context3(codec));
    int code = avcodec_parameters_to_context(reader->decoder, parameters);
    reader->decoder->thread_count = 1;
    reader->decoder->max_pixels = MEDIA_MAX_PIXELS;
    reader->decoder->err_recognition |= AV_EF_EXPLODE;
    reader->decoder->pkt_timebase = reader->stream->time_base;
    if (code >= 0)
        code = avcodec_open2(reader->decoder, codec, NULL);
    return code >= 0 || fail(reader, code, err);
}

bool media_reader_open(struct media_reader *reader, int fd, const char *path,
                       struct dn_error *err)
{
    media_libav_begin();
    *reader = (struct media_reader){.path = path, .io = {.fd = fd}};
    reader->packet = media_must(av_packet_alloc());
    if (open_demuxer(reader, err) && check_index(reader, err) && open_decoder(reader, err))
        return true;
    media_reader_close(reader);
    return false;
}

/* Gives the decoder its next packet, or the end. */
static bool feed(struct media_reader *reader, struct dn_error *err)
{
    int code;
    do {
        av_packet_unref(reader->packet);
        code = av_read_frame(reader->demuxer, reader->packet);
    } while (code >= 0 && reader->packet->stream_index != reader->stream->index);
    if (code == AVERROR_EOF && !reader->io.error) {
        reader->ended = true;
        code = avcodec_send_packet(reader->decoder, NULL);
    } else if (code >= 0 && (reader->packet->flags & AV_PKT_FLAG_CORRUPT)) {
        return dn_fail(err, DN_E_FORMAT, "cannot read %s: it is damaged or cut off after %d "
                       "frames", reader->path, (int)reader->frames);
    } else if (code >= 0) {
        code = avcodec_send_packet(reader->decoder, reader->packet);
    }
    av_packet_unref(reader->packet);
    return code >= 0 || fail(reader, code, err);
}

bool media_reader_next(struct media_reader *reader, AVFrame *frame, bool *end,
                       struct dn_error *err)
{
    *end = false;
    for (;;) {
        int code = avcodec_receive_frame(reader->decoder, frame);
        if (code == AVERROR(EAGAIN) && !reader->ended) {
            if (!feed(reader, err))
                return false;
            continue;
        }
        if (code == AVERROR_EOF || code == AVERROR(EAGAIN)) {
            *end = true;
            return true;
        }
        if (code < 0)
            return fail(reader, code, err);
        if (frame->decode_error_flags || (frame->flags & AV_FRAME_FLAG_CORRUPT))
            return dn_fail(err, DN_E_FORMAT, "cannot read %s: frame %d is damaged", reader->path,
                           (int)reader->frames + 1);
        if (!check_size(reader, frame->width, frame->height, err))
            return false;
        reader->frames++;
        return true;
    }
}

void media_reader_close(struct media_reader *reader)
{
    avcodec_free_context(&reader->decoder);
    avformat_close_input(&reader->demuxer);
    media_io_free(&reader->pb);
    av_packet_free(&reader->packet);
}
