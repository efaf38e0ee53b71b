/* frame_queue: frames go to a media writer on a thread of its own, so that whoever makes them need
 * not wait for the encoder. Order stays; so do the bytes of the file. */
#ifndef DANAUS_ENGINE_FRAME_QUEUE_H
#define DANAUS_ENGINE_FRAME_QUEUE_H

#include <stddef.h>

#include "store/media_encode.h"

struct frame_queue;

/* The writer belongs to the queue until it is stopped. frame_bytes: of one frame. */
struct frame_queue *frame_queue_start(struct media_writer *media, size_t frame_bytes);
/* Copies the frames; waits while too many are in the queue. False: the writer has failed, now or
 * with frames added before. */
bool frame_queue_add(struct frame_queue *q, const uint8_t *rgb, int64_t count,
                     struct dn_error *err);
/* Waits until all is written (drop: until the writer is free, the rest is thrown away) and frees
 * the queue; the writer is the caller's again. False: the writer has failed. NULL is allowed. */
bool frame_queue_stop(struct frame_queue *q, bool drop, struct dn_error *err);

#endif
