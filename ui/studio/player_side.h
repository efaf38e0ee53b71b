/* player_side: one clip in the player: its frames, how they fall into chunks, and what tells it from
 * those beside it. */
#ifndef DANAUS_UI_STUDIO_PLAYER_SIDE_H
#define DANAUS_UI_STUDIO_PLAYER_SIDE_H

#include "ui/studio/studio_internal.h"

/* The part of a frame that is shown pixel for pixel; see player_zoom.h. */
struct player_cut {
    struct frame *of, *frame; /* of: borrowed, what frame was cut from */
    struct frame *samples[PAINTER_SAMPLES];
    int sample_count;
    int width, height;
};

struct player_side {
    struct clip clip; /* id 0 = none */
    struct playback playback; /* its clock is the player's */
    bool loading, fresh;      /* fresh: loading has just ended */
    char why[512];
    int64_t block;       /* latent frames in a chunk */
    bool single_first;   /* the first chunk is one latent frame */
    char *changes;       /* of its prompt, see prompt_changes.h; NULL = no clip */
    char label[256];     /* what differs from those beside it */
    struct player_cut cut;
};

/* Begins to read clip id, all its frames in max_bytes at most. False: told the user. */
bool side_load(struct studio *s, struct player_side *side, int64_t id, int64_t max_bytes);
void side_clear(struct player_side *side);

/* The frame that chunk number begins with: a latent frame is four frames, the first one is one. */
int64_t side_chunk_start(const struct player_side *side, int64_t chunk);
int64_t side_chunk_count(const struct player_side *side);
int64_t side_chunk_at(const struct player_side *side, int64_t frame);

/* The prompt that holds at a frame; [*length] of a borrowed text. */
const char *side_prompt_at(const struct player_side *side, int64_t frame, size_t *length);

/* player_labels.c: labels of sides that are compared: seed, words of the prompt, settings. */
void sides_label(struct player_side *sides, int count);

#endif
