/* frame_ring: the newest frames of a worker in shared memory, for whoever wants to look.
 *
 * One process writes and never waits; any number read. Each slot is a sequence lock: its number is
 * odd while it is written, and a reader that saw it change throws its copy away. The memory is a
 * sealed memfd: readers cannot write to it and nobody can shrink it under them.
 *
 * Layout (all little-endian, fixed by danaus-protocol(7)): a head of 64 bytes, then `slots` slots of
 * stride bytes: 64 bytes of slot head, then height rows of width rgb24 pixels. */
#ifndef DANAUS_ENGINE_FRAME_RING_H
#define DANAUS_ENGINE_FRAME_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct frame_ring;

struct frame_ring_info {
    int64_t width, height; /* px */
    int64_t slots;
};

/* The writer's side: a ring with as many slots as fit 64 MiB, 4 to 64. */
bool frame_ring_create(int64_t width, int64_t height, struct frame_ring **out,
                       struct dn_error *err);
/* The descriptor to hand on; borrowed. */
int frame_ring_fd(const struct frame_ring *ring);
/* rgb24 [height, width, 3] becomes the newest frame: frame number `frame` of job `job`. */
void frame_ring_publish(struct frame_ring *ring, int64_t job, int64_t frame, const uint8_t *rgb);

/* The reader's side; fd is not taken over. False: it is no ring, or not one that can be trusted not
 * to change its size. */
bool frame_ring_open(int fd, struct frame_ring **out, struct dn_error *err);
struct frame_ring_info frame_ring_info(const struct frame_ring *ring);
/* Copies a frame to rgb [height, width, 3]. False: it is not there (any more). */
bool frame_ring_read(const struct frame_ring *ring, int64_t job, int64_t frame, uint8_t *rgb);
/* Copies the newest frame of job (0: of any) and tells which. False: there is none. */
bool frame_ring_newest(const struct frame_ring *ring, int64_t job, int64_t *frame, uint8_t *rgb);

void frame_ring_free(struct frame_ring *ring); /* NULL allowed */

#endif
