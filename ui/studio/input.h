/* input: bytes from a terminal as keys, text, mouse and answers. Bytes only, no tty.
 *
 * What comes in is not trusted: it may be cut anywhere, and a terminal's late answer must never act
 * as a key. So every whole escape sequence that is no key we know is handed on as an answer, and
 * nothing of an unfinished one ever becomes a key, but for the Escape key itself: that is an ESC
 * which nothing has followed for INPUT_ESCAPE_MS. */
#ifndef DANAUS_UI_STUDIO_INPUT_H
#define DANAUS_UI_STUDIO_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

enum { INPUT_ESCAPE_MS = 60, INPUT_STUCK_MS = 4000, INPUT_SEQUENCE_MAX = 4096 };

/* A key is a character (as typed, Ctrl-A is 'a' with INPUT_CTRL) or one of these, and modifiers. */
enum {
    INPUT_SHIFT = 1 << 24, /* of special keys only: characters have it in them */
    INPUT_ALT = 1 << 25,
    INPUT_CTRL = 1 << 26,
    INPUT_SPECIAL = 1 << 22,
    INPUT_UP = INPUT_SPECIAL,
    INPUT_DOWN,
    INPUT_RIGHT,
    INPUT_LEFT,
    INPUT_HOME,
    INPUT_END,
    INPUT_PAGE_UP,
    INPUT_PAGE_DOWN,
    INPUT_INSERT,
    INPUT_DELETE,
    INPUT_BACKSPACE,
    INPUT_TAB,
    INPUT_ENTER,
    INPUT_ESCAPE,
    INPUT_F1, /* to F12 = INPUT_F1 + 11 */
    INPUT_F12 = INPUT_F1 + 11,
};

enum input_kind {
    INPUT_KEY,
    INPUT_PASTE,  /* text: what was pasted, line ends as \n */
    INPUT_MOUSE,
    INPUT_ANSWER, /* text: a whole sequence, for probe_feed */
    INPUT_FOCUS,  /* key: 1 in, 0 out */
};

enum input_button { BUTTON_LEFT, BUTTON_MIDDLE, BUTTON_RIGHT, BUTTON_WHEEL_UP, BUTTON_WHEEL_DOWN };

struct input_event {
    enum input_kind kind;
    uint32_t key;
    const char *text; /* borrowed until the callback returns */
    size_t length;
    enum input_button button;
    bool pressed, moved; /* of the mouse */
    int row, col;        /* of the mouse, from 0 */
};

typedef void input_sink(void *context, const struct input_event *event);

/* Zero is a good start. */
struct input {
    input_sink *sink;
    void *context;
    int state; /* PRIVATE from here */
    bool pasting, dropping;
    struct strbuf sequence; /* from its ESC on */
    struct strbuf paste;
    char utf8[4];
    size_t utf8_length, utf8_wanted;
};

/* Takes bytes in whatever pieces they come; calls sink for what is whole. */
void input_feed(struct input *in, const char *bytes, size_t size);
/* How long to wait before input_timeout when nothing comes; -1: no need. */
int input_wait_ms(const struct input *in);
/* Nothing came for that long. */
void input_timeout(struct input *in);
void input_done(struct input *in);

/* The name of a key as help shows it and the key map is written: "Ctrl-R", "Alt-Enter", "G". */
void input_key_name(uint32_t key, char out[32]);
/* And back, 0 = there is none of that name. length bytes of name. */
uint32_t input_key_parse(const char *name, size_t length);

#endif
