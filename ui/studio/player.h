/* player: what the files of the player's screen share. Belongs to the main thread. */
#ifndef DANAUS_UI_STUDIO_PLAYER_H
#define DANAUS_UI_STUDIO_PLAYER_H

#include "ui/studio/player_side.h"

/* ROUNDS_MS: so long it plays over and over by itself. */
enum { PLAYER_SIDES = 2, PLAYER_ROUNDS_MS = 120000 };

struct player {
    struct player_side sides[PLAYER_SIDES]; /* the first leads */
    bool compare, flipped;     /* flipped: the second alone is shown */
    bool details;
    int64_t mark_in, mark_out; /* frames, -1 = none */
    int64_t rounds_until_ms;
    struct rect bar;           /* the scrub bar drawn last */
    char *tags;
};

struct player *player_get(struct studio *s);
void player_draw(struct studio *s, struct rect area);
/* The second side shows the same moment as the first. */
void player_follow(struct player *p);

/* player_time.c */
void player_seek(struct studio *s, int64_t frame);
void player_step(struct studio *s, int64_t by);
void player_do_pause(struct studio *s, const char *argument);
void player_do_step_back(struct studio *s, const char *argument);
void player_do_step(struct studio *s, const char *argument);
void player_do_back(struct studio *s, const char *argument);
void player_do_forward(struct studio *s, const char *argument);
void player_do_first(struct studio *s, const char *argument);
void player_do_last(struct studio *s, const char *argument);
void player_do_chunk_back(struct studio *s, const char *argument);
void player_do_chunk_forward(struct studio *s, const char *argument);
void player_do_frame(struct studio *s, const char *argument);
void player_do_slower(struct studio *s, const char *argument);
void player_do_faster(struct studio *s, const char *argument);
void player_do_loop(struct studio *s, const char *argument);
void player_do_mark(struct studio *s, const char *argument);

/* player_make.c */
void player_do_branch(struct studio *s, const char *argument);
void player_do_continue(struct studio *s, const char *argument);
void player_do_vary(struct studio *s, const char *argument);
void player_do_recall(struct studio *s, const char *argument);
void player_do_export(struct studio *s, const char *argument);
void player_do_save(struct studio *s, const char *argument);

#endif
