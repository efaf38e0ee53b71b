/* Making many clips at once, and going on from one: the real program in a virtual terminal. Run from
 * the top folder. */
#define _GNU_SOURCE
#include "vt_grammar.h"
#include "vt_session.h"

#define ESCAPE "\033"
#define F(n) "\033O" n /* F1 is P, F2 is Q, ... */
#define F6 "\033[17~"

static void quit(struct vt_session *v)
{
    vt_type(v, "\021"); /* Ctrl-Q */
    CHECK(vt_end(v, 5000) && WIFEXITED(v->status) && WEXITSTATUS(v->status) == 0);
    size_t at = vt_foreign(strbuf_text(&v->bytes), v->bytes.length);
    CHECK_MSG(at == v->bytes.length, "foreign byte at %zu of %zu: %.20s", at, v->bytes.length,
              strbuf_text(&v->bytes) + at + 1);
    CHECK(vt_restored(v));
    vt_free(v);
}

/* Cells that are half blocks in two colours, in columns from to to. */
static int count_blocks(struct vt_session *v, int from, int to)
{
    int count = 0;
    for (int row = 0; row < v->rows; row++)
        for (int col = from; col < to && col < v->cols; col++) {
            VTermScreenCell cell;
            vterm_screen_get_cell(v->screen, (VTermPos){.row = row, .col = col}, &cell);
            count += cell.chars[0] == 0x2580 && !VTERM_COLOR_IS_DEFAULT_FG(&cell.fg);
        }
    return count;
}

static bool wait_blocks(struct vt_session *v, int from, int to, int least)
{
    for (int64_t end = dn_now_ms() + 30000; dn_now_ms() < end && count_blocks(v, from, to) < least;)
        vt_serve(v, 20);
    return count_blocks(v, from, to) >= least;
}

/* Two words, two pictures; left, found again, after the engine has ended as well. */
TEST(a_sheet_fills)
{
    struct vt_session *v = vt_studio(24, 80, "a {red|blue} square over sand");
    CHECK(vt_wait(v, "engine ready", 20000) && vt_wait(v, "Prompt, 2 clips", 1000));
    vt_type(v, "\r");
    CHECK(vt_wait(v, "sheet 1 a {red|blue} square", 5000));
    CHECK(vt_wait(v, " red ", 5000) && vt_wait(v, " blue ", 5000));
    CHECK(vt_find(v, " red ") == vt_find(v, " blue "));
    CHECK(wait_blocks(v, 0, 40, 50)); /* the first one grows before the second is made */
    CHECK(vt_wait(v, "2 of 2 made", 60000));
    CHECK(wait_blocks(v, 0, 40, 50) && wait_blocks(v, 40, 80, 50));
    vt_type(v, "f+");
    CHECK(vt_wait(v, "\u2665", 3000) && vt_wait(v, "\u2605", 3000));
    vt_type(v, "\033[C");
    CHECK(vt_wait(v, "#2", 2000));
    vt_type(v, "\r"); /* into the player and back */
    CHECK(vt_wait(v, "/9", 5000) && vt_find(v, "sheet 1") < 0);
    vt_type(v, "6");
    CHECK(vt_wait(v, "2 of 2 made", 2000) && vt_find(v, "#2") >= 0);
    vt_type(v, "d");
    CHECK(vt_wait(v, "1 of 1 made", 5000) && vt_find(v, " blue ") < 0);
    vt_type(v, "u");
    CHECK(vt_wait(v, "2 of 2 made", 5000) && vt_wait(v, " blue ", 2000));
    quit(v);
    CHECK(vt_command("engine stop") == 0);
    v = vt_studio(24, 80, "another prompt");
    vt_type(v, F6);
    CHECK(vt_wait(v, "sheet 1 a {red|blue} square", 5000) && vt_wait(v, "2 of 2 made", 2000));
    CHECK(vt_find(v, "\u2665") >= 0);
    CHECK(wait_blocks(v, 0, 40, 50) && wait_blocks(v, 40, 80, 50));
    vt_type(v, "e"); /* the clip's own words, not those of the sheet */
    CHECK(vt_wait(v, "a red square over sand", 2000) && vt_find(v, "everything, the seed too") >= 0);
    CHECK(vt_find(v, "another prompt") < 0);
    quit(v);
}

/* Seeds one after the other, in a queue that stands still: what waits is cancelled, dropped, queued
 * again. */
TEST(a_sweep_that_is_cancelled)
{
    struct vt_session *v = vt_studio(36, 120, "a green circle");
    CHECK(vt_wait(v, "engine ready", 20000));
    vt_type(v, ESCAPE);
    vt_serve(v, 150);
    vt_type(v, "P");
    CHECK(vt_wait(v, "queue paused", 3000));
    vt_type(v, ":set seed 41\r:sweep 3\r");
    CHECK(vt_wait(v, "sheet 2 a green circle", 5000) && vt_wait(v, "0 of 3 made", 3000));
    CHECK(vt_wait(v, "seed 41", 2000) && vt_wait(v, "seed 42", 2000) && vt_wait(v, "seed 43", 2000));
    CHECK(vt_wait(v, "next", 3000) && vt_wait(v, "waits, 2 before", 3000));
    vt_type(v, "Gd");
    CHECK(vt_wait(v, "0 of 2 made", 5000) && vt_find(v, "seed 43") < 0);
    vt_type(v, "X");
    CHECK(vt_wait(v, "2 clips are cancelled", 3000) && vt_wait(v, "\u2717 seed 41", 3000) &&
          vt_wait(v, "\u2717 seed 42", 3000));
    vt_type(v, "gR");
    CHECK(vt_wait(v, "\u00b7 seed 41", 3000));
    vt_type(v, "P");
    CHECK(vt_wait(v, "1 of 2 made", 60000) && wait_blocks(v, 0, 60, 50));
    vt_type(v, "[");
    CHECK(vt_wait(v, "sheet 1 a {red|blue}", 2000));
    vt_type(v, "[");
    CHECK(vt_wait(v, "this is the oldest sheet", 2000));
    vt_type(v, "]");
    CHECK(vt_wait(v, "sheet 2", 2000));
    vt_type(v, ":sheet 7\r");
    CHECK(vt_wait(v, "there is no sheet 7", 2000));
    quit(v);
}

/* Settings with several values; what cannot be made makes nothing at all. */
TEST(a_grid_of_settings)
{
    struct vt_session *v = vt_studio(36, 120, "a {white|black} star");
    CHECK(vt_wait(v, "engine ready", 20000));
    vt_type(v, ":" ESCAPE); /* still in the text: a colon is typed there */
    vt_serve(v, 150);
    vt_type(v, "P");
    CHECK(vt_wait(v, "queue paused", 3000));
    vt_type(v, "g");
    CHECK(vt_wait(v, "a clip of every combination", 2000));
    vt_type(v, "frames=5,6\r");
    CHECK(vt_wait(v, "frames 6", 3000) && vt_find(v, "sheet ") < 0);
    vt_type(v, "g\001\013frames=5,9 seed=1..2\r");
    CHECK(vt_wait(v, "0 of 8 made", 5000));
    CHECK(vt_wait(v, "white, seed 1, frames 5", 3000) && vt_wait(v, "black, seed 2, frames 9", 3000));
    vt_type(v, "X");
    CHECK(vt_wait(v, "8 clips are cancelled", 3000));
    vt_type(v, "P");
    quit(v);
}

static void paste(struct vt_session *v, const char *text)
{
    char keys[512];
    snprintf(keys, sizeof keys, "\033[200~%s\033[201~", text);
    vt_type(v, keys);
}

/* What was exported is dropped on the prompt, typed there, or named in a command. */
TEST(recall_from_a_file)
{
    char path[128], text[256];
    snprintf(text, sizeof text,
             "generate 'a red star {by|night}' -m configs/demo --frames 5 --seed 77 -o '%s/out 1.mp4'",
             vt_home);
    CHECK(vt_command(text) == 0);
    struct vt_session *v = vt_studio(24, 80, "what I typed ");
    CHECK(vt_wait(v, "Prompt", 2000));
    snprintf(text, sizeof text, "'%s/out 1.mp4' ", vt_home);
    paste(v, text);
    CHECK(vt_wait(v, "Recall from out 1.mp4", 5000) && vt_find(v, "a red star {by|night}") >= 0);
    CHECK(vt_find(v, "5 frames, seed 77") >= 0);
    vt_type(v, ESCAPE); /* nothing of it: text like any other */
    CHECK(vt_wait(v, "what I typed '/tmp/", 2000) && vt_find(v, "Recall from") < 0);
    vt_type(v, "\003");
    snprintf(text, sizeof text, "file://%s/out%%201.mp4\r", vt_home);
    vt_type(v, text);
    CHECK(vt_wait(v, "Recall from out 1.mp4", 5000));
    vt_type(v, "p");
    /* the braces are those of this prompt, not of a grid */
    CHECK(vt_wait(v, "a red star \\{by\\|night\\}", 2000) && vt_find(v, "the prompt") >= 0);
    CHECK(vt_find(v, "Prompt,") < 0 && vt_find(v, "  77") < 0);
    vt_type(v, ESCAPE);
    vt_serve(v, 150);
    snprintf(text, sizeof text, ":recall %s/out 1.mp4\r", vt_home);
    vt_type(v, text);
    CHECK(vt_wait(v, "Recall from out 1.mp4", 5000));
    vt_type(v, "a");
    CHECK(vt_wait(v, "everything, the seed too", 2000) && vt_wait(v, "  77", 1000));
    vt_type(v, ESCAPE F("Q"));
    vt_serve(v, 150);
    snprintf(text, sizeof text, ":recall %s/out 2.mp4\r", vt_home);
    vt_type(v, text);
    CHECK(vt_wait(v, "there is no file", 2000));
    /* files of strangers: one line, and the text where it was pasted */
    static const char *const hostile[] = {
        "", "no json", "[]", "{\"request\":5}", "{\"request\":{\"xyzzy\":1}}",
        "{\"request\":{\"seed\":-1}}", "{\"request\":{\"prompt\":\"\\u001b[2J\",\"model\":\"/etc\"}}"};
    vt_type(v, F("P") "i\003");
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        snprintf(path, sizeof path, "%s/h%zu.json", vt_home, i);
        FILE *f = fopen(path, "w");
        fputs(hostile[i], f);
        fclose(f);
        paste(v, path);
        snprintf(text, sizeof text, "/h%zu.json", i);
        char row[VT_ROW_SIZE] = "";
        for (int64_t end = dn_now_ms() + 5000; dn_now_ms() < end && !strstr(row, text);) {
            vt_serve(v, 20);
            vt_row(v, 2, row);
        }
        CHECK_MSG(strstr(row, text) && vt_find(v, "Recall from") < 0, "%s", hostile[i]);
        vt_type(v, "\003");
    }
    quit(v);
}

TEST(changes_of_the_prompt_are_taken_back)
{
    struct vt_session *v = vt_studio(24, 80, "one");
    CHECK(vt_wait(v, "Prompt", 2000));
    vt_type(v, "\014 two three"); /* Ctrl-L: libvterm shows the question that kitty understands */
    CHECK(vt_wait(v, "one two three", 2000));
    vt_type(v, "\037"); /* Ctrl-_ */
    CHECK(vt_wait(v, "one two", 2000) && vt_find(v, "three") < 0);
    vt_type(v, "\003");
    CHECK(vt_wait(v, "cleared", 2000) && vt_find(v, "one two") < 0);
    vt_type(v, ESCAPE);
    vt_serve(v, 150);
    vt_type(v, "u");
    CHECK(vt_wait(v, "one two", 2000));
    vt_type(v, "N"); /* the negative prompt */
    CHECK(vt_wait(v, "what should not be seen", 2000));
    vt_type(v, "blur\033\rand noise\r");
    CHECK(vt_wait(v, "blur\\nand", 2000));
    vt_type(v, "N");
    CHECK(vt_wait(v, "and noise", 2000)); /* as it was typed, in two lines */
    vt_type(v, ESCAPE);
    vt_serve(v, 150);
    quit(v);
}

/* The player waits for a clip that is not done, and then plays it. */
TEST(a_clip_asked_for_too_early)
{
    char *arguments[] = {"danaus", "studio", "-m",        "configs/demo", "--frames",   "481", "--size",
                         "160x96", "--seed", "4",         "--threads",    "1", "a red square", NULL};
    struct vt_session *v = vt_start(24, 80, vt_program(), arguments);
    CHECK(vt_wait(v, "engine ready", 20000));
    vt_type(v, "\r");
    CHECK(vt_wait(v, "making a clip", 20000));
    vt_type(v, ESCAPE "OS"); /* F4 */
    CHECK(vt_wait(v, "481f", 5000));
    vt_type(v, "\r");
    CHECK(vt_wait(v, "it is running", 3000));
    CHECK(vt_wait(v, "/481 ", 120000));
    quit(v);
}

/* What the engine does not take is told where the pictures would be, and why a clip failed in its
 * cell. */
TEST(a_sheet_of_nothing)
{
    char *missing[] = {"danaus", "studio", "-m", "nowhere/model", "a {red|blue} square", NULL};
    struct vt_session *v = vt_start(24, 80, vt_program(), missing);
    CHECK(vt_wait(v, "engine ready", 20000) && vt_wait(v, "Prompt, 2 clips", 5000));
    vt_type(v, "\r");
    CHECK(vt_wait(v, "0 of 0 made, 2 refused", 10000));
    CHECK(vt_wait(v, "2 clips were refused: request: model nowhere/model is no absolute path", 5000));
    vt_type(v, "1"); /* the same again: counted from the start */
    CHECK(vt_wait(v, "Prompt, 2 clips", 5000));
    vt_type(v, "\r");
    CHECK(vt_wait(v, "0 of 0 made, 2 refused", 10000));
    quit(v);
    char *failing[] = {"danaus", "studio", "-m", "/nowhere/model", "a {red|blue} square", NULL};
    v = vt_start(24, 80, vt_program(), failing);
    CHECK(vt_wait(v, "engine ready", 20000) && vt_wait(v, "Prompt, 2 clips", 5000));
    vt_type(v, "\r");
    CHECK(vt_wait(v, "\u2502 cannot read model /nowhere/model:", 20000));
    CHECK(vt_find(v, "0 of 2 made") >= 0 && vt_find(v, "refused") < 0);
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

TESTS(T(begin), T(a_sheet_fills), T(a_sweep_that_is_cancelled), T(a_grid_of_settings),
      T(recall_from_a_file), T(a_clip_asked_for_too_early),
      T(changes_of_the_prompt_are_taken_back), T(a_sheet_of_nothing), T(end))
