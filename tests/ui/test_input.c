/* input: keys, paste, mouse and answers from bytes, in whatever pieces they come. */
#include <stdlib.h>

#include "base/strbuf.h"
#include "check.h"
#include "ui/studio/action.h"
#include "ui/studio/input.h"

/* Events as one line of text. */
static void note(void *context, const struct input_event *e)
{
    struct strbuf *out = context;
    char name[32];
    if (out->length)
        strbuf_append_text(out, " ");
    if (e->kind == INPUT_KEY) {
        input_key_name(e->key, name);
        strbuf_append_text(out, name);
    } else if (e->kind == INPUT_PASTE) {
        strbuf_printf(out, "paste(%.*s)", (int)e->length, e->text);
    } else if (e->kind == INPUT_MOUSE) {
        strbuf_printf(out, "mouse(%d%s%s %d,%d)", e->button, e->pressed ? "+" : "-",
                      e->moved ? "m" : "", e->row, e->col);
    } else if (e->kind == INPUT_ANSWER) {
        strbuf_printf(out, "answer%zu", e->length);
    } else {
        strbuf_printf(out, "focus%u", e->key);
    }
}

/* What bytes become when they come step by step; at the end time passes. */
static char *decode(const char *bytes, size_t step, bool wait)
{
    struct strbuf out = {0};
    struct input in = {.sink = note, .context = &out};
    size_t length = strlen(bytes);
    for (size_t i = 0; i < length; i += step)
        input_feed(&in, bytes + i, length - i < step ? length - i : step);
    if (wait && input_wait_ms(&in) >= 0)
        input_timeout(&in);
    CHECK(!wait || input_wait_ms(&in) == -1);
    input_done(&in);
    return strbuf_take(&out);
}

static void same(const char *bytes, const char *want)
{
    for (size_t step = 1; step < 8; step++) {
        char *got = decode(bytes, step, true);
        CHECK_MSG(strcmp(got, want) == 0, "steps of %zu: got \"%s\", want \"%s\"", step, got, want);
        free(got);
    }
}

TEST(keys)
{
    same("aZ \xc3\xa9\xf0\x9f\xa6\x8b", "a Z Space \xc3\xa9 \xf0\x9f\xa6\x8b");
    same("\r\t\x7f\x01\x1a\n", "Enter Tab Backspace Ctrl-A Ctrl-Z Ctrl-J");
    same("\033[A\033OB\033[1;5C\033[1;2D\033[H\033[4~\033[5~\033[6;3~\033[3~",
         "Up Down Ctrl-Right Shift-Left Home End PgUp Alt-PgDn Delete");
    same("\033OP\033[15~\033[24~\033[Z", "F1 F5 F12 Shift-Tab");
    same("\033b\033\r\033\x7f", "Alt-b Alt-Enter Alt-Backspace");
    same("\033", "Esc");
    same("\033\033", "Esc Esc");
    same("\033[", "Alt-[");
    same("\033P", "Alt-P");
}

TEST(mouse_paste_focus)
{
    same("\033[<0;5;3M\033[<0;5;3m\033[<32;6;3M\033[<64;1;1M\033[<65;1;1M",
         "mouse(0+ 2,4) mouse(0- 2,4) mouse(0+m 2,5) mouse(3+ 0,0) mouse(4+ 0,0)");
    same("\033[200~a\rb\033[Ac\033[201~d", "paste(a\nb\033[Ac) d");
    same("\033[I\033[O", "focus1 focus0");
}

/* Whole answers are answers, pieces of them are nothing, and no byte of either is a key. */
TEST(answers_are_no_keys)
{
    same("\033[?62;4;22c", "answer11");
    same("\033[0n\033[6;18;9t\033[?2026;2$y\033[?1;0;1024S", "answer4 answer9 answer11 answer12");
    same("\033P>|XTerm(379)\033\\x", "answer16 x");
    same("\033]11;rgb:ffff/ffff/ffff\ay", "answer24 y");
    same("\033_Gi=31;OK\033\\", "answer12");
    same("\033[12;40R", "answer8");
    same("\033[?62;4", "");
    same("\033]11;rgb:ff", "");
    same("\033P1$r\030q", "q"); /* given up by CAN */
    same("\033[1;9999999999999999999A", "answer24"); /* modifiers that are none */
}

TEST(bytes_that_are_no_text)
{
    same("\xff\xfe" "a\xc3" "b\xe2\x82" "c\xc0\x80\xed\xa0\x80" "d", "a b c d");
    same("\xc2\x9b" "A", "A"); /* C1 is no character; what follows is a letter */
    struct strbuf long_one = {0};
    strbuf_append_text(&long_one, "\033]52;c;");
    for (int i = 0; i < 10000; i++)
        strbuf_append_text(&long_one, "q");
    strbuf_append_text(&long_one, "\ak");
    same(long_one.data, "k");
    strbuf_done(&long_one);
}

TEST(names_there_and_back)
{
    static const char *const names[] = {"Ctrl-R", "Alt-Enter", "F12", "Space", "G", "Shift-Tab",
                                        "Ctrl-Right", "?", "~", "PgUp", "Alt-<"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[32];
        uint32_t key = input_key_parse(names[i], strlen(names[i]));
        CHECK_MSG(key != 0, "%s", names[i]);
        input_key_name(key, name);
        CHECK_STR(name, names[i]);
    }
    CHECK(input_key_parse("F13", 3) == 0 && input_key_parse("Ctrl-", 5) == 0);
    CHECK(input_key_parse("Hyper-x", 7) == 0 && input_key_parse("", 0) == 0);
}

TESTS(T(keys), T(mouse_paste_focus), T(answers_are_no_keys), T(bytes_that_are_no_text),
      T(names_there_and_back))
