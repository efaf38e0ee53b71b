/* Another prompt for the clip that is being made: the real program in a virtual terminal with its own
 * engine. Run from the top folder. */
#define _GNU_SOURCE
#include "vt_session.h"

#define ESCAPE "\033"
#define MARK "\u25C6"

/* Room for both while the engine works: 54 chunks of a small picture. */
static struct vt_session *open_studio(char *prompt)
{
    char *arguments[] = {"danaus",   "studio", "-m",        "configs/demo", "--frames", "641", "--size",
                         "64x64",    "--seed", "3",         "--threads",    "1",        prompt, NULL};
    struct vt_session *v = vt_start(30, 120, vt_program(), arguments);
    CHECK(vt_wait(v, "engine ready", 20000));
    return v;
}

static void quit(struct vt_session *v)
{
    vt_type(v, "\021"); /* Ctrl-Q */
    CHECK(vt_end(v, 5000) && WIFEXITED(v->status) && WEXITSTATUS(v->status) == 0);
    vt_free(v);
}

/* The number behind words on the screen, -1 = it is not there. */
static long number_behind(struct vt_session *v, const char *words)
{
    char row[VT_ROW_SIZE];
    int at = vt_find(v, words);
    if (at < 0)
        return -1;
    vt_row(v, at, row);
    return strtol(strstr(row, words) + strlen(words), NULL, 10);
}

static bool row_has(struct vt_session *v, const char *words, const char *also)
{
    char row[VT_ROW_SIZE];
    int at = vt_find(v, words);
    if (at < 0)
        return false;
    vt_row(v, at, row);
    return strstr(row, also) != NULL;
}

TEST(nothing_to_steer)
{
    struct vt_session *v = open_studio("a red circle");
    CHECK(vt_find(v, "Enter make") == 29 && vt_find(v, "steer") < 0);
    vt_type(v, ESCAPE "s");
    CHECK(vt_wait(v, "nothing is being made that could be steered", 3000));
    vt_type(v, ESCAPE "t");
    CHECK(vt_wait(v, "transition of the next clips: 1 chunk", 3000) &&
          row_has(v, "transition  ", " 1 "));
    vt_type(v, ESCAPE "t" ESCAPE "t");
    CHECK(vt_wait(v, "next clips: 4 chunks", 3000));
    vt_type(v, ESCAPE "t" ESCAPE "t");
    CHECK(vt_wait(v, "next clips: 0 chunks", 3000));
    vt_type(v, ESCAPE);
    vt_serve(v, 150);
    vt_type(v, ":transition 7\r");
    CHECK(vt_wait(v, "next clips: 7 chunks", 3000));
    vt_type(v, ":transition many\r");
    CHECK(vt_wait(v, "many", 3000) && row_has(v, "transition  ", " 7 "));
    quit(v);
}

/* Told where it takes effect, by the studio and by the engine alike; Enter still makes a new clip. */
TEST(the_clip_goes_on_differently)
{
    char line[160];
    struct vt_session *v = open_studio("a red circle");
    vt_type(v, "\r");
    CHECK(vt_wait(v, "/54 step", 20000));
    vt_type(v, ESCAPE "s");
    CHECK(vt_wait(v, "#1 goes on with this prompt already", 5000));
    vt_type(v, "\003a {blue|green} star" ESCAPE "s");
    CHECK(vt_wait(v, "these are 2 prompts", 5000));
    vt_type(v, "\003a blue star" ESCAPE "s");
    CHECK(vt_wait(v, "#1 goes on with it from chunk ", 10000));
    long chunk = number_behind(v, "goes on with it from chunk "), frame = number_behind(v, ", frame ");
    CHECK_MSG(chunk > 1 && frame == 12 * (chunk - 1) - 2, "chunk %ld, frame %ld", chunk, frame);
    CHECK(vt_wait(v, MARK, 5000) && row_has(v, "/54 step", MARK));
    vt_type(v, ESCAPE "s");
    CHECK(vt_wait(v, "#1 goes on with this prompt already", 5000));
    vt_type(v, "\r");
    CHECK(vt_wait(v, "clip 2 is queued", 5000) && vt_find(v, "1 waiting") >= 0);
    CHECK(vt_command("queue cancel 2") == 0); /* before its turn comes */
    snprintf(line, sizeof line,
             "show 1 --json | tr -d ' ' | grep -q 'prompt_changes\":\\[{\"chunk\":%ld,\"prompt\":\"abluestar\"}'",
             chunk - 1);
    CHECK(vt_command(line) == 0);
    CHECK(vt_wait(v, "#1 is in the library", 90000));
    vt_type(v, ESCAPE);
    vt_serve(v, 150);
    vt_type(v, "\r"); /* into the player, where it can be seen later */
    CHECK(vt_wait(v, "/641", 10000));
    vt_type(v, "ig"); /* details; the first frame */
    snprintf(line, sizeof line, "chunk %ld", chunk);
    CHECK(vt_wait(v, "#1  a red circle", 5000) && row_has(v, line, "a blue star"));
    CHECK(vt_find(v, "Details") == 1 && vt_find(v, MARK) == 27 && row_has(v, MARK, "\u253C")); /* the bar */
    snprintf(line, sizeof line, " :frame %ld\r,", frame);
    vt_type(v, line);
    CHECK(vt_wait(v, "#1  a red circle", 3000));
    vt_type(v, ".");
    CHECK(vt_wait(v, "#1  a blue star", 3000));
    quit(v);
}

/* The bottom line says what Enter will do now. */
TEST(enter_says_what_it_does)
{
    struct vt_session *v = open_studio("a red circle");
    vt_type(v, ESCAPE);
    vt_serve(v, 150);
    vt_type(v, ":set size 256x256\ri\r");
    CHECK(vt_wait(v, "making a clip", 20000));
    CHECK(vt_wait(v, "Enter queue  Alt-s steer", 20000)); /* once nothing else is told there */
    vt_type(v, ESCAPE);
    vt_serve(v, 150);
    vt_type(v, "Xi");
    CHECK(vt_wait(v, "engine ready", 20000) && vt_wait(v, "Enter make", 20000));
    CHECK(vt_find(v, "Alt-s steer") < 0);
    quit(v);
}

/* The engine's refusal comes as one line, and the studio lives on. */
TEST(too_late)
{
    struct vt_session *v = open_studio("a red circle");
    vt_type(v, ESCAPE);
    vt_serve(v, 150);
    vt_type(v, ":set frames 9\r:set size 256x256\r");
    vt_type(v, "i\r");
    CHECK(vt_wait(v, "/1 step", 20000));
    vt_type(v, " and a star" ESCAPE "s");
    CHECK(vt_wait(v, "nothing is left to steer", 5000));
    quit(v);
}

static void begin(void)
{
    vt_make_home();
}

static void end(void)
{
    vt_end_home();
}

TESTS(T(begin), T(nothing_to_steer), T(the_clip_goes_on_differently),
      T(enter_says_what_it_does), T(too_late), T(end))
