/* player: what the files of the player's screen share. Belongs to the main thread. */
#ifndef DANAUS_UI_STUDIO_PLAYER_H
#define DANAUS_UI_STUDIO_PLAYER_H

#include "ui/studio/player_side.h"

/* ROUNDS_MS: so long it plays over and over by itself. BYTES: of all frames in memory. */
enum { PLAYER_SIDES = 4, PLAYER_ROUNDS_MS = 120000 };
#define PLAYER_BYTES (192 * 1024 * 1024)

struct player {
    struct player_side sides[PLAYER_SIDES];
    int count;                 /* of them in use; 0 = there is no clip */
    int at;                    /* the one that keys mean */
    bool alone;                /* of several, only that one is shown */
    bool details;
    bool natural;              /* a pixel of the clip is a pixel of the screen */
    struct playback clock;     /* the time of all sides; it has no frames itself */
    bool waiting;              /* for sides that load; then it plays */
    int64_t mark_in, mark_out; /* times of the clock, -1 = none */
    int64_t rounds_until_ms;
    struct rect bar;           /* the scrub bar drawn last */
    int64_t tags_of;           /* whose tags are these */
    char *tags;
};

struct player *player_get(struct studio *s);
/* The clip that keys mean. */
static inline struct player_side *player_side(struct player *p)
{
    return &p->sides[p->at];
}

/* player_draw.c */
void player_draw(struct studio *s, struct rect area);

/* player_time.c */
/* The clock of the clips that are here: as fast as the fastest, as long as the longest. */
void player_set_clock(struct player *p);
/* All sides show the clock's moment, a shorter one its last frame. */
void player_follow(struct player *p);
/* From the clock to a side's frame (which may lie behind its end), and to the clock. */
int64_t player_frame_of(const struct player *p, const struct player_side *side, int64_t tick);
int64_t player_tick_of(const struct player *p, const struct player_side *side, int64_t frame);
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
void player_do_copy_prompt(struct studio *s, const char *argument);
void player_do_export(struct studio *s, const char *argument);

/* player_still.c */
void player_do_save(struct studio *s, const char *argument);
void player_do_save_plain(struct studio *s, const char *argument);

#endif
