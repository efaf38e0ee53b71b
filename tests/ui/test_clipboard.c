/* clipboard: prompts that are copied, in the studio and by OSC 52; also through a real tmux. Run from
 * the top folder. */
#define _GNU_SOURCE
#include "ui/studio/clipboard.h"
#include "vt_session.h"

enum { SHORT_MS = 20000, LONG_MS = 120000 };

static char prompt[] = "a red square, größer";
/* of base64(1) */
#define PROMPT_DIGITS "YSByZWQgc3F1YXJlLCBncsO2w59lcg=="
#define SEQUENCE "\033]52;c;" PROMPT_DIGITS "\a"

static void check_bytes(const char *text, bool passed, const char *expected)
{
    struct strbuf out = {0};
    CHECK(clipboard_append(&out, text, passed));
    CHECK_STR(strbuf_text(&out), expected);
    strbuf_done(&out);
}

TEST(bytes)
{
    check_bytes("abc", false, "\033]52;c;YWJj\a");
    check_bytes("", false, "\033]52;c;\a");
    check_bytes("a\nb\tc", false, "\033]52;c;YQpiCWM=\a");
    check_bytes(prompt, false, SEQUENCE);
    check_bytes("abc", true, "\033Ptmux;\033\033]52;c;YWJj\a\033\\");
    /* C0, DEL, C1 and what is no UTF-8 stay behind */
    check_bytes("a\033\r\a\177\302\233\377b\xc3" "c", false, "\033]52;c;YWJj\a");
}

TEST(as_long_as_terminals_take)
{
    char *text = dn_malloc(CLIPBOARD_MOST + 2);
    struct strbuf out = {0};
    memset(text, 'x', CLIPBOARD_MOST + 1);
    text[CLIPBOARD_MOST + 1] = '\0';
    CHECK(!clipboard_append(&out, text, false) && out.length == 0);
    text[CLIPBOARD_MOST] = '\0';
    CHECK(clipboard_append(&out, text, false) && out.length == 100000);
    for (size_t i = 7; i + 1 < out.length; i++)
        CHECK(out.data[i] > ' ' && out.data[i] < 0x7F);
    strbuf_done(&out);
    free(text);
}

static void write_text(const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", vt_home, name);
    FILE *f = fopen(path, "w");
    CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void wish(const char *clipboard)
{
    char path[128], text[64];
    snprintf(path, sizeof path, "%s/CONFIG/danaus", vt_home);
    mkdir(path, 0700);
    snprintf(text, sizeof text, "studio:\n  clipboard: %s\n", clipboard);
    write_text("CONFIG/danaus/danaus.yaml", text);
}

static void begin(void)
{
    vt_make_home();
    setenv("TMUX_TMPDIR", vt_home, 1);
    unsetenv("TMUX");
    unsetenv("TMUX_PANE");
}

static bool wait_wrote(struct vt_session *v, const char *text)
{
    for (int64_t end = dn_now_ms() + SHORT_MS; dn_now_ms() < end && !vt_wrote(v, text);)
        vt_serve(v, 20);
    return vt_wrote(v, text);
}

/* Out of the text, then y. */
static void copy_in_studio(struct vt_session *v)
{
    vt_type(v, "\033"); /* tmux 3.6 may hold it for half a second or more */
    CHECK(vt_wait(v, "? help", SHORT_MS));
    vt_type(v, "y");
    CHECK(vt_wait(v, "copied", SHORT_MS));
}

static void quit(struct vt_session *v)
{
    vt_type(v, "\021"); /* Ctrl-Q */
    CHECK(vt_end(v, SHORT_MS) && WIFEXITED(v->status) && WEXITSTATUS(v->status) == 0);
    vt_free(v);
}

/* Keys that lead to a screen, and what it shows then. */
static void check_screen(const char *keys, const char *shows)
{
    struct vt_session *v = vt_studio(24, 80, "another");
    CHECK(vt_wait(v, "engine ready", SHORT_MS));
    vt_type(v, keys);
    CHECK(vt_wait(v, shows, SHORT_MS));
    CHECK(!vt_wrote(v, "\033]52"));
    vt_type(v, "y");
    CHECK_MSG(wait_wrote(v, SEQUENCE), "%s", shows);
    quit(v);
}

TEST(from_every_screen)
{
    wish("on");
    struct vt_session *v = vt_studio(24, 80, prompt);
    CHECK(vt_wait(v, "engine ready", SHORT_MS));
    vt_type(v, "\r");
    CHECK(vt_wait(v, "is in the library", LONG_MS));
    vt_type(v, "\033OS"); /* the queue */
    CHECK(vt_wait(v, "done", SHORT_MS) && !vt_wrote(v, "\033]52"));
    vt_type(v, "y");
    CHECK(wait_wrote(v, SEQUENCE));
    quit(v);
    check_screen("\033OQ", "1 clip");
    check_screen("\033OR", "frame ");
    v = vt_studio(24, 80, prompt);
    CHECK(vt_wait(v, "engine ready", SHORT_MS));
    copy_in_studio(v);
    CHECK(wait_wrote(v, SEQUENCE));
    quit(v);
}

/* Without the wish nothing leaves the studio, but Ctrl-Y has it. */
TEST(only_when_wished)
{
    wish("off");
    struct vt_session *v = vt_studio(24, 80, "another");
    CHECK(vt_wait(v, "engine ready", SHORT_MS));
    vt_type(v, "\033OQ");
    CHECK(vt_wait(v, "1 clip", SHORT_MS));
    vt_type(v, "y");
    CHECK(vt_wait(v, "Ctrl-Y puts it in", SHORT_MS));
    vt_type(v, "\033OP\031"); /* the prompt: Ctrl-Y */
    CHECK(vt_wait(v, "another" "a red square", SHORT_MS));
    CHECK(!vt_wrote(v, "\033]52"));
    quit(v);
}

static bool ask_tmux(const char *command)
{
    char line[128];
    snprintf(line, sizeof line, "{ tmux -L danaus %s; } >/dev/null 2>&1", command);
    return system(line) == 0;
}

/* What tmux lets through comes out as we made it; else tmux makes its own of it, or nothing. */
static void try_tmux(const char *options, const char *expected)
{
    char config[512], command[512], file[128];
    snprintf(config, sizeof config, "set -g status off\nset -g prefix None\nset -g escape-time 0\n"
             "set -g default-terminal tmux-256color\n%s\n", options);
    write_text("tmux.conf", config);
    snprintf(file, sizeof file, "%s/tmux.conf", vt_home);
    snprintf(command, sizeof command, "exec '%s' studio -m configs/demo '%s'", vt_program(), prompt);
    char *arguments[] = {"tmux", "-u", "-L", "danaus", "-f", file, "new-session", command, NULL};
    struct vt_session *v = vt_start(24, 80, "tmux", arguments);
    CHECK(vt_wait(v, "engine ready", SHORT_MS));
    copy_in_studio(v);
    CHECK(vt_wait(v, strstr(options, "passthrough on") ? "terminal's clipboard" : "sent to tmux", SHORT_MS));
    if (expected) {
        CHECK_MSG(wait_wrote(v, expected), "%s", options);
    } else {
        vt_serve(v, 3000);
        CHECK(!vt_wrote(v, PROMPT_DIGITS));
    }
    CHECK(!ask_tmux("display -p '#{pane_title}' | grep Gi=")); /* no question became the title */
    quit(v);
    /* it leaves with its last window; the next one reads its own file */
    for (int64_t by = dn_now_ms() + SHORT_MS; dn_now_ms() < by && ask_tmux("list-sessions");)
        usleep(20000);
    CHECK(!ask_tmux("kill-server"));
}

TEST(through_tmux)
{
    if (system("command -v tmux >/dev/null") != 0) {
        printf("tmux is not installed\n");
        return;
    }
    wish("on");
    try_tmux("set -g allow-passthrough on\nset -g set-clipboard off", SEQUENCE);
    try_tmux("set -g allow-passthrough off\nset -g set-clipboard on", PROMPT_DIGITS);
    try_tmux("set -g allow-passthrough off\nset -g set-clipboard external", NULL);
}

static void end(void)
{
    vt_end_home();
}

TESTS(T(bytes), T(as_long_as_terminals_take), T(begin), T(from_every_screen),
      T(only_when_wished), T(through_tmux), T(end))
