/* media_reader: the pictures of an untrusted file, one after another. Internal to store/media_*. */
#ifndef DANAUS_STORE_MEDIA_READER_H
#define DANAUS_STORE_MEDIA_READER_H

#include "store/media_libav.h"

/* Caps of everything we read. */
enum {
    MEDIA_MAX_SIDE = 16384,
    MEDIA_MAX_PIXELS = 1 << 28,
    MEDIA_MAX_FRAMES = 100000,
};

struct media_reader {
    const char *path; /* borrowed, for messages */
    struct media_io io;
    AVFormatContext *demuxer;
    AVIOContext *pb;
    AVCodecContext *decoder;
    AVStream *stream; /* the demuxer's */
    AVPacket *packet;
    bool still; /* a picture format: no times, no frame rate */
    bool ended; /* the demuxer has no more */
    int64_t frames;
};

/* path as a descriptor: a regular file that is not empty. -1 and err otherwise. Caller closes. */
int media_open_file(const char *path, struct dn_error *err);

/* Opens the best video stream of fd (borrowed until close). On failure nothing is left open. */
bool media_reader_open(struct media_reader *reader, int fd, const char *path,
                       struct dn_error *err);

/* The next picture into frame (unreferenced first). *end = true after the last one. Damaged
 * packets and pictures are errors, never shown. */
bool media_reader_next(struct media_reader *reader, AVFrame *frame, bool *end,
                       struct dn_error *err);

void media_reader_close(struct media_reader *reader);

#endif
