/* player_side: one clip in the player: its frames and how they fall into chunks. */
#ifndef DANAUS_UI_STUDIO_PLAYER_SIDE_H
#define DANAUS_UI_STUDIO_PLAYER_SIDE_H

#include "ui/studio/studio_internal.h"

struct player_side {
    struct clip clip; /* id 0 = none */
    struct playback playback;
    bool loading;
    char why[512];
    int64_t block;       /* latent frames in a chunk */
    bool single_first;   /* the first chunk is one latent frame */
};

/* Begins to read clip id. False: told the user. */
bool side_load(struct studio *s, struct player_side *side, int64_t id);
void side_clear(struct player_side *side);

/* The frame that chunk number begins with: a latent frame is four frames, the first one is one. */
int64_t side_chunk_start(const struct player_side *side, int64_t chunk);
int64_t side_chunk_count(const struct player_side *side);
int64_t side_chunk_at(const struct player_side *side, int64_t frame);

#endif
