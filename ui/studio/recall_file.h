/* recall_file: what an exported file was made from, taken over into the studio. */
#ifndef DANAUS_UI_STUDIO_RECALL_FILE_H
#define DANAUS_UI_STUDIO_RECALL_FILE_H

#include "ui/studio/studio_internal.h"

/* Does the name of path look like what danaus exports: a video, a picture, a recipe, a folder? */
bool recall_file_suits(const char *path);
/* Reads the recipe of path in the background, then asks what of it is wanted. A file without one: a
 * line says so. pasted: what stands in the prompt when nothing is wanted of it, NULL = nothing. */
void recall_file_read(struct studio *s, const char *path, const char *pasted);

/* The same for what was typed behind :recall. */
void recall_file_command(struct studio *s, const char *argument);

/* dialog_recall.c: asks what of r, the recipe of the file called name, is taken over. */
void recall_file_ask(struct studio *s, const struct request *r, const char *name, const char *pasted);
/* screen_studio.c: text into the prompt where the cursor is. */
void studio_insert_text(struct studio *s, const char *text);

#endif
