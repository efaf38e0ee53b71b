/* player_zoom: a clip pixel for pixel: the middle of a frame, cut to what the screen has room for. */
#ifndef DANAUS_UI_STUDIO_PLAYER_ZOOM_H
#define DANAUS_UI_STUDIO_PLAYER_ZOOM_H

#include "ui/studio/player_side.h"

/* Makes of a picture that would be scaled to its area one that is not. Its frames are then the
 * side's, until the next call. */
void player_zoom(struct studio *s, struct player_side *side, struct painter_picture *picture);
void player_cut_clear(struct player_cut *cut);

#endif
