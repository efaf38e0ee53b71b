/* ui_libraries: see base/library.h */
#include "ui/ui_libraries.h"

#include <curses.h>
#include <sixel/sixel.h>
#include <stdio.h>

/* libsixel and ncurses keep their versions in headers or print more than a number. */
static void sixel_version(char *out, size_t size)
{
    snprintf(out, size, "%s", LIBSIXEL_VERSION);
}

static void ncurses_version(char *out, size_t size)
{
    const char *text = curses_version(); /* "ncurses 6.4.20221231" */
    int major = 0, minor = 0;
    if (sscanf(text, "ncurses %d.%d", &major, &minor) == 2)
        snprintf(out, size, "%d.%d", major, minor);
    else
        snprintf(out, size, "%s", text);
}

const struct dn_library ui_libraries[] = {
    {"libsixel", sixel_version}, {"ncurses", ncurses_version}, {NULL, NULL}};
