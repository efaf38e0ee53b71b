/* theme: how roles look, on dark and light backgrounds, with many colours, few or none. */
#ifndef DANAUS_UI_STUDIO_THEME_H
#define DANAUS_UI_STUDIO_THEME_H

#include <stdbool.h>

#include "ui/studio/canvas.h"

/* Tells ncurses the colours. Again when light turns out otherwise. */
void theme_apply(bool colours, bool light);
/* Attributes for ncurses, of type attr_t, colour pair included. */
unsigned long theme_attributes(enum role role);

#endif
