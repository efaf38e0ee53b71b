/* png_picture: see png_picture.h. Pixels by libavcodec; text chunks are put in and taken out here,
 * libav knows none when it writes. */
#include "store/png_picture.h"

#include <libavutil/crc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/atomic_file.h"
#include "store/media_libav.h"

/* SIGNATURE, and the chunk IHDR behind it: texts may follow. CHUNK: length, type and CRC of one. */
enum { SIGNATURE = 8, HEADER = SIGNATURE + 25, CHUNK = 12, MAX_CHUNKS = 1000 };
static const char keyword_recipe[] = "Comment", keyword_prompt[] = "parameters";

struct png_encoder {
    char *path;
    AVCodecContext *codec;
    AVFrame *frame;
    AVPacket *packet;
};

bool png_encoder_open(const char *path, int width, int height, struct png_encoder **out,
                      struct dn_error *err)
{
    media_libav_begin();
    const AVCodec *codec = avcodec_find_encoder_by_name("png");
    if (!codec)
        return dn_fail(err, DN_E_UNSUPPORTED, "cannot write to %s: libavcodec has no png", path);
    struct png_encoder *e = *out = dn_calloc(1, sizeof *e);
    e->path = dn_strdup(path);
    e->packet = media_must(av_packet_alloc());
    e->frame = media_frame_new(AV_PIX_FMT_RGB24, width, height);
    e->frame->pts = 0;
    e->codec = media_must(avcodec_alloc_context3(codec));
    e->codec->width = width;
    e->codec->height = height;
    e->codec->pix_fmt = AV_PIX_FMT_RGB24;
    e->codec->time_base = (AVRational){1, 16};
    e->codec->thread_count = 1;
    e->codec->compression_level = 3;
    e->codec->flags |= AV_CODEC_FLAG_BITEXACT;
    int code = avcodec_open2(e->codec, codec, NULL);
    if (code >= 0)
        return true;
    media_write_failed(err, path, NULL, code);
    png_encoder_close(e);
    *out = NULL;
    return false;
}

void png_encoder_close(struct png_encoder *e)
{
    if (!e)
        return;
    avcodec_free_context(&e->codec);
    av_frame_free(&e->frame);
    av_packet_free(&e->packet);
    free(e->path);
    free(e);
}

/* --- texts --- */

static void append_u32(struct strbuf *s, uint32_t value)
{
    const uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                              (uint8_t)value};
    strbuf_append(s, bytes, 4);
}

/* A text chunk: tEXt when text is ASCII, else iTXt (uncompressed, no language), which is UTF-8. PNG
 * specification 1.2, 4.2.3. */
static void append_text_chunk(struct strbuf *s, const char *keyword, const char *text)
{
    bool ascii = true;
    for (const char *p = text; *p; p++)
        ascii = ascii && (unsigned char)*p < 0x80;
    struct strbuf body = {0};
    strbuf_append_text(&body, ascii ? "tEXt" : "iTXt");
    strbuf_append(&body, keyword, strlen(keyword) + 1);
    if (!ascii)
        strbuf_append(&body, "\0\0\0\0", 4);
    strbuf_append_text(&body, text);
    append_u32(s, (uint32_t)(body.length - 4));
    strbuf_append(s, body.data, body.length);
    uint32_t crc = av_crc(av_crc_get_table(AV_CRC_32_IEEE_LE), 0xFFFFFFFFu,
                          (const uint8_t *)body.data, body.length) ^
                   0xFFFFFFFFu;
    append_u32(s, crc);
    strbuf_done(&body);
}

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The text in a chunk's body, its own string; NULL: another keyword, or not as we write it. */
static char *text_of(const char *type, const char *body, size_t size)
{
    size_t start = sizeof keyword_recipe + (memcmp(type, "iTXt", 4) == 0 ? 4 : 0);
    bool ours = size > start && memcmp(body, keyword_recipe, sizeof keyword_recipe) == 0;
    if (ours && memcmp(type, "iTXt", 4) == 0)
        ours = memcmp(body + sizeof keyword_recipe, "\0\0\0\0", 4) == 0;
    return ours && !memchr(body + start, 0, size - start) ? dn_strndup(body + start, size - start)
                                                          : NULL;
}

void png_read_recipe(int fd, size_t max, char **text)
{
    static const uint8_t signature[SIGNATURE] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    uint8_t head[SIGNATURE];
    off_t at = SIGNATURE;
    *text = NULL;
    if (pread(fd, head, SIGNATURE, 0) != SIGNATURE || memcmp(head, signature, SIGNATURE) != 0)
        return;
    for (int i = 0; i < MAX_CHUNKS && !*text; i++) {
        if (pread(fd, head, 8, at) != 8 || memcmp(head + 4, "IDAT", 4) == 0)
            return;
        const char *type = (const char *)head + 4;
        size_t size = read_u32(head);
        bool candidate = memcmp(type, "tEXt", 4) == 0 || memcmp(type, "iTXt", 4) == 0;
        if (candidate && size <= max + sizeof keyword_recipe + 4) {
            char *body = dn_malloc(size + 1);
            if (pread(fd, body, size, at + 8) == (ssize_t)size)
                *text = text_of(type, body, size);
            free(body);
        }
        at += (off_t)size + CHUNK;
    }
}

/* --- pictures --- */

bool png_encode(struct png_encoder *e, const uint8_t *rgb24, const struct png_texts *texts,
                struct strbuf *out, struct dn_error *err)
{
    media_libav_begin();
    int64_t pitch = (int64_t)e->codec->width * 3;
    for (int64_t y = 0; y < e->codec->height; y++)
        memcpy(e->frame->data[0] + y * e->frame->linesize[0], rgb24 + y * pitch, (size_t)pitch);
    e->frame->pts++;
    int code = avcodec_send_frame(e->codec, e->frame);
    if (code >= 0)
        code = avcodec_receive_packet(e->codec, e->packet);
    if (code < 0)
        return media_write_failed(err, e->path, NULL, code);
    strbuf_append(out, e->packet->data, HEADER);
    if (texts->parameters)
        append_text_chunk(out, keyword_prompt, texts->parameters);
    if (texts->recipe)
        append_text_chunk(out, keyword_recipe, texts->recipe);
    strbuf_append(out, e->packet->data + HEADER, (size_t)e->packet->size - HEADER);
    av_packet_unref(e->packet);
    return true;
}

bool png_write(const char *path, const uint8_t *rgb24, int width, int height,
               const struct png_texts *texts, struct dn_error *err)
{
    struct png_encoder *encoder = NULL;
    struct strbuf bytes = {0};
    bool ok = png_encoder_open(path, width, height, &encoder, err) &&
              png_encode(encoder, rgb24, texts, &bytes, err) &&
              atomic_file_write(path, bytes.data, bytes.length, false, err);
    png_encoder_close(encoder);
    strbuf_done(&bytes);
    return ok;
}
