/* trust: what comes from outside never becomes more than text: not in the studio, not in the commands.
 * Every text of a catalog is hostile, and the engine's log. Run from the top folder. */
#define _GNU_SOURCE
#include "vt_grammar.h"
#include "vt_session.h"

#define F(n) "\033O" n /* F1 is P, F2 is Q, ... */

/* CLIPS: with 14 texts each, a thousand and more. */
enum { CLIPS = 80 };

static void calm(struct vt_session *v)
{
    size_t length;
    do {
        length = v->bytes.length;
        vt_serve(v, 150);
    } while (v->bytes.length != length);
    size_t at = vt_foreign(strbuf_text(&v->bytes), v->bytes.length);
    CHECK_MSG(at == v->bytes.length, "foreign byte at %zu of %zu: %.20s", at, v->bytes.length,
              strbuf_text(&v->bytes) + at + 1);
    v->bytes.length = 0; /* whole sequences lie behind it */
}

static void press(struct vt_session *v, const char *keys)
{
    vt_type(v, keys);
    calm(v);
}

TEST(the_studio)
{
    char *arguments[] = {"danaus", "studio", "-m", "configs/demo", "--graphics", "none", NULL};
    struct vt_session *v = vt_start(40, 160, vt_program(), arguments);
    CHECK(vt_wait(v, "engine ready", 20000));
    vt_type(v, F("Q"));
    CHECK(vt_wait(v, "81 clips", 10000));
    for (int i = 0; i < CLIPS + 1; i++) { /* each is told of in the details */
        vt_type(v, "j");
        if (i % 8 == 0)
            calm(v);
    }
    press(v, "gvGgv");
    press(v, "T");
    press(v, "\033");
    press(v, "gt"); /* its tags, to be typed into */
    press(v, "\033");
    press(v, "N");
    press(v, "\033");
    for (int i = 0; i < 10; i++) {
        press(v, "j\r"); /* play it */
        press(v, "i");
        press(v, "i");
        press(v, "b");
        press(v, "\033");
        press(v, "o");
        press(v, "\033");
        press(v, F("Q"));
    }
    press(v, "e"); /* into the studio */
    press(v, F("S"));
    press(v, "jjjjjj");
    vt_type(v, F("T") "\033[15~");
    CHECK(vt_wait(v, "Log", 5000));
    for (int i = 0; i < 30; i++)
        vt_type(v, "kkkkkk");
    calm(v);
    press(v, "?");
    press(v, "\033");
    vt_type(v, "\021");
    CHECK(vt_end(v, 10000) && WIFEXITED(v->status) && WEXITSTATUS(v->status) == 0 && vt_restored(v));
    vt_free(v);
}

/* What a command prints is text: lines of it, no control characters, all UTF-8. */
static void check_output(const char *arguments)
{
    char line[512];
    size_t bytes = 0;
    snprintf(line, sizeof line, "%s %s 2>&1", vt_program(), arguments);
    FILE *f = popen(line, "r");
    char *text = NULL;
    size_t capacity = 0;
    for (ssize_t n; f && (n = getline(&text, &capacity, f)) > 0; bytes += (size_t)n) {
        uint32_t c = 'x';
        for (ssize_t i = 0, used; i < n; i += used) {
            used = (ssize_t)dn_utf8_decode(text + i, (size_t)(n - i), &c);
            CHECK_MSG(used > 0, "%s: not UTF-8: %.40s", arguments, text);
            CHECK_MSG(used <= 0 || (c >= 0x20 && (c < 0x7F || c >= 0xA0)) || c == '\n', "%s: U+%04X: %.60s",
                      arguments, c, text);
            CHECK_MSG((c < 0x202A || c > 0x202E) && (c < 0x2066 || c > 0x2069), "%s: U+%04X: %.60s", arguments,
                      c, text);
            if (used <= 0)
                break;
        }
    }
    CHECK_MSG(bytes > 0, "%s prints nothing", arguments);
    free(text);
    if (f)
        pclose(f);
}

TEST(the_commands)
{
    char show[32];
    check_output("list --limit 200");
    check_output("search z");
    check_output("queue list --all");
    check_output("engine status");
    check_output("engine log");
    check_output("library check");
    check_output("export 3 4 5 -o /nowhere");
    for (int i = 2; i < CLIPS + 2; i += 8) {
        snprintf(show, sizeof show, "show %d", i);
        check_output(show);
    }
}

static void begin(void)
{
    char line[512];
    vt_make_home();
    CHECK(vt_command("generate 'a blue star' -m configs/demo --frames 9") == 0);
    CHECK(vt_command("engine stop") == 0);
    snprintf(line, sizeof line, "python3 tests/ui/hostile_catalog.py %s/DATA/danaus/catalog.db %d >/dev/null",
             vt_home, CLIPS);
    CHECK(system(line) == 0);
    snprintf(line, sizeof line, "%s/STATE/danaus/engine.log", vt_home);
    FILE *f = fopen(line, "a");
    for (int i = 0; f && i < 100; i++)
        fprintf(f, "%d \033]0;t\a \033[2J \x9b" "2J \xc2\x9b" "2J \r \b \x7f \xe2\x80\xae x\n", i);
    if (f)
        fclose(f);
}

static void end(void)
{
    vt_end_home();
}

TESTS(T(begin), T(the_studio), T(the_commands), T(end))
