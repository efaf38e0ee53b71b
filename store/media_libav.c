/* media_libav: see media_libav.h */
#define _GNU_SOURCE
#include "store/media_libav.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/atomic_file.h"
#include "store/fault.h"

enum { IO_BUFFER_SIZE = 1 << 16 };

static _Thread_local char last_message[256];
static pthread_once_t log_once = PTHREAD_ONCE_INIT;

/* Keeps the last error line; everything milder is dropped. */
static void keep_message(void *object, int level, const char *fmt, va_list ap)
{
    (void)object;
    if (level > AV_LOG_ERROR)
        return;
    char line[sizeof last_message];
    vsnprintf(line, sizeof line, fmt, ap);
    size_t length = strlen(line);
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == ' '))
        line[--length] = '\0';
    if (length > 0)
        memcpy(last_message, line, length + 1);
}

static void install_log(void)
{
    av_log_set_callback(keep_message);
}

void media_libav_begin(void)
{
    pthread_once(&log_once, install_log);
    last_message[0] = '\0';
}

static bool libav_failed(struct dn_error *err, enum dn_code kind, const char *verb,
                         const char *path, int code)
{
    char name[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(code, name, sizeof name);
    if (last_message[0])
        return dn_fail(err, kind, "cannot %s %s: %s (%s)", verb, path, name, last_message);
    return dn_fail(err, kind, "cannot %s %s: %s", verb, path, name);
}

bool media_read_failed(struct dn_error *err, const char *path, const struct media_io *io, int code)
{
    if (io && io->error)
        return dn_fail(err, DN_E_IO, "cannot read %s: %s", path, strerror(io->error));
    return libav_failed(err, DN_E_FORMAT, "read", path, code);
}

bool media_write_failed(struct dn_error *err, const char *path, const struct media_io *io,
                        int code)
{
    if (io && io->error)
        return atomic_write_failed(err, path, io->fd, io->error);
    return libav_failed(err, DN_E_BACKEND, "write", path, code);
}

void *media_must(void *pointer)
{
    if (!pointer) {
        fputs("danaus: out of memory\n", stderr);
        abort();
    }
    return pointer;
}

static int io_read(void *opaque, uint8_t *buffer, int size)
{
    struct media_io *io = opaque;
    for (;;) {
        ssize_t n = pread(io->fd, buffer, (size_t)size, io->position);
        if (n > 0) {
            io->position += n;
            return (int)n;
        }
        if (n == 0)
            return AVERROR_EOF;
        if (errno == EINTR)
            continue;
        if (!io->error)
            io->error = errno;
        return AVERROR(errno);
    }
}

static int io_write(void *opaque, uint8_t *buffer, int size)
{
    struct media_io *io = opaque;
    int done = 0;
    while (done < size) {
        /* Once failed, always failed: a hole must not be followed by more bytes. */
        if (io->error)
            return AVERROR(io->error);
        ssize_t n = fault_pwrite(io->fd, buffer + done, (size_t)(size - done), io->position);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            io->error = n == 0 ? ENOSPC : errno;
            continue;
        }
        io->position += n;
        done += (int)n;
    }
    return size;
}

static int64_t io_seek(void *opaque, int64_t offset, int whence)
{
    struct media_io *io = opaque;
    struct stat st;
    if (fstat(io->fd, &st) != 0)
        return AVERROR(errno);
    int64_t target;
    switch (whence & ~AVSEEK_FORCE) {
    case AVSEEK_SIZE:
        return st.st_size;
    case SEEK_SET:
        target = offset;
        break;
    case SEEK_CUR:
        target = io->position + offset;
        break;
    case SEEK_END:
        target = st.st_size + offset;
        break;
    default:
        return AVERROR(EINVAL);
    }
    if (target < 0)
        return AVERROR(EINVAL);
    io->position = target;
    return target;
}

AVIOContext *media_io_new(struct media_io *io, bool writing)
{
    uint8_t *buffer = media_must(av_malloc(IO_BUFFER_SIZE));
    return media_must(avio_alloc_context(buffer, IO_BUFFER_SIZE, writing, io, io_read,
                                         writing ? io_write : NULL, io_seek));
}

void media_io_free(AVIOContext **pb)
{
    if (!*pb)
        return;
    av_freep(&(*pb)->buffer);
    avio_context_free(pb);
}

/* The muxer reopens its own output to shift it; any other wish is refused. */
static int reopen_output(AVFormatContext *s, AVIOContext **pb, const char *url, int flags,
                         AVDictionary **options)
{
    (void)url;
    (void)options;
    if (flags & AVIO_FLAG_WRITE)
        return AVERROR(EPERM);
    const struct media_io *writer = s->opaque;
    struct media_io *reader = media_must(av_mallocz(sizeof *reader));
    reader->fd = writer->fd;
    *pb = media_io_new(reader, false);
    return 0;
}

static int close_output(AVFormatContext *s, AVIOContext *pb)
{
    (void)s;
    struct media_io *reader = pb->opaque;
    media_io_free(&pb);
    av_free(reader);
    return 0;
}

AVFormatContext *media_muxer_new(const char *muxer, struct media_io *io)
{
    AVFormatContext *s = NULL;
    avformat_alloc_output_context2(&s, NULL, muxer, NULL);
    if (!s)
        return NULL;
    s->url = media_must(av_strdup("output"));
    s->pb = media_io_new(io, true);
    s->opaque = io;
    s->io_open = reopen_output;
    s->io_close2 = close_output;
    s->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
    return s;
}

void media_muxer_free(AVFormatContext **muxer)
{
    if (!*muxer)
        return;
    media_io_free(&(*muxer)->pb);
    avformat_free_context(*muxer);
    *muxer = NULL;
}

AVFrame *media_frame_new(enum AVPixelFormat format, int width, int height)
{
    AVFrame *frame = media_must(av_frame_alloc());
    frame->format = format;
    frame->width = width;
    frame->height = height;
    if (av_frame_get_buffer(frame, 0) != 0)
        media_must(NULL);
    return frame;
}
