/* theme: see theme.h. Meaning is never by colour alone: without colours each role keeps an
 * attribute, and words or signs say the same. */
#include "ui/studio/theme.h"

#include <curses.h>

/* Colours: -1 = the terminal's own; of 256, and the nearest of 8. */
struct look {
    short dark, light, few;    /* foreground */
    short dark_ground, light_ground, few_ground;
    attr_t attributes;         /* with colours */
    attr_t plain;              /* without */
};

static const struct look looks[ROLE_COUNT] = {
    [ROLE_TEXT] = {-1, -1, -1, -1, -1, -1, A_NORMAL, A_NORMAL},
    [ROLE_DIM] = {245, 242, -1, -1, -1, -1, A_NORMAL, A_NORMAL},
    [ROLE_TITLE] = {-1, -1, -1, -1, -1, -1, A_BOLD, A_BOLD},
    [ROLE_ACCENT] = {208, 166, COLOR_YELLOW, -1, -1, -1, A_BOLD, A_BOLD},
    [ROLE_KEY] = {208, 166, COLOR_YELLOW, -1, -1, -1, A_NORMAL, A_BOLD},
    [ROLE_GOOD] = {114, 28, COLOR_GREEN, -1, -1, -1, A_NORMAL, A_NORMAL},
    [ROLE_WARN] = {221, 130, COLOR_YELLOW, -1, -1, -1, A_NORMAL, A_BOLD},
    [ROLE_BAD] = {203, 160, COLOR_RED, -1, -1, -1, A_BOLD, A_BOLD},
    [ROLE_BORDER] = {240, 249, -1, -1, -1, -1, A_NORMAL, A_NORMAL},
    [ROLE_FOCUS] = {208, 166, COLOR_YELLOW, -1, -1, -1, A_NORMAL, A_BOLD},
    [ROLE_TITLE_ON] = {208, 166, COLOR_YELLOW, -1, -1, -1, A_BOLD, A_REVERSE},
    [ROLE_SELECTED] = {231, 16, COLOR_WHITE, 238, 223, COLOR_BLUE, A_NORMAL, A_REVERSE},
    [ROLE_BAR] = {250, 238, COLOR_WHITE, 235, 254, COLOR_BLACK, A_NORMAL, A_NORMAL},
    [ROLE_BAR_ON] = {208, 130, COLOR_YELLOW, 235, 254, COLOR_BLACK, A_BOLD, A_REVERSE},
    [ROLE_BAR_SIGN] = {208, 130, COLOR_YELLOW, 235, 254, COLOR_BLACK, A_BOLD, A_BOLD},
    [ROLE_BAR_GOOD] = {114, 28, COLOR_GREEN, 235, 254, COLOR_BLACK, A_NORMAL, A_NORMAL},
    [ROLE_BAR_WARN] = {221, 130, COLOR_YELLOW, 235, 254, COLOR_BLACK, A_NORMAL, A_BOLD},
    [ROLE_BAR_BAD] = {203, 160, COLOR_RED, 235, 254, COLOR_BLACK, A_BOLD, A_BOLD},
    [ROLE_BEHIND] = {240, 249, -1, -1, -1, -1, A_NORMAL, A_NORMAL},
    [ROLE_FIELD] = {-1, -1, -1, -1, -1, -1, A_UNDERLINE, A_UNDERLINE},
};

static bool coloured;

void theme_apply(bool colours, bool light)
{
    coloured = colours && has_colors();
    if (!coloured)
        return;
    bool many = COLORS >= 256;
    for (int i = 0; i < ROLE_COUNT; i++) {
        const struct look *l = &looks[i];
        short front = many ? light ? l->light : l->dark : l->few;
        short ground = many ? light ? l->light_ground : l->dark_ground : l->few_ground;
        init_pair((short)(i + 1), front, ground);
    }
}

unsigned long theme_attributes(enum role role)
{
    const struct look *l = &looks[role];
    return coloured ? l->attributes | (attr_t)COLOR_PAIR(role + 1) : l->plain;
}
