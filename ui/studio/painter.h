/* painter: the pictures on the screen. Screens say each time they draw which picture belongs where;
 * the painter makes the terminal show it, at the pace that the terminal can take.
 *
 * States of a place:  empty -> wanted (a frame, not shown yet) -> encoding (a thread has it) -> sent
 * -> wanted again when another frame is meant, or when something was written over its cells.
 * A picture owns its cells: nothing else is drawn there while it is placed. When it goes or moves,
 * kitty is told to delete it, and the rows are drawn anew as text, which removes sixels and blocks.
 *
 * Each picture is sent in pieces that end with a question (CSI 5 n); how much may be unanswered is
 * flow.h's affair, and never more than two pictures. So a slow line shows fewer pictures, and keys do
 * not wait. A terminal that does not answer gets stills. Pictures that come late lower the quality:
 * fewer colours, half the size, half blocks; quick ones raise it. A picture that stays for 0.3 s is
 * sent once more as good as it can be, however long that takes, unless another is wanted meanwhile.
 *
 * Through tmux (see passage.h) a picture waits until the one before has left tmux, which would keep
 * any number of them; tmux itself answers the questions, as soon as it has read the picture. It knows
 * nothing of what it passes on, so cells are cleared on its terminal as well.
 * Belongs to the main thread. */
#ifndef DANAUS_UI_STUDIO_PAINTER_H
#define DANAUS_UI_STUDIO_PAINTER_H

#include "ui/graphics/graphics.h"
#include "ui/studio/canvas.h"
#include "ui/studio/frame.h"
#include "ui/studio/tasks.h"

enum { PAINTER_PLACES = 32, PAINTER_SAMPLES = 8 };

struct painter;

struct painter *painter_new(struct tasks *tasks, struct canvas *canvas);
void painter_free(struct painter *p, struct strbuf *out); /* out: takes the pictures away */
/* What the terminal can do and the way to draw; wish as in graphics_choose. */
void painter_set_caps(struct painter *p, const struct graphics_caps *caps, const char *wish);
/* The way through tmux: pieces are wrapped for its terminal, each with its place there. */
struct painter_passage {
    bool on;       /* else pictures go straight to the terminal */
    bool open;     /* they would be seen now; else they wait */
    bool known;    /* where we are on the terminal */
    int row, col;  /* namely there, from 0 */
    char tty[64];  /* of the terminal */
};
void painter_set_passage(struct painter *p, const struct painter_passage *passage);
/* Bytes that went through it so far; idle: none of them are under way. */
int64_t painter_passed(const struct painter *p);
bool painter_is_idle(const struct painter *p);
int64_t painter_sent_ms(const struct painter *p); /* when the last ones went out */
/* Something is or will be shown. */
bool painter_has_pictures(const struct painter *p);
/* What is shown may be gone: it is sent again in its turn. */
void painter_repeat(struct painter *p);
/* Pictures can be shown at all; the name of the way, NULL = none. */
const char *painter_way(const struct painter *p);
/* Pixels that a picture in area can have when it is not scaled. 0 when none can be shown. */
void painter_room(const struct painter *p, struct rect area, int *width, int *height);

/* One picture: the frame in the middle of area, or in its upper left corner. clip tells which frames share their colours;
 * samples are some of them. */
struct painter_picture {
    struct rect area;
    bool corner;
    struct frame *frame;
    uint64_t clip;
    struct frame *samples[PAINTER_SAMPLES];
    int sample_count;
};
void painter_begin(struct painter *p, int64_t now_ms);
/* Whether what is placed from here on is left out: something will lie over it. */
void painter_hide(struct painter *p, bool hidden);
void painter_place(struct painter *p, int place, const struct painter_picture *picture);
/* Places that were not mentioned since painter_begin are emptied, before the canvas ends. */
void painter_end(struct painter *p, struct strbuf *out);

/* Appends a picture if one is ready and the terminal has time for it, and prepares the next. True:
 * what is ready leaves part of the picture shown uncovered, draw the screen. */
bool painter_pump(struct painter *p, int64_t now_ms, struct strbuf *out);
/* The terminal has drawn so many more. True: the quality is another one now, draw the screen. */
bool painter_acknowledge(struct painter *p, int count, int64_t now_ms);
/* All is to be drawn again: the terminal was cleared. */
void painter_forget(struct painter *p);
/* What was handed out last was not sent to its end, and of what was sent no answer will come. */
void painter_interrupt(struct painter *p);
/* painter_pump would do something now. */
bool painter_has_work(const struct painter *p);
/* When painter_pump wants to be called next, -1 = only when something happens. */
int64_t painter_due(const struct painter *p);

#endif
