/* recall_clip: what a clip's own files tell of how it was made, for a catalog that is made anew. */
#ifndef DANAUS_COMMANDS_RECALL_CLIP_H
#define DANAUS_COMMANDS_RECALL_CLIP_H

#include "store/library_rebuild.h"

/* Of struct rebuild; user is the folder of the model whose clips are to know where it lies (char *,
 * NULL = none): those whose recipe has its name. The recipe is only text: sizes and frames stay
 * those of the pictures. A clip without one that can be believed stays an import with the words of
 * its folder. */
void recall_clip(void *user, const struct rebuild_files *files, struct clip *clip);

#endif
