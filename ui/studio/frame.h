/* frame: a picture in memory that several may hold; and a clip's frames played by the clock. */
#ifndef DANAUS_UI_STUDIO_FRAME_H
#define DANAUS_UI_STUDIO_FRAME_H

#include <stdbool.h>
#include <stdint.h>

/* Held and let go by the main thread only; the pixels do not change. */
struct frame {
    int holders;
    int width, height;
    uint8_t rgb24[]; /* [height, width, 3] */
};

/* Pixels not set. */
struct frame *frame_new(int width, int height);
struct frame *frame_hold(struct frame *f); /* NULL allowed */
void frame_drop(struct frame **f);         /* sets it NULL */

enum loop_mode { LOOP_ON, LOOP_OFF, LOOP_BACK_AND_FORTH };

struct playback {
    struct frame **frames; /* [count], NULL where one is missing */
    int64_t count, capacity;
    double fps, speed;
    bool playing, growing; /* growing: more will come, wait for them at the end */
    bool backwards;
    enum loop_mode loop;
    int64_t at;            /* the frame shown */
    double next_ms;        /* when the next one is due */
};

/* Takes f over. Number at most one million. */
void playback_put(struct playback *p, int64_t number, struct frame *f, int64_t now_ms);
void playback_start(struct playback *p, int64_t now_ms);
/* Moves on if it is time; true: another frame is shown. */
bool playback_tick(struct playback *p, int64_t now_ms);
/* When playback_tick wants to be called next, -1 = not. */
int64_t playback_due(const struct playback *p);
/* Shows frame number, bounded to what there is. */
void playback_seek(struct playback *p, int64_t number, int64_t now_ms);
struct frame *playback_frame(const struct playback *p); /* borrowed, NULL = none */
/* Up to count frames spread over the clip, for choosing colours; borrowed. Returns how many. */
int playback_samples(const struct playback *p, struct frame **out, int count);
void playback_clear(struct playback *p); /* frames gone; fps, speed and loop stay */

#endif
