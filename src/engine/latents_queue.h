/* latents_queue: latents go to their file on a thread of its own, so that the next steps need not
 * wait for the disk (two syncs a chunk). */
#ifndef DANAUS_ENGINE_LATENTS_QUEUE_H
#define DANAUS_ENGINE_LATENTS_QUEUE_H

#include "store/clip_latents.h"

struct latents_queue;

/* The file belongs to the queue until it is stopped. frame_size: values of a latent frame. */
struct latents_queue *latents_queue_start(struct clip_latents *file, int64_t frame_size);
/* Copies the frames. False: writing has failed, now or with frames added before. */
bool latents_queue_add(struct latents_queue *q, const float *values, int64_t frames,
                       struct dn_error *err);
/* Frames of the file that are safe on disk by now. */
int64_t latents_queue_safe(struct latents_queue *q);
/* Waits until all is on disk and frees the queue; the file is the caller's again. False: writing has
 * failed. NULL is allowed. */
bool latents_queue_stop(struct latents_queue *q, struct dn_error *err);

#endif
