/* sheet_screen: what the parts of the contact sheet's screen share. */
#ifndef DANAUS_UI_STUDIO_SHEET_SCREEN_H
#define DANAUS_UI_STUDIO_SHEET_SCREEN_H

#include "ui/studio/posters.h"
#include "ui/studio/preview.h"
#include "ui/studio/sheet.h"

/* LIVE: clips that are seen growing at once. UNDO: drops that can be taken back. */
enum { SHEET_LIVE = 4, SHEET_UNDO = 64, SHEET_DROPPING = 64 };

struct sheet_screen {
    struct studio *studio;
    struct sheet sheet;
    struct {
        char name[SHEET_NAME_SIZE]; /* of the sheet that the engine refused clips of, "" = none */
        size_t count;
        char *why;                  /* of the last one */
    } refused;
    struct posters *posters;
    struct preview live[SHEET_LIVE];
    struct preview playing;  /* the chosen clip, when it is made */
    int64_t play_at_ms;      /* when it is to be read, 0 = not */
    int64_t loading;         /* clip that is being read, 0 = none */
    bool stale;
    int64_t load_at_ms;      /* not before */
    size_t first;            /* row of cells at the top */
    struct sheet_layout layout;
    struct rect cells;       /* drawn last */
    int64_t undo[SHEET_UNDO]; /* clips dropped, newest last */
    int undo_count;
    int64_t dropping[SHEET_DROPPING]; /* into the trash as soon as they have stopped */
    int dropping_count;
};

struct sheet_screen *sheet_screen_of(struct studio *s);

/* sheet_draw.c */
void sheet_draw(struct studio *s, struct rect area);
/* The clip's frames as it grows or plays; NULL: it does neither. */
struct preview *sheet_preview_of(struct sheet_screen *v, int64_t clip);

/* As the engine says it, which is sooner than the list. */
enum job_state sheet_state_of(const struct studio *s, const struct clip *clip);

/* sheet_actions.c: rows of the screen's actions. */
void sheet_do_play(struct studio *s, const char *argument);
void sheet_do_recall(struct studio *s, const char *argument);
void sheet_do_remix(struct studio *s, const char *argument);
void sheet_do_recall_prompt(struct studio *s, const char *argument);
void sheet_do_copy_prompt(struct studio *s, const char *argument);
void sheet_do_branch(struct studio *s, const char *argument);
void sheet_do_vary(struct studio *s, const char *argument);
void sheet_do_favourite(struct studio *s, const char *argument);
void sheet_do_more_stars(struct studio *s, const char *argument);
void sheet_do_fewer_stars(struct studio *s, const char *argument);
void sheet_do_drop(struct studio *s, const char *argument);
void sheet_do_undo(struct studio *s, const char *argument);
void sheet_do_cancel_rest(struct studio *s, const char *argument);
void sheet_do_retry(struct studio *s, const char *argument);
void sheet_do_export(struct studio *s, const char *argument);
void sheet_do_export_all(struct studio *s, const char *argument);
/* A job has ended: was it to be dropped? */
void sheet_job_ended(struct studio *s, int64_t id);

#endif
