/* studio: the real program in a virtual terminal. Run from the top folder. */
#define _GNU_SOURCE
#include "vt_grammar.h"
#include "store/media_probe.h"
#include "vt_session.h"

#define ESCAPE "\033"
#define F(n) "\033O" n /* F1 is P, F2 is Q, ... */

static char prompt[] = "a red square growing on blue";

/* Nothing foreign, everything as it was. */
static void check_ended(struct vt_session *v)
{
    size_t at = vt_foreign(strbuf_text(&v->bytes), v->bytes.length);
    CHECK_MSG(at == v->bytes.length, "foreign byte at %zu of %zu: %.20s", at, v->bytes.length,
              strbuf_text(&v->bytes) + at + 1);
    CHECK(vt_restored(v));
    CHECK(vt_wrote(v, "\033[?1049l") && vt_wrote(v, "\033[?25h") && vt_wrote(v, "\033[?2004l"));
}

static void quit(struct vt_session *v)
{
    vt_type(v, "\021"); /* Ctrl-Q */
    CHECK(vt_end(v, 5000) && WIFEXITED(v->status) && WEXITSTATUS(v->status) == 0);
    check_ended(v);
    vt_free(v);
}

TEST(first_screen_comes_at_once)
{
    static const int sizes[][2] = {{24, 80}, {36, 120}, {16, 60}};
    for (int i = 0; i < 3; i++) {
        int64_t start = dn_now_ms();
        struct vt_session *v = vt_studio(sizes[i][0], sizes[i][1], prompt);
        CHECK(vt_wait(v, "Prompt", 2000));
        int64_t took = dn_now_ms() - start;
        /* 200 ms is promised; the machine of the test may have more to do */
        CHECK_MSG(took < 1000, "%d ms at %dx%d", (int)took, sizes[i][1], sizes[i][0]);
        CHECK(vt_find(v, prompt) == 2);
        CHECK(vt_wait(v, "Library", 2000) && vt_find(v, "Library") == 0); /* once the question is drawn over */
        CHECK((vt_find(v, "Settings") >= 0) == (sizes[i][1] >= 76));
        CHECK(vt_wait(v, "Enter make", 500) && vt_find(v, "Enter make") == sizes[i][0] - 1);
        CHECK(vt_wrote(v, "\0337\033[r\0338")); /* not the region of 24 rows */
        quit(v);
    }
}

/* Cells that are half blocks in two colours. */
static int count_blocks(struct vt_session *v)
{
    int count = 0;
    for (int row = 0; row < v->rows; row++)
        for (int col = 0; col < v->cols; col++) {
            VTermScreenCell cell;
            vterm_screen_get_cell(v->screen, (VTermPos){.row = row, .col = col}, &cell);
            count += cell.chars[0] == 0x2580 && !VTERM_COLOR_IS_DEFAULT_FG(&cell.fg) &&
                     !VTERM_COLOR_IS_DEFAULT_BG(&cell.bg);
        }
    return count;
}

static bool wait_blocks(struct vt_session *v, int least, int ms)
{
    for (int64_t end = dn_now_ms() + ms; dn_now_ms() < end && count_blocks(v) < least;)
        vt_serve(v, 20);
    return count_blocks(v) >= least;
}

/* Enter, watch it grow, leave; the clip is in the library, found by typing, and plays. */
TEST(a_clip_from_start_to_end)
{
    struct vt_session *v = vt_studio(30, 100, prompt);
    CHECK(vt_wait(v, "engine ready", 20000));
    vt_type(v, "\r");
    CHECK(vt_wait(v, "#1", 20000));
    CHECK(vt_wait(v, "is in the library", 60000));
    CHECK(wait_blocks(v, 400, 5000));
    vt_type(v, F("Q"));
    CHECK(vt_wait(v, "1 clip", 2000) && vt_find(v, prompt) >= 0);
    vt_type(v, "/xyzzy");
    CHECK(vt_wait(v, "No clip is like that", 2000));
    vt_type(v, "\025square\r"); /* Ctrl-U */
    CHECK(vt_wait(v, "1 clip", 2000));
    vt_type(v, "+++");
    CHECK(vt_wait(v, "\u2605\u2605\u2605\u00b7\u00b7", 3000));
    vt_type(v, "-");
    CHECK(vt_wait(v, "\u2605\u2605\u00b7\u00b7\u00b7", 3000));
    vt_type(v, "tblue best\r");
    CHECK(vt_wait(v, "best blue", 3000));
    vt_type(v, "/\025tag:best rating>=2\r");
    CHECK(vt_wait(v, "1 clip", 2000));
    vt_type(v, "d");
    CHECK(vt_wait(v, "0 clips", 3000));
    vt_type(v, "u");
    CHECK(vt_wait(v, "1 clip", 3000) && vt_wait(v, "#1", 1000));
    vt_type(v, "\r");
    CHECK(vt_wait(v, "frame ", 3000) && vt_wait(v, "/9", 5000));
    CHECK(wait_blocks(v, 400, 5000));
    vt_type(v, " g...");
    CHECK(vt_wait(v, "frame 4/9", 2000));
    vt_type(v, "?");
    CHECK(vt_wait(v, "one frame back", 2000));
    CHECK(count_blocks(v) == 0); /* the picture lies under the dialog */
    vt_type(v, "chunk");
    vt_serve(v, 100);
    CHECK(vt_find(v, "one frame back") < 0 && vt_find(v, "to the next chunk") >= 0);
    vt_type(v, "\r");
    CHECK(wait_blocks(v, 400, 3000));
    vt_type(v, F("S"));
    CHECK(vt_wait(v, "done", 2000));
    vt_type(v, "5");
    CHECK(vt_wait(v, "worker 0", 3000) && vt_wait(v, " MB", 5000));
    CHECK(vt_find(v, "at most") >= 0 && vt_find(v, " 0 at most") < 0 && vt_find(v, "\u2588") >= 0);
    vt_type(v, "d");
    CHECK(vt_wait(v, "Doctor", 3000) && vt_wait(v, "danaus ", 30000) && vt_wait(v, "library", 30000));
    vt_type(v, "d");
    CHECK(vt_wait(v, "\u2500 Log ", 3000));
    vt_type(v, "4\r"); /* the job of the queue, in the player */
    CHECK(vt_wait(v, "frame ", 5000));
    quit(v);
}

/* Two chunks; from the first frame another prompt, and then on behind the end. */
TEST(branch_continue_and_tree)
{
    char *arguments[] = {"danaus", "studio", "-m", "configs/demo", "--frames", "21", "--threads", "1",
                         "a star over sand", NULL};
    struct vt_session *v = vt_start(30, 100, vt_program(), arguments);
    CHECK(vt_wait(v, "engine ready", 20000));
    vt_type(v, "\r");
    CHECK(vt_wait(v, "is in the library", 60000));
    vt_type(v, F("R"));
    CHECK(vt_wait(v, "/21", 5000) && vt_wait(v, "chunk ", 1000));
    vt_type(v, " g");
    CHECK(vt_wait(v, "chunk 1/2", 2000));
    vt_type(v, "b");
    CHECK(vt_wait(v, "keeps chunks 1 to 1 of 2", 2000));
    vt_type(v, "\001\013a comet over sand\r");
    CHECK(vt_wait(v, "is queued", 3000) || vt_wait(v, "is on its way", 100));
    vt_type(v, "GC");
    CHECK(vt_wait(v, "making", 20000) && vt_wait(v, "engine ready", 60000));
    vt_type(v, F("Q") "/\025comet\r");
    CHECK(vt_wait(v, "a comet over sand", 2000) && vt_wait(v, "1 clip", 2000));
    vt_type(v, "T");
    CHECK(vt_wait(v, "tree of", 2000) && vt_find(v, "a star over sand") == 3);
    CHECK(vt_find(v, "\u251C\u2500 @1") == 4);
    CHECK(vt_wait(v, "\u2514\u2500 @2", 1000) && vt_find(v, "\u2514\u2500 @2") == 5);
    for (int row = 3; row < 6; row++) { /* the columns stand below one another */
        char text[VT_ROW_SIZE];
        vt_row(v, row, text);
        CHECK(strstr(text, "#") == text + strlen("\u2502  "));
    }
    vt_type(v, "c"); /* with its parent */
    CHECK(vt_wait(v, "A and B together", 2000) && wait_blocks(v, 300, 5000));
    quit(v);
}

/* Another order, kept for the next time; the clip made first stands at the top, then at the bottom. */
/* A picture that moves leaves nothing behind, also where its new area is. */
TEST(a_picture_moves)
{
    struct vt_session *v = vt_studio(30, 200, prompt);
    vt_type(v, F("R"));
    CHECK(vt_wait(v, "/9", 5000));
    vt_type(v, " ");
    vt_serve(v, 500);
    int before = count_blocks(v);
    CHECK(before > 100);
    for (int i = 0; i < 2; i++) {
        vt_type(v, "i");
        vt_serve(v, 300);
        CHECK((vt_find(v, "Details") >= 0) == (i == 0));
        int now = 0;
        for (int64_t end = dn_now_ms() + 10000; dn_now_ms() < end && (now = count_blocks(v)) != before;)
            vt_serve(v, 50);
        CHECK_MSG(now == before, "%d cells, then %d", before, now);
    }
    quit(v);
}

TEST(sorted_and_kept)
{
    struct vt_session *v = vt_studio(24, 80, prompt);
    CHECK(vt_wait(v, "Prompt", 2000));
    vt_type(v, F("Q"));
    CHECK(vt_wait(v, "newest first", 2000) && vt_find(v, "#1 ") > 4);
    vt_type(v, "s");
    CHECK(vt_wait(v, "oldest first", 2000) && vt_find(v, "#1 ") == 3);
    vt_type(v, ":sort longest\r");
    CHECK(vt_wait(v, "longest first", 2000));
    quit(v);
    v = vt_studio(24, 80, prompt);
    CHECK(vt_wait(v, "Prompt", 2000));
    vt_type(v, F("Q"));
    CHECK(vt_wait(v, "longest first", 2000));
    vt_type(v, ":sort newest\r");
    CHECK(vt_wait(v, "newest first", 2000) && vt_find(v, "#1 ") > 4);
    quit(v);
}

/* A collection is made of marked clips, renamed, removed and brought back; its clips stay. */
TEST(collections_and_tags)
{
    struct vt_session *v = vt_studio(24, 80, prompt);
    CHECK(vt_wait(v, "engine ready", 20000));
    vt_type(v, F("Q") "g  C");
    CHECK(vt_wait(v, "Collections  0", 2000) && vt_wait(v, "2 marked clips", 1000));
    vt_type(v, "nbest set\r");
    CHECK(vt_wait(v, "Collections  1", 3000) && vt_wait(v, "2 clips", 3000));
    vt_type(v, "nBEST set\r");
    CHECK(vt_wait(v, "already", 1000));
    vt_type(v, "r\001\013other set\r");
    CHECK(vt_wait(v, "other set", 3000));
    vt_type(v, "d");
    CHECK(vt_wait(v, "Collections  0", 3000));
    vt_type(v, "u");
    CHECK(vt_wait(v, "Collections  1", 3000) && vt_wait(v, "2 clips", 1000));
    vt_type(v, "\r");
    CHECK(vt_wait(v, "collection:\"other set\"", 2000) && vt_wait(v, "2 clips, 2 marked", 2000));
    vt_type(v, "Cx");
    CHECK(vt_wait(v, "0 clips", 3000));
    vt_type(v, "uu"); /* in again, and the name of before */
    CHECK(vt_wait(v, "best set", 3000) && vt_wait(v, "2 clips", 3000));
    vt_type(v, "u\t");
    CHECK(vt_wait(v, "Tags  ", 2000));
    vt_type(v, "nodd\r");
    CHECK(vt_wait(v, "odd", 3000) && vt_wait(v, "2 clips", 3000));
    vt_type(v, "u\t");
    CHECK(vt_wait(v, "Collections  0", 3000));
    vt_type(v, ESCAPE);
    vt_serve(v, 150);
    quit(v);
}

/* A frame as a file: whole, with its settings or without, never over what is there. */
TEST(saves_a_frame)
{
    struct vt_session *v = vt_studio(24, 80, prompt);
    char path[128], keys[256], *recipe = NULL;
    struct media_info info;
    struct dn_error err;
    CHECK(vt_wait(v, "Prompt", 2000));
    vt_type(v, F("Q") "/\025square\r\r");
    CHECK(vt_wait(v, "frame ", 3000) && vt_wait(v, "/9", 5000));
    for (int with = 1; with >= 0; with--) {
        snprintf(path, sizeof path, "%s/still%d.png", vt_home, with);
        snprintf(keys, sizeof keys, ":%s %s\r", with ? "save" : "save-plain", path);
        vt_type(v, keys);
        CHECK(vt_wait(v, with ? "still1.png is written" : "still0.png is written", 5000));
        CHECK_OK(media_probe(path, &info, &err), err);
        CHECK(info.width == 160 && info.height == 96 && info.frames == 1);
        CHECK(media_read_recipe(path, &recipe, &err) == (bool)with);
        CHECK(!with || strstr(recipe, prompt));
        free(recipe);
        recipe = NULL;
    }
    vt_type(v, keys);
    CHECK(vt_wait(v, "exists", 5000));
    vt_type(v, "z"); /* pixel for pixel: the middle of it */
    CHECK(vt_wait(v, "1:1", 2000) && wait_blocks(v, 400, 3000));
    quit(v);
}

/* Three clips at once, of nine and of more frames: one clock, each alone, one of them stays. */
TEST(compare_at_once)
{
    struct vt_session *v = vt_studio(24, 80, prompt);
    CHECK(vt_wait(v, "Prompt", 2000));
    vt_type(v, F("Q") "g   c");
    CHECK(vt_wait(v, "A, B and C together", 2000) && vt_find(v, "Details") >= 0);
    CHECK(wait_blocks(v, 300, 5000));
    vt_type(v, " g\t");
    CHECK(vt_wait(v, "B frame 1/", 2000));
    vt_type(v, "c");
    CHECK(vt_wait(v, "A alone", 1000) && vt_find(v, "Details") < 0);
    vt_type(v, "c.");
    CHECK(vt_wait(v, "B alone", 1000) && vt_wait(v, "B frame 2/", 1000));
    vt_type(v, "cc");
    CHECK(vt_wait(v, "A, B and C together", 1000) && vt_find(v, "frame 2/") >= 0);
    vt_type(v, "\t" ESCAPE); /* B alone is left */
    CHECK(vt_wait(v, "chunk 1/", 1000));
    vt_serve(v, 200);
    CHECK(vt_find(v, "together") < 0 && vt_find(v, "B frame") < 0);
    quit(v);
}

TEST(exports)
{
    struct vt_session *v = vt_studio(24, 80, prompt);
    char path[128], keys[256];
    struct media_info info;
    struct dn_error err;
    CHECK(vt_wait(v, "Prompt", 2000));
    vt_type(v, F("Q") "/\025square\ro");
    CHECK(vt_wait(v, "Export #1", 2000));
    for (int with = 1; with >= 0; with--) {
        char *recipe = NULL;
        snprintf(path, sizeof path, "%s/out%d.%s", vt_home, with, with ? "mp4" : "webm");
        snprintf(keys, sizeof keys, "\033[B\001\013%s%s\r", path, with ? "" : "\033[Z\033[Z\033[C");
        vt_type(v, keys);
        CHECK(vt_wait(v, with ? "out1.mp4, 0" : "out0.webm, 0", 20000));
        CHECK_OK(media_probe(path, &info, &err), err);
        CHECK(info.frames == 9 && info.width == 160 && info.height == 96);
        CHECK(media_read_recipe(path, &recipe, &err) == (bool)with);
        CHECK(!with || strstr(recipe, prompt));
        free(recipe);
        vt_type(v, "o");
        CHECK(vt_wait(v, "Export #1", 2000));
    }
    snprintf(keys, sizeof keys, "\033[B\001\013%s/out1.mp4\r", vt_home);
    vt_type(v, keys); /* never over what is there */
    CHECK(vt_wait(v, "exists", 5000));
    vt_type(v, ESCAPE);
    vt_serve(v, 150);
    quit(v);
}

/* Does the box whose upper right corner is there have the colour of the chosen one? -1 = no corner. */
static int chosen_corner(struct vt_session *v, int row, int col)
{
    VTermScreenCell cell;
    vterm_screen_get_cell(v->screen, (VTermPos){.row = row, .col = col}, &cell);
    return cell.chars[0] != 0x256E ? -1 : VTERM_COLOR_IS_INDEXED(&cell.fg) && cell.fg.indexed.idx == 208;
}

/* The library's pictures take the whole width, also one that their number does not divide; a click
 * means the one that it meets. */
TEST(pictures_fill_the_window)
{
    struct vt_session *v = vt_studio(24, 80, prompt);
    CHECK(vt_wait(v, "Prompt", 2000));
    vt_type(v, F("Q") "/\025\rv");
    CHECK(vt_wait(v, ", newest first", 2000));
    for (int64_t end = dn_now_ms() + 5000; dn_now_ms() < end && chosen_corner(v, 2, 79) < 0;)
        vt_serve(v, 20);
    CHECK(chosen_corner(v, 2, 79) == 0);
    vt_type(v, "\033[<0;80;4M\033[<0;80;4m");
    for (int64_t end = dn_now_ms() + 5000; dn_now_ms() < end && chosen_corner(v, 2, 79) != 1;)
        vt_serve(v, 20);
    CHECK(chosen_corner(v, 2, 79) == 1);
    vt_type(v, "v");
    CHECK(vt_wait(v, "Library  newest", 2000));
    quit(v);
}

/* A file each of several clips: all beside the name that was typed, with numbers; in a folder each
 * has its own name. */
TEST(exports_of_several)
{
    struct vt_session *v = vt_studio(24, 80, prompt);
    char path[128], keys[256];
    CHECK(vt_wait(v, "Prompt", 2000));
    vt_type(v, F("Q") "g  ");
    CHECK(vt_wait(v, "2 marked", 2000));
    vt_type(v, "o");
    CHECK(vt_wait(v, "Export 2 clips", 2000) && vt_find(v, "a file each, named for its clip") >= 0);
    snprintf(keys, sizeof keys, "\033[B\001\013%s/night.mp4", vt_home);
    vt_type(v, keys);
    CHECK(vt_wait(v, "a file each: night-0001.mp4 and so on", 2000));
    vt_type(v, "\r");
    CHECK(vt_wait(v, "and 1 more", 20000));
    for (int i = 1; i <= 2; i++) {
        snprintf(path, sizeof path, "%s/night-%04d.mp4", vt_home, i);
        CHECK_MSG(access(path, R_OK) == 0, "%s", path);
    }
    vt_type(v, "o");
    CHECK(vt_wait(v, "Export 2 clips", 2000));
    snprintf(path, sizeof path, "%s/each", vt_home);
    CHECK(mkdir(path, 0700) == 0);
    snprintf(keys, sizeof keys, "\033[B\001\013%s/\r", path);
    vt_type(v, keys);
    CHECK(vt_wait(v, "/each/danaus-", 20000));
    snprintf(keys, sizeof keys, "test $(ls '%s'/danaus-*.mp4 | wc -l) = 2", path);
    CHECK(system(keys) == 0);
    quit(v);
}

/* The engine is killed while the studio is open: it says so, starts another, and goes on. */
TEST(another_engine)
{
    char path[128];
    int pid = 0;
    struct vt_session *v = vt_studio(24, 80, prompt);
    CHECK(vt_wait(v, "engine ready", 20000));
    snprintf(path, sizeof path, "%s/DATA/danaus/engine.lock", vt_home);
    FILE *f = fopen(path, "r");
    CHECK(f && fscanf(f, "%d", &pid) == 1 && pid > 1);
    if (f)
        fclose(f);
    kill(pid, SIGKILL);
    CHECK(vt_wait(v, "engine is gone", 3000) && vt_wait(v, "no engine", 1000));
    CHECK(vt_wait(v, "engine ready", 15000));
    quit(v);
}

/* Ctrl-Z under a shell with jobs: the terminal is the shell's meanwhile, and ours again after fg. */
TEST(suspended_and_continued)
{
    char line[512];
    snprintf(line, sizeof line,
             "%s studio -m configs/demo 'a prompt'; stty -a | grep -c ' icanon'; sleep 1; fg; echo end $?",
             vt_program());
    char *arguments[] = {"sh", "-m", "-c", line, NULL};
    struct vt_session *v = vt_start(24, 80, "sh", arguments);
    CHECK(vt_wait(v, "Prompt", 3000) && vt_wait(v, "engine ready", 20000));
    vt_type(v, "\032");
    vt_serve(v, 500);
    CHECK(vt_find(v, "Prompt") < 0 && vt_find(v, "1") >= 0);
    vt_resize(v, 20, 70);
    CHECK(vt_wait(v, "Prompt", 3000) && vt_wait(v, "Enter make", 1000));
    CHECK(vt_find(v, "Enter make") == 19);
    vt_type(v, "\021");
    CHECK(vt_end(v, 5000) && vt_find(v, "end 0") >= 0 && vt_restored(v));
    vt_free(v);
}

/* Ctrl-X Ctrl-E: the editor has the terminal as it was, and what it writes is the prompt. */
TEST(the_users_editor)
{
    char path[128];
    snprintf(path, sizeof path, "%s/editor", vt_home);
    FILE *f = fopen(path, "w");
    fprintf(f, "#!/bin/sh\nstty -a | grep -q ' icanon' && echo ' and more' >> \"$1\"\n");
    fclose(f);
    chmod(path, 0700);
    setenv("EDITOR", path, 1);
    unsetenv("VISUAL");
    struct vt_session *v = vt_studio(24, 80, prompt);
    CHECK(vt_wait(v, "Prompt", 2000));
    vt_type(v, "\030\005");
    CHECK(vt_wait(v, "Prompt", 3000) && vt_wait(v, "and more", 3000));
    CHECK(vt_find(v, "a red square growing on blue and more") == 2);
    setenv("EDITOR", "false", 1);
    quit(v);
    v = vt_studio(24, 80, prompt);
    CHECK(vt_wait(v, "Prompt", 2000));
    vt_type(v, "\030\005");
    CHECK(vt_wait(v, "the prompt is as it was", 3000) && vt_find(v, prompt) == 2);
    quit(v);
}

/* It goes on where it was left: the draft, and what was made. */
TEST(what_was_typed_is_kept)
{
    struct vt_session *v = vt_studio(24, 80, NULL);
    CHECK(vt_wait(v, "Prompt", 2000));
    vt_type(v, "\001\013two lines\033\rof text");
    vt_serve(v, 100);
    CHECK(vt_find(v, "two lines") == 2 && vt_find(v, "of text") == 3);
    kill(v->pid, SIGTERM);
    CHECK(vt_end(v, 5000) && WIFSIGNALED(v->status) && WTERMSIG(v->status) == SIGTERM);
    vt_free(v);
    v = vt_studio(24, 80, NULL);
    CHECK(vt_wait(v, "two lines", 2000) && vt_find(v, "of text") == 3);
    quit(v);
}

TEST(signals_give_the_terminal_back)
{
    static const int signals[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGSEGV, SIGABRT, SIGBUS};
    for (int i = 0; i < 7; i++) {
        struct vt_session *v = vt_studio(24, 80, prompt);
        CHECK(vt_wait(v, "Prompt", 2000));
        vt_serve(v, i * 30);
        kill(v->pid, signals[i]);
        CHECK(vt_end(v, 5000) && WIFSIGNALED(v->status) && WTERMSIG(v->status) == signals[i]);
        check_ended(v);
        vt_free(v);
    }
}

/* What tries to be a sequence, a bell, a second line, another direction. */
static void hostile(int number, char out[256])
{
    static const char *const pieces[] = {
        "\033[31m", "\033]0;title\a", "\033]52;c;QUJD\a", "\033P1$r\033\\", "\033_Gx\033\\", "\033^x\033\\",
        "\033Xx\033\\", "\x9b" "31m", "\xc2\x9b" "2J", "\xc2\x9d" "0;x\xc2\x9c", "\x07\x08\x0c\x0e\x0f",
        "\x7f", "\xe2\x80\xae" "abc", "\xe2\x81\xa6", "\xe2\x80\xa8", "\xe2\x80\x8b", "\xcc\x81\xcc\x81\xcc\x81",
        "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9", "\xe4\xb8\xad\xe6\x96\x87", "\xff\xfe", "\xc0\x80",
        "\xed\xa0\x80", "\r\n", "\033", "\033[", "\xe2\x98\x83", "e\xcc\x80", "\xf3\xa0\x81\x81", "\x1b[6n",
        "\x1b[c", "\x1b[?2026h", "\x1b" "c"};
    enum { PIECES = sizeof pieces / sizeof pieces[0] };
    int n = snprintf(out, 200, "%d%s%s%sz", number, pieces[number % PIECES],
                     pieces[number / PIECES % PIECES], pieces[(number * 7 + 3) % PIECES]);
    out[n] = '\0';
}

TEST(hostile_text_stays_text)
{
    struct vt_session *v = vt_studio(24, 80, NULL);
    char text[256], row[VT_ROW_SIZE];
    CHECK(vt_wait(v, "Prompt", 2000));
    for (int i = 0; i < 1000; i++) {
        struct strbuf keys = {0};
        hostile(i, text);
        strbuf_printf(&keys, "\001\013\033[200~%s\033[201~", text);
        if (write(v->master, keys.data, keys.length) < 0)
            break;
        strbuf_done(&keys);
        vt_serve(v, 4);
        if (i % 50)
            continue;
        vt_serve(v, 60);
        vt_row(v, 2, row); /* the border stands where it stood */
        CHECK_MSG(strncmp(row, "\u2502", 3) == 0, "%d: %s", i, row);
        VTermScreenCell cell;
        vterm_screen_get_cell(v->screen, (VTermPos){.row = 2, .col = 49}, &cell);
        CHECK_MSG(cell.chars[0] == 0x2502, "%d: %s", i, row);
    }
    vt_serve(v, 200);
    vt_type(v, "\001\013");
    quit(v);
}

TEST(resizes)
{
    struct vt_session *v = vt_studio(24, 80, prompt);
    CHECK(vt_wait(v, "Prompt", 2000));
    unsigned seed = 1;
    int64_t start = dn_now_ms();
    for (int i = 0; i < 1000; i++) {
        seed = seed * 1103515245 + 12345;
        int rows = 1 + (int)(seed >> 16) % (i % 100 == 0 ? 500 : 60);
        int cols = 1 + (int)(seed >> 8) % (i % 100 == 0 ? 1000 : 200);
        vt_resize(v, rows, cols);
        vt_serve(v, 3);
    }
    CHECK(dn_now_ms() - start < 20000);
    vt_resize(v, 1, 1);
    vt_serve(v, 200);
    vt_resize(v, 15, 59);
    CHECK(vt_wait(v, "too small", 2000));
    vt_resize(v, 24, 80);
    CHECK(vt_wait(v, prompt, 2000) && vt_wait(v, "Enter make", 2000));
    CHECK(vt_find(v, "too small") < 0);
    quit(v);
}

/* Answers that come late, and twice, are no keys: neither on a list nor in text. */
TEST(late_answers_are_no_keys)
{
    static const char answers[] =
        "\033[?62;4;22c\033[?2026;2$y\033[0n\033[4;540;900t\033[6;18;9t\033]11;rgb:ffff/ffff/ffff\033\\"
        "\033P>|XTerm(379)\033\\\033_Gi=31;ENO\033\\\033[?1;0;1024S\033[12;40R\033]52;c;eA==\a";
    struct vt_session *v = vt_studio(24, 80, prompt);
    CHECK(vt_wait(v, "engine ready", 20000));
    v->deaf = true;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < sizeof answers - 1; i++) { /* byte by byte */
            if (write(v->master, answers + i, 1) < 0)
                break;
            vt_serve(v, 2);
        }
        vt_serve(v, 200);
        CHECK(vt_find(v, "Prompt") >= 0 && vt_find(v, prompt) == 2);
        vt_type(v, ESCAPE); /* out of the text: letters are commands now */
        vt_serve(v, 150);
    }
    quit(v);
}

/* --- odd terminals --- */

static bool is_ascii(const struct strbuf *s)
{
    for (size_t i = 0; i < s->length; i++)
        if ((unsigned char)s->data[i] >= 0x80)
            return false;
    return true;
}

TEST(without_utf8_and_without_colours)
{
    setenv("LC_ALL", "C", 1);
    setenv("NO_COLOR", "1", 1);
    struct vt_session *v = vt_studio(24, 80, "a caf\xc3\xa9 at night");
    CHECK(vt_wait(v, "+- Prompt", 2000) && vt_wait(v, "a caf? at night", 1000));
    vt_serve(v, 300);
    CHECK(is_ascii(&v->bytes));
    for (const char *p = strbuf_text(&v->bytes); (p = strstr(p, "\033[")); p++) {
        int a = 0, end = 0;
        CHECK_MSG(sscanf(p, "\033[%d%n", &a, &end) != 1 || !strchr(";m", p[end]) || a < 30 || a > 49,
                  "colour %d", a);
    }
    quit(v);
    setenv("LC_ALL", "C.UTF-8", 1);
    unsetenv("NO_COLOR");
}

TEST(odd_names_of_terminals)
{
    static char long_name[5001];
    memset(long_name, 'x', sizeof long_name - 1);
    const char *names[] = {"", "no-such-terminal", "vt100", "screen", "linux", "../../etc", long_name};
    for (int i = 0; i < 7; i++) {
        setenv("TERM", names[i], 1);
        struct vt_session *v = vt_studio(24, 80, prompt);
        CHECK_MSG(vt_wait(v, "Prompt", 3000), "TERM=%.20s", names[i]);
        vt_type(v, "\021");
        CHECK(vt_end(v, 5000) && WIFEXITED(v->status) && WEXITSTATUS(v->status) == 0);
        CHECK(vt_restored(v));
        vt_free(v);
    }
    setenv("TERM", "dumb", 1);
    struct vt_session *v = vt_studio(24, 80, prompt);
    CHECK(vt_end(v, 5000) && WIFEXITED(v->status) && WEXITSTATUS(v->status) == 1);
    CHECK(vt_find(v, "cannot move its cursor") >= 0 && vt_restored(v));
    vt_free(v);
    setenv("TERM", "xterm-256color", 1);
    CHECK(vt_command("studio") == 2); /* no terminal at all */
}

/* danaus.yaml gives keys other meanings; a bell rings when a clip is done. */
TEST(keys_of_the_users)
{
    char path[128], row[VT_ROW_SIZE];
    snprintf(path, sizeof path, "%s/CONFIG/danaus", vt_home);
    mkdir(path, 0700);
    strcat(path, "/danaus.yaml");
    FILE *f = fopen(path, "w");
    fputs("studio:\n  mouse: off\n  notify: bell\n  keys:\n    everywhere:\n"
          "      F6: [library, \"search no such thing\"]\n      q: null\n"
          "    studio:\n      Ctrl-T: make\n      Enter: newline\n", f);
    fclose(f);
    struct vt_session *v = vt_studio(24, 80, prompt);
    CHECK(vt_wait(v, "engine ready", 20000) && vt_wait(v, "Ctrl-T make", 1000));
    CHECK(!vt_wrote(v, "\033[?1000h"));
    vt_type(v, "\rmore"); /* Enter is a new line */
    CHECK(vt_wait(v, "more", 3000));
    vt_row(v, 3, row);
    CHECK(strstr(row, "more"));
    vt_type(v, "\033[17~"); /* F6 */
    CHECK(vt_wait(v, "No clip is like that", 5000));
    vt_type(v, "\033");
    vt_serve(v, 150);
    vt_type(v, "q?no such");
    CHECK(vt_wait(v, ":library, :search no such thing", 3000)); /* q did nothing, and the help knows */
    vt_type(v, "\025leave; the");
    CHECK(vt_wait(v, ":quit", 3000));
    vt_row(v, vt_find(v, ":quit"), row);
    CHECK(strstr(row, "Ctrl-Q") && !strstr(row, "q, "));
    vt_type(v, "\033");
    vt_serve(v, 150);
    vt_type(v, F("P") "\024"); /* Ctrl-T */
    CHECK(vt_wait(v, "is in the library", 60000));
    CHECK(vt_wrote(v, "\a"));
    vt_type(v, "\021");
    CHECK(vt_end(v, 5000) && WIFEXITED(v->status) && WEXITSTATUS(v->status) == 0);
    vt_free(v);
    remove(path);
}

static void begin(void)
{
    vt_make_home();
}

static void end(void)
{
    vt_end_home();
}

TESTS(T(begin), T(first_screen_comes_at_once), T(a_clip_from_start_to_end), T(branch_continue_and_tree),
      T(a_picture_moves), T(compare_at_once), T(saves_a_frame), T(sorted_and_kept), T(collections_and_tags), T(exports), T(exports_of_several),
      T(pictures_fill_the_window), T(another_engine), T(suspended_and_continued),
      T(the_users_editor), T(what_was_typed_is_kept),
      T(signals_give_the_terminal_back), T(hostile_text_stays_text), T(resizes), T(keys_of_the_users),
      T(late_answers_are_no_keys), T(without_utf8_and_without_colours), T(odd_names_of_terminals),
      T(end))
