/* library_edits: what the library screen changes: stars, hearts, tags, notes, the trash, and taking
 * it back. The engine writes the catalog; the screen reads it anew when it has. */
#ifndef DANAUS_UI_STUDIO_LIBRARY_EDITS_H
#define DANAUS_UI_STUDIO_LIBRARY_EDITS_H

#include "ui/studio/studio_internal.h"

/* One change as it can be taken back. */
struct library_edit {
    int group;        /* changes made by one key are taken back by one */
    const char *what; /* the edit that undoes it */
    int64_t clip, number;
    char *value, *to; /* NULL = none */
};

enum { LIBRARY_UNDO = 256 };

struct library_edits {
    struct library_edit undo[LIBRARY_UNDO]; /* newest last */
    int count, group;
};

/* What a key is meant for, given by the screen. */
struct library_targets {
    struct library_edits *edits;
    const struct clip *chosen; /* NULL = none */
    int64_t ids[64];           /* the marked ones, else the chosen one */
    int count;
    bool in_trash;
};
struct library_targets library_get_targets(struct studio *s);

/* Keeps what takes an edit of this group back; its strings are copied. */
void library_remember(struct library_edits *edits, const struct link_edit *undo);
void library_edits_done(struct library_edits *edits);

/* The clip in the list, to be changed at once: the engine's word comes later. NULL = not there. */
struct clip *library_shown_clip(struct studio *s, int64_t id);

/* Rows of the library's actions. */
void library_do_favourite(struct studio *s, const char *argument);
void library_do_more_stars(struct studio *s, const char *argument);
void library_do_fewer_stars(struct studio *s, const char *argument);
void library_do_tags(struct studio *s, const char *argument);
void library_do_note(struct studio *s, const char *argument);
void library_do_trash(struct studio *s, const char *argument);
void library_do_undo(struct studio *s, const char *argument);

#endif
