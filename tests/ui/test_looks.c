/* What the eye wants: words that can be read on dark and light backgrounds, dialogs that stand out,
 * nothing cut that has room, at 80x24. */
#define _GNU_SOURCE
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "vt_session.h"

enum { ROWS = 24, COLS = 80, LONG_MS = 30000 };

static char prompt[] = "a red butterfly flying to the right over a meadow";

static const struct ground {
    const char *name, *answer;
    uint8_t front[3], back[3];
    int accent, selected; /* the theme's, of 256 */
} grounds[] = {
    {"dark", "\033]11;rgb:1010/1010/1414\033\\", {208, 208, 208}, {16, 16, 20}, 208, 238},
    {"light", "\033]11;rgb:ffff/ffff/ffff\033\\", {0, 0, 0}, {255, 255, 255}, 166, 223},
};

static struct vt_session *start(const struct ground *g)
{
    struct vt_session *v = vt_studio(ROWS, COLS, prompt);
    VTermColor front, back;
    vterm_color_rgb(&front, g->front[0], g->front[1], g->front[2]);
    vterm_color_rgb(&back, g->back[0], g->back[1], g->back[2]);
    vterm_state_set_default_colors(vterm_obtain_state(v->vt), &front, &back);
    v->ground = g->answer;
    return v;
}

static void quit(struct vt_session *v)
{
    vt_type(v, "\021"); /* Ctrl-Q */
    CHECK(vt_end(v, 10000) && WIFEXITED(v->status) && WEXITSTATUS(v->status) == 0);
    vt_free(v);
}

static VTermScreenCell cell_at(struct vt_session *v, int row, int col)
{
    VTermScreenCell cell;
    vterm_screen_get_cell(v->screen, (VTermPos){.row = row, .col = col}, &cell);
    return cell;
}

/* --- contrast --- */

static double light_of(uint8_t level)
{
    double x = level / 255.0;
    return x <= 0.03928 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4);
}

/* As WCAG 2.1 defines it: 1 to 21. */
static double contrast(struct vt_session *v, const VTermScreenCell *cell)
{
    VTermColor colours[2] = {cell->fg, cell->bg};
    double light[2];
    for (int i = 0; i < 2; i++) {
        VTermColor c = colours[cell->attrs.reverse ? 1 - i : i];
        vterm_screen_convert_color_to_rgb(v->screen, &c);
        light[i] = 0.2126 * light_of(c.rgb.red) + 0.7152 * light_of(c.rgb.green) +
                   0.0722 * light_of(c.rgb.blue);
    }
    double high = light[0] > light[1] ? light[0] : light[1];
    return (high + 0.05) / (light[0] + light[1] - high + 0.05);
}

/* Letters and digits, wherever they are. */
static void check_readable(struct vt_session *v, const struct ground *g, const char *where)
{
    double worst = 99;
    int row = 0, col = 0, seen = 0;
    for (int y = 0; y < ROWS; y++)
        for (int x = 0; x < COLS; x++) {
            VTermScreenCell cell = cell_at(v, y, x);
            if (cell.chars[0] > 0x7F || !isalnum((int)cell.chars[0]))
                continue;
            double c = contrast(v, &cell);
            seen++;
            if (c < worst) {
                worst = c;
                row = y;
                col = x;
            }
        }
    CHECK_MSG(worst >= 3, "%s, %s: contrast %.1f at %d,%d", where, g->name, worst, row, col);
    CHECK_MSG(seen > 60, "%s: %d characters", where, seen);
}

static bool has_colour(VTermColor c, int number)
{
    return VTERM_COLOR_IS_INDEXED(&c) && c.indexed.idx == number;
}

/* The terminal's answer may come after everything else. */
static bool wait_front(struct vt_session *v, int row, int col, int number)
{
    for (int64_t end = dn_now_ms() + LONG_MS; dn_now_ms() < end;) {
        if (has_colour(cell_at(v, row, col).fg, number))
            return true;
        vt_serve(v, 20);
    }
    return false;
}

static void show(struct vt_session *v, const char *keys, const char *text)
{
    vt_type(v, keys);
    CHECK(vt_wait(v, text, LONG_MS));
    vt_serve(v, 100); /* the rows below it */
}

/* Every screen, on both backgrounds; the background chooses the theme. */
TEST(words_are_readable)
{
    static const struct {
        const char *keys, *text, *name;
    } screens[] = {
        {"", "Type what", "studio"}, {"\t", "type a value", "settings"}, {"\033OQ", "fox", "library"},
        {"?", "type to narrow", "help"}, {"\033[24~", "fox", "library again"},
        {":se", "search", "command line"}, {"\025\r4", "Nothing waits", "queue"},
        {"5", "worker 0", "engine"}, {"6", "A sheet", "sheet"}, {"3", "Nothing is finished", "player"},
    };
    for (int g = 0; g < 2; g++) {
        struct vt_session *v = start(&grounds[g]);
        CHECK(vt_wait(v, "engine ready", 20000));
        CHECK_MSG(wait_front(v, 1, 3, grounds[g].accent), "%s: title", grounds[g].name);
        for (size_t i = 0; i < sizeof screens / sizeof screens[0]; i++) {
            show(v, screens[i].keys, screens[i].text);
            check_readable(v, &grounds[g], screens[i].name);
        }
        show(v, "1", "type a value");
        CHECK_MSG(has_colour(cell_at(v, vt_find(v, "negative"), 60).bg, grounds[g].selected),
                  "%s: chosen row", grounds[g].name);
        quit(v);
    }
}

/* Hints tell where help is, and names and values of settings are whole. */
TEST(nothing_is_cut_that_has_room)
{
    struct vt_session *v = start(&grounds[0]);
    char row[VT_ROW_SIZE];
    CHECK(vt_wait(v, "engine ready", 20000));
    CHECK(vt_wait(v, "step-list 1000,750,500,250", LONG_MS));
    CHECK(vt_wait(v, "warp-denoising-step   true", LONG_MS) && vt_find(v, "prompt-changes ") >= 0);
    static const char *const screens[][2] = {{"\033OQ", "fox"}, {"3", "Nothing is finished"},
                                             {"4", "Nothing waits"}, {"5", "worker 0"},
                                             {"6", "A sheet"}, {"1", "Prompt"}};
    for (int i = 0; i < 12; i++) {
        if (i == 6)
            vt_resize(v, 16, 60); /* the smallest */
        show(v, screens[i % 6][0], screens[i % 6][1]);
        vt_row(v, v->rows - 1, row);
        CHECK_MSG(strstr(row, i % 6 == 5 ? "F12 help" : "? help"), "%s: %s", screens[i % 6][1], row);
    }
    vt_resize(v, ROWS, COLS);
    show(v, "\033OQ", "fox");
    show(v, "?", "type to narrow");
    CHECK(vt_find(v, "tag:x rating>=4") >= 0);
    CHECK(vt_find(v, "before:7d in:trash") == vt_find(v, "tag:x rating>=4") + 1);
    vt_type(v, "\r");
    quit(v);
}

/* The top bar has the same names in the same columns on each screen, and what was said on one screen
 * does not stand where another has its hints. */
TEST(screens_are_alike)
{
    static const char *const keys[] = {"\033OP", "\033OQ", "\033OR", "\033OS", "\033[15~", "\033[17~"};
    static const char *const words[] = {"Type what", "0 clips", "Nothing is finished",
                                        "Nothing waits", "worker 0", "A sheet"};
    struct vt_session *v = start(&grounds[0]);
    char first[VT_ROW_SIZE], row[VT_ROW_SIZE];
    CHECK(vt_wait(v, "engine ready", 20000));
    vt_row(v, 0, first);
    CHECK_MSG(strstr(first, "1 Studio") && strstr(first, "6 Sheet"), "%s", first);
    for (int i = 0; i < 6; i++) {
        show(v, keys[i], words[i]);
        vt_row(v, 0, row);
        CHECK_MSG(strcmp(row, first) == 0, "%s: %s", words[i], row);
    }
    show(v, "O", "there is no sheet yet");
    show(v, "4", "Nothing waits");
    vt_row(v, v->rows - 1, row);
    CHECK_MSG(strstr(row, "? help"), "%s", row);
    quit(v);
}

/* A wide window has the parts of the help side by side, each whole where that fits. */
TEST(help_in_two_columns)
{
    struct vt_session *v = start(&grounds[0]);
    char row[VT_ROW_SIZE];
    CHECK(vt_wait(v, "engine ready", 20000));
    vt_resize(v, 60, 200);
    show(v, "\033[24~", "type to narrow");
    vt_row(v, vt_find(v, "While text is typed"), row);
    CHECK_MSG(strncmp(row + strspn(row, "\u2502 "), "Studio ", 7) == 0, "%s", row);
    CHECK(vt_find(v, "leave; the engine goes on") > 0); /* the last of all */
    vt_type(v, "\r");
    quit(v);
}

/* What lies below a dialog recedes, and beside it there are no ends of lines. */
TEST(dialogs_stand_out)
{
    struct vt_session *v = start(&grounds[0]);
    char row[VT_ROW_SIZE];
    CHECK(vt_wait(v, "engine ready", 20000));
    show(v, "\r", "is in the library");
    CHECK(vt_find(v, "is on its way") < 0); /* the line is old with the clip's end */
    show(v, "\033OQ", "1 clip");
    int first = vt_find(v, "#1");
    CHECK(first > 0 && has_colour(cell_at(v, first, COLS / 2).bg, grounds[0].selected));
    show(v, "C", "There is no collection yet");
    vt_row(v, vt_find(v, "There is no collection"), row);
    CHECK(strspn(row, " ") >= 2 && strspn(row, " ") < 10);
    CHECK(row[strlen(row) - 1] == ' ' && row[strlen(row) - 2] == ' ');
    VTermScreenCell below = cell_at(v, first, COLS / 2);
    CHECK(VTERM_COLOR_IS_DEFAULT_BG(&below.bg) && has_colour(below.fg, 240));
    CHECK(vt_find(v, "Enter open") > vt_find(v, "There is no collection"));
    CHECK(vt_find(v, "a put #1 in") >= 0 && vt_find(v, "Tab tags") >= 0);
    vt_type(v, "q");
    CHECK(wait_front(v, first, COLS / 2, 231)); /* chosen again */
    show(v, "o", "Export #1");
    CHECK(vt_find(v, "danaus-1-a-red-butterfly-flying-to-the-right-over") >= 0);
    CHECK(vt_find(v, "Enter write it") > vt_find(v, "settings inside"));
    vt_type(v, "q");
    quit(v);
}

/* A window that is too small says so in its middle. */
TEST(too_small_is_told_in_the_middle)
{
    struct vt_session *v = start(&grounds[0]);
    char row[VT_ROW_SIZE];
    CHECK(vt_wait(v, "engine ready", 20000));
    vt_resize(v, 12, 50);
    CHECK(vt_wait(v, "50\u00d712 is too small", LONG_MS));
    vt_row(v, 5, row);
    CHECK_MSG(strspn(row, " ") == 16, "%s", row);
    vt_row(v, 6, row);
    CHECK_MSG(strstr(row, "danaus likes 60\u00d716") == row + 16, "%s", row);
    vt_resize(v, ROWS, COLS);
    CHECK(vt_wait(v, "Enter make", LONG_MS));
    quit(v);
}

TESTS(T(vt_make_home), T(words_are_readable), T(nothing_is_cut_that_has_room), T(screens_are_alike),
      T(help_in_two_columns), T(dialogs_stand_out), T(too_small_is_told_in_the_middle),
      T(vt_end_home))
