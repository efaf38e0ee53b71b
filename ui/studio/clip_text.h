/* clip_text: facts about a clip in words. */
#ifndef DANAUS_UI_STUDIO_CLIP_TEXT_H
#define DANAUS_UI_STUDIO_CLIP_TEXT_H

#include "ui/studio/studio_internal.h"

/* "14:05" today, "Nov 24", "2025-01-31" earlier. */
void clip_date_text(int64_t ms, char *out, size_t size);
/* "5.1 s" */
void clip_length_text(const struct clip *clip, char *out, size_t size);
/* Rating as stars; returns the columns used, always 5. */
int clip_draw_stars(struct studio *s, int row, int col, int rating, bool selected);
/* Bytes of safe text that make a line of at most cols columns, cut at a word where there is one. */
size_t clip_line_length(const struct canvas *c, const char *text, int cols);
/* Text over several lines, cut at words; returns the rows used. */
int clip_draw_wrapped(struct studio *s, struct rect r, enum role role, const char *text);
/* Everything about a clip, prompt first. tags may be NULL. */
void clip_draw_facts(struct studio *s, struct rect r, const struct clip *clip, const char *tags);
/* Where its prompt changes, as prompt_changes.h has it; the caller frees. */
char *clip_changes_text(const struct clip *clip);
/* The clip's tags with spaces between; the caller frees. */
char *clip_tags_text(struct catalog *catalog, int64_t id);

#endif
