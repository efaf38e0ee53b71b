/* story: a day in the studio, by keyboard alone: a clip is made and left alone half-way, found again,
 * rated, branched, compared, exported, thrown away and taken back. With TORTURE=full the same behind
 * a slow line, in tmux and through SSH. What is waited for are states, never times. Run from the top
 * folder. */
#define _GNU_SOURCE
#include "store/media_probe.h"
#include "vt_grammar.h"
#include "vt_session.h"
#include "vt_ssh.h"

#define F(n) "\033O" n /* F1 is P, F2 is Q, ... */

/* LONG_MS: for what a model makes, on a machine that has much else to do. */
enum { SHORT_MS = 20000, LONG_MS = 180000, FRAMES = 161, CHUNKS = 14 };

static char prompt[] = "a red square growing on blue";

/* Where the studio runs. */
struct place {
    int kbit;  /* of the line to it, 0 = as fast as may be */
    bool tmux, ssh;
};

static struct vt_session *open_studio(const struct place *place)
{
    char frames[16], command[512];
    snprintf(frames, sizeof frames, "%d", FRAMES);
    char *arguments[] = {"danaus", "studio", "-m", "configs/demo", "--frames", frames, "--threads", "1",
                         prompt, NULL};
    struct vt_session *v;
    snprintf(command, sizeof command, "exec '%s' studio -m configs/demo --frames %s --threads 1 '%s'",
             vt_program(), frames, prompt);
    if (place->ssh) {
        v = vt_ssh_open(30, 100, command);
    } else if (place->tmux) {
        char *inside[] = {"tmux", "-u", "-L", "danaus", "-f", "tests/ui/tmux.conf",
                          "new-session", command, NULL};
        v = vt_start(30, 100, "tmux", inside);
    } else {
        v = vt_start(30, 100, vt_program(), arguments);
    }
    if (place->kbit)
        v->line = vt_line_new(place->kbit, 20);
    CHECK(vt_wait(v, "Prompt", SHORT_MS));
    return v;
}

static void quit(struct vt_session *v, const struct place *place)
{
    vt_type(v, "\021"); /* Ctrl-Q */
    vt_end(v, SHORT_MS);
    CHECK(v->ended && WIFEXITED(v->status) && WEXITSTATUS(v->status) == 0);
    CHECK(vt_restored(v));
    size_t at = vt_foreign(strbuf_text(&v->bytes), v->bytes.length);
    CHECK_MSG(place->tmux || at == v->bytes.length, "foreign byte at %zu of %zu", at, v->bytes.length);
    vt_free(v);
}

/* Is text among what the command prints? */
static bool prints(const char *arguments, const char *text)
{
    char line[512];
    static char out[65536];
    snprintf(line, sizeof line, "%s %s 2>&1", vt_program(), arguments);
    FILE *f = popen(line, "r");
    size_t n = f ? fread(out, 1, sizeof out - 1, f) : 0;
    out[n] = '\0';
    if (f)
        pclose(f);
    return strstr(out, text) != NULL;
}

/* The number behind text on the screen, -1 = none. */
static int number_behind(struct vt_session *v, const char *text)
{
    char row[VT_ROW_SIZE];
    int at = vt_find(v, text);
    if (at < 0)
        return -1;
    vt_row(v, at, row);
    return atoi(strstr(row, text) + strlen(text));
}

static bool wait_number(struct vt_session *v, const char *text, int least)
{
    for (int64_t end = dn_now_ms() + LONG_MS; dn_now_ms() < end && !v->ended; vt_serve(v, 5))
        if (number_behind(v, text) >= least)
            return true;
    fprintf(stderr, "%s%d did not come:\n", text, least);
    vt_print(v);
    return false;
}

/* Cells that are half blocks: video. */
static int count_blocks(struct vt_session *v, uint32_t *print)
{
    int count = 0;
    *print = 0;
    for (int row = 0; row < v->rows; row++)
        for (int col = 0; col < v->cols; col++) {
            VTermScreenCell cell;
            vterm_screen_get_cell(v->screen, (VTermPos){.row = row, .col = col}, &cell);
            if (cell.chars[0] != 0x2580)
                continue;
            count++;
            vterm_screen_convert_color_to_rgb(v->screen, &cell.fg);
            *print = *print * 31 + cell.fg.rgb.red * 65536u + cell.fg.rgb.green * 256u + cell.fg.rgb.blue;
        }
    return count;
}

/* Is there a picture, and another one after it? */
static bool wait_moving(struct vt_session *v, int least)
{
    uint32_t first = 0, now;
    for (int64_t end = dn_now_ms() + SHORT_MS; dn_now_ms() < end && !v->ended; vt_serve(v, 20)) {
        if (count_blocks(v, &now) < least)
            continue;
        if (first && now != first)
            return true;
        first = now;
    }
    fprintf(stderr, "nothing moves:\n");
    vt_print(v);
    return false;
}

/* Waits until nothing shows text. */
static bool wait_gone(struct vt_session *v, const char *text)
{
    for (int64_t end = dn_now_ms() + SHORT_MS; dn_now_ms() < end && !v->ended; vt_serve(v, 10))
        if (vt_find(v, text) < 0)
            return true;
    fprintf(stderr, "\"%s\" stays:\n", text);
    vt_print(v);
    return false;
}

/* The whole dialog: its title is drawn first and its keys last, and a slow line brings one long
 * before the other. */
static bool wait_dialog(struct vt_session *v, const char *title)
{
    return vt_wait(v, title, SHORT_MS) && vt_wait(v, "Esc leave", SHORT_MS);
}

/* Moves to the row of the dialog that has label. */
static void to_row(struct vt_session *v, const char *label)
{
    int from = vt_find(v, "format"), to = vt_find(v, label);
    CHECK_MSG(from >= 0 && to >= from, "no row %s", label);
    for (int i = from; i < to; i++)
        vt_type(v, "\033[B");
}

static bool wait_idle(struct vt_session *v)
{
    return vt_wait(v, "engine ready", LONG_MS);
}

static void make_and_leave(const struct place *place)
{
    struct vt_session *v = open_studio(place);
    CHECK(wait_idle(v));
    vt_type(v, "\r");
    CHECK(wait_number(v, "chunk ", 2) && wait_moving(v, 200)); /* it grows */
    quit(v, place);
    CHECK_MSG(prints("queue list", "running"), "it was too quick, or the engine went with the studio");
}

/* What was made meanwhile is there, and plays. */
static void come_back(struct vt_session *v)
{
    CHECK(vt_wait(v, "Preview  #1", SHORT_MS) && wait_moving(v, 200) && wait_idle(v));
    vt_type(v, F("Q") "/\025square\r");
    CHECK(vt_wait(v, "1 clip", SHORT_MS));
    vt_type(v, "++++");
    CHECK(vt_wait(v, "\u2605\u2605\u2605\u2605\u00b7", SHORT_MS));
    vt_type(v, "\r");
    CHECK(vt_wait(v, "frame ", SHORT_MS) && wait_moving(v, 300));
}

static void branch(struct vt_session *v)
{
    vt_type(v, " g");
    CHECK(vt_wait(v, "frame 1/", SHORT_MS));
    vt_type(v, "kk");
    CHECK(vt_wait(v, "chunk 3/14", SHORT_MS));
    vt_type(v, "b");
    CHECK(vt_wait(v, "keeps chunks 1 to 3 of 14", SHORT_MS));
    vt_type(v, "\001\013a green comet on blue\r");
    CHECK(vt_wait(v, "making", SHORT_MS) && wait_idle(v));
    vt_type(v, F("Q") "/\025comet\r");
    CHECK(vt_wait(v, "a green comet", SHORT_MS) && vt_wait(v, "1 clip", SHORT_MS));
    vt_type(v, "c");
    CHECK(vt_wait(v, "A and B together", SHORT_MS) && wait_moving(v, 300));
}

static void write_file(struct vt_session *v, const char *name, struct media_info *info)
{
    char path[128], keys[256], done[64];
    struct dn_error err;
    snprintf(done, sizeof done, "%s, ", name);
    snprintf(path, sizeof path, "%s/%s", vt_home, name);
    snprintf(keys, sizeof keys, "\001\013%s\r", path);
    vt_type(v, keys);
    CHECK(vt_wait(v, done, LONG_MS));
    CHECK_OK(media_probe(path, info, &err), err);
    remove(path);
}

static void export(struct vt_session *v)
{
    struct media_info info = {0};
    vt_type(v, F("Q") "/\025\r");
    CHECK(vt_wait(v, "2 clips", SHORT_MS));
    vt_type(v, "g G ");
    CHECK(vt_wait(v, "2 marked", SHORT_MS));
    vt_type(v, "o");
    CHECK(wait_dialog(v, "Export 2 clips"));
    to_row(v, "several clips");
    vt_type(v, "\033[C");
    CHECK(vt_wait(v, "joined", SHORT_MS));
    for (int i = vt_find(v, "several clips") - vt_find(v, "size "); i > 0; i--)
        vt_type(v, "\033[A");
    vt_type(v, "\033[C");
    CHECK(vt_wait(v, "320x192", SHORT_MS));
    for (int i = vt_find(v, "size ") - vt_find(v, "file "); i > 0; i--)
        vt_type(v, "\033[A");
    write_file(v, "both.mp4", &info);
    CHECK_MSG(info.frames == 2 * FRAMES && info.width == 320 && info.height == 192, "%d frames of %dx%d",
              (int)info.frames, (int)info.width, (int)info.height);
    vt_type(v, "\033");
    CHECK(wait_gone(v, "marked")); /* else it would be Alt with what comes next */
    vt_type(v, "go");
    CHECK(wait_dialog(v, "Export #"));
    static const char *const endings[] = {".webm", ".mov", ".gif"}; /* behind mp4, in their order */
    for (int i = 0; i < 3; i++) {
        vt_type(v, "\033[C");
        CHECK(vt_wait(v, endings[i], SHORT_MS));
    }
    to_row(v, "file ");
    write_file(v, "one.gif", &info);
    CHECK_MSG(info.frames == FRAMES, "%d frames", (int)info.frames);
}

static void tell(const struct place *place)
{
    make_and_leave(place);
    for (int64_t end = dn_now_ms() + LONG_MS; dn_now_ms() < end && prints("queue list", "running");)
        usleep(100000); /* nothing of it comes by itself any more */
    struct vt_session *v = open_studio(place);
    come_back(v);
    branch(v);
    export(v);
    vt_type(v, "d");
    CHECK(vt_wait(v, "1 clip ", SHORT_MS));
    vt_type(v, "u");
    CHECK(vt_wait(v, "2 clips", SHORT_MS));
    quit(v, place);
}

static bool is_full(void)
{
    const char *torture = getenv("TORTURE");
    return torture && strcmp(torture, "full") == 0;
}

static void begin(void)
{
    vt_make_home();
    unsetenv("TMUX");
}

TEST(at_the_machine)
{
    begin();
    tell(&(struct place){0});
    vt_end_home();
}

TEST(behind_two_megabit)
{
    if (!is_full())
        return;
    begin();
    tell(&(struct place){.kbit = 2000});
    vt_end_home();
}

TEST(in_tmux)
{
    if (!is_full())
        return;
    if (system("command -v tmux >/dev/null") != 0) {
        printf("tmux is not installed\n");
        return;
    }
    begin();
    setenv("TMUX_TMPDIR", vt_home, 1);
    tell(&(struct place){.tmux = true});
    CHECK(system("tmux -L danaus kill-server 2>/dev/null") != 0); /* it left with its last window */
    vt_end_home();
}

TEST(through_ssh)
{
    struct vt_ssh ssh;
    if (!is_full())
        return;
    begin();
    if (vt_ssh_start(&ssh)) {
        tell(&(struct place){.ssh = true});
        vt_ssh_stop(&ssh);
    }
    vt_end_home();
}

TESTS(T(at_the_machine), T(behind_two_megabit), T(in_tmux), T(through_ssh))
