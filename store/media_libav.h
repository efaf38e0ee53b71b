/* media_libav: what our media files share when they talk to libav*: its messages caught, its
 * files read and written through descriptors of ours. Only store/media_*.c include this.
 *
 * libav never sees a path: names that look like protocols, patterns or options (`http:`, `%03d`,
 * `-i`) are just names, nothing else can be opened from inside a file, and a failing write
 * is known by its errno. */
#ifndef DANAUS_STORE_MEDIA_LIBAV_H
#define DANAUS_STORE_MEDIA_LIBAV_H

#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavformat/avformat.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Descriptor behind an AVIOContext. Position is kept here (pread, pwrite), so that a reader and
 * a writer may share one descriptor. */
struct media_io {
    int fd; /* borrowed */
    int64_t position;
    int error; /* errno of the first failure, 0 = none */
};

/* From now on libav's messages are kept for media_*_failed() instead of going to the terminal.
 * Called by everything that enters libav; cheap, any thread. */
void media_libav_begin(void);

/* Fills err: "cannot read PATH: why". why is the descriptor's errno (io may be NULL), else libav's
 * name of code and the last thing it complained about in this thread. Returns false. */
bool media_read_failed(struct dn_error *err, const char *path, const struct media_io *io, int code);
/* The same for writing; the errno may be a full disk. */
bool media_write_failed(struct dn_error *err, const char *path, const struct media_io *io,
                        int code);

/* An AVIOContext on io; freed with media_io_free(). Aborts when memory is out. */
AVIOContext *media_io_new(struct media_io *io, bool writing);
void media_io_free(AVIOContext **pb);

/* Out of memory ends the program with one line, as everywhere on the CPU. */
void *media_must(void *pointer);

/* Muxer named muxer that writes to io. Also lets the muxer read back what it wrote (moving the
 * index to the front needs it). */
AVFormatContext *media_muxer_new(const char *muxer, struct media_io *io);
void media_muxer_free(AVFormatContext **muxer);

/* Frame of that format and size with its own buffer. */
AVFrame *media_frame_new(enum AVPixelFormat format, int width, int height);

#endif
