/* input: see input.h. Sequences by ECMA-48 and xterm's ctlseqs (invisible-island.net/xterm). */
#include "ui/studio/input.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum { GROUND, ESCAPE, CSI, SS3, STRING, STRING_ESCAPE };
enum { PASTE_MAX = 1 << 20, PARAMETERS = 8 };

static void emit(struct input *in, const struct input_event *event)
{
    in->sink(in->context, event);
}

static void emit_key(struct input *in, uint32_t key)
{
    emit(in, &(struct input_event){.kind = INPUT_KEY, .key = key});
}

static void emit_answer(struct input *in)
{
    if (!in->dropping)
        emit(in, &(struct input_event){.kind = INPUT_ANSWER, .text = strbuf_text(&in->sequence),
                                       .length = in->sequence.length});
}

static void keep(struct input *in, char c)
{
    if (in->sequence.length < INPUT_SEQUENCE_MAX)
        strbuf_append(&in->sequence, &c, 1);
    else
        in->dropping = true;
}

static void begin(struct input *in, int state)
{
    in->state = state;
    in->dropping = false;
    in->sequence.length = 0;
    keep(in, '\033');
}

/* --- characters --- */

/* A byte of C0, or DEL. */
static uint32_t control_key(unsigned char c)
{
    switch (c) {
    case '\r':
        return INPUT_ENTER;
    case '\t':
        return INPUT_TAB;
    case 0x7F:
    case '\b':
        return INPUT_BACKSPACE;
    case 0:
        return INPUT_CTRL | ' ';
    default: /* Ctrl-J is a key of its own: many terminals send it for Ctrl-Enter */
        return INPUT_CTRL | (uint32_t)(c < 27 ? c + 'a' - 1 : c + '@');
    }
}

static void paste_bytes(struct input *in, const char *bytes, size_t size)
{
    if (in->paste.length + size <= PASTE_MAX)
        strbuf_append(&in->paste, bytes, size);
}

static void finish_utf8(struct input *in, uint32_t modifiers)
{
    uint32_t c;
    if (dn_utf8_decode(in->utf8, in->utf8_length, &c) == in->utf8_length && c >= 0xA0)
        emit_key(in, c | modifiers);
    in->utf8_wanted = in->utf8_length = 0;
}

/* One byte outside of sequences; modifiers: INPUT_ALT after an ESC. */
static void take_character(struct input *in, unsigned char c, uint32_t modifiers)
{
    if (in->utf8_wanted > 0 && (c & 0xC0) == 0x80) {
        in->utf8[in->utf8_length++] = (char)c;
        if (in->utf8_length == in->utf8_wanted)
            finish_utf8(in, modifiers);
        return;
    }
    in->utf8_wanted = 0; /* what was begun is no character */
    if (c < 0x20 || c == 0x7F) {
        emit_key(in, control_key(c) | modifiers);
    } else if (c < 0x80) {
        emit_key(in, c | modifiers);
    } else if (c >= 0xC2 && c <= 0xF4) {
        in->utf8[0] = (char)c;
        in->utf8_length = 1;
        in->utf8_wanted = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    }
}

/* --- sequences --- */

/* Numbers of a CSI sequence between `CSI` and its final byte; returns how many. */
static int parse_numbers(const char *text, size_t length, int *out)
{
    int count = 0;
    out[0] = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] >= '0' && text[i] <= '9') {
            out[count] = out[count] < 100000 ? out[count] * 10 + text[i] - '0' : out[count];
        } else if (text[i] == ';' && count < PARAMETERS - 1) {
            out[++count] = 0;
        } else {
            return 0;
        }
    }
    return count + 1;
}

/* xterm's modifier parameter: 1 + shift, alt, ctrl as bits. */
static uint32_t modifiers_of(int parameter)
{
    int bits = parameter > 0 ? parameter - 1 : 0;
    return (bits & 1 ? INPUT_SHIFT : 0u) | (bits & 2 ? INPUT_ALT : 0u) | (bits & 4 ? INPUT_CTRL : 0u);
}

/* By the final byte of CSI or SS3, 0 = none. */
static uint32_t letter_key(char final)
{
    static const struct {
        char final;
        uint32_t key;
    } keys[] = {{'A', INPUT_UP},   {'B', INPUT_DOWN}, {'C', INPUT_RIGHT}, {'D', INPUT_LEFT},
                {'H', INPUT_HOME}, {'F', INPUT_END},  {'P', INPUT_F1},    {'Q', INPUT_F1 + 1},
                {'R', INPUT_F1 + 2}, {'S', INPUT_F1 + 3}, {'M', INPUT_ENTER}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (keys[i].final == final)
            return keys[i].key;
    return 0;
}

/* By the number of `CSI number ~`, 0 = none. */
static uint32_t number_key(int number)
{
    static const uint32_t keys[] = {
        [1] = INPUT_HOME, [2] = INPUT_INSERT, [3] = INPUT_DELETE, [4] = INPUT_END,
        [5] = INPUT_PAGE_UP, [6] = INPUT_PAGE_DOWN, [7] = INPUT_HOME, [8] = INPUT_END,
        [11] = INPUT_F1, [12] = INPUT_F1 + 1, [13] = INPUT_F1 + 2, [14] = INPUT_F1 + 3,
        [15] = INPUT_F1 + 4, [17] = INPUT_F1 + 5, [18] = INPUT_F1 + 6, [19] = INPUT_F1 + 7,
        [20] = INPUT_F1 + 8, [21] = INPUT_F1 + 9, [23] = INPUT_F1 + 10, [24] = INPUT_F1 + 11};
    return number > 0 && (size_t)number < sizeof keys / sizeof keys[0] ? keys[number] : 0;
}

/* SGR mouse, `CSI < buttons ; col ; row M` (m when let go). */
static void take_mouse(struct input *in, const char *text, size_t length, char final)
{
    int p[PARAMETERS];
    if (parse_numbers(text, length, p) != 3 || p[1] < 1 || p[2] < 1)
        return;
    int button = p[0] & 3;
    bool wheel = p[0] & 64;
    if (p[0] >= 128 || (wheel && button > 1) || (!wheel && button == 3))
        return;
    emit(in, &(struct input_event){
                 .kind = INPUT_MOUSE, .pressed = final == 'M', .moved = p[0] & 32,
                 .button = (enum input_button)(wheel ? BUTTON_WHEEL_UP + button : button),
                 .row = p[2] - 1, .col = p[1] - 1});
}

static void take_csi(struct input *in, char final)
{
    const char *text = strbuf_text(&in->sequence) + 2;
    size_t length = in->sequence.length - 3;
    int p[PARAMETERS] = {0};
    uint32_t key = 0;
    if (length > 0 && text[0] == '<' && (final == 'M' || final == 'm')) {
        take_mouse(in, text + 1, length - 1, final);
        return;
    }
    int count = parse_numbers(text, length, p);
    if (count == 1 && length == 3 && final == '~' && p[0] == 200) {
        in->pasting = true;
        in->paste.length = 0;
        return;
    }
    if (length == 0 && (final == 'I' || final == 'O')) {
        emit(in, &(struct input_event){.kind = INPUT_FOCUS, .key = final == 'I'});
        return;
    }
    if (final == 'Z' && length == 0)
        key = INPUT_TAB | INPUT_SHIFT;
    else if (count == 2 && p[1] > 16)
        key = 0; /* modifiers that no keyboard has */
    else if (final == '~' && (count == 1 || count == 2))
        key = number_key(p[0]) ? number_key(p[0]) | modifiers_of(p[1]) : 0;
    else if (strchr("ABCDHFPQS", final) && (length == 0 || (count == 2 && p[0] == 1)))
        key = letter_key(final) | modifiers_of(p[1]);
    if (key)
        emit_key(in, key);
    else
        emit_answer(in);
}

/* `ESC O letter`: application cursor keys, F1 to F4, the keypad's Enter. */
static void take_ss3(struct input *in, char final)
{
    uint32_t key = letter_key(final);
    if (key)
        emit_key(in, key);
}

static void feed_escape(struct input *in, char c)
{
    if (c == '[') {
        keep(in, c);
        in->state = CSI;
    } else if (c == 'O') {
        keep(in, c);
        in->state = SS3;
    } else if (c && strchr("P]_^X", c)) {
        keep(in, c);
        in->state = STRING;
    } else if (c == '\033') {
        emit_key(in, INPUT_ESCAPE);
        begin(in, ESCAPE);
    } else {
        in->state = GROUND;
        take_character(in, (unsigned char)c, INPUT_ALT);
    }
}

static void feed_string(struct input *in, char c)
{
    if (c == '\030' || c == '\032') { /* CAN, SUB: given up */
        in->state = GROUND;
        return;
    }
    keep(in, c);
    if (in->state == STRING_ESCAPE && c != '\\') { /* not ST: something new has begun */
        begin(in, ESCAPE);
        feed_escape(in, c);
    } else if (in->state == STRING_ESCAPE || c == '\a') {
        in->state = GROUND;
        emit_answer(in);
    } else if (c == '\033') {
        in->state = STRING_ESCAPE;
    }
}

static void feed_csi(struct input *in, char c)
{
    keep(in, c);
    if (c == '\033') {
        begin(in, ESCAPE);
    } else if (c >= 0x40 && c <= 0x7E) {
        in->state = GROUND;
        if (!in->dropping)
            take_csi(in, c);
    } else if (c < 0x20 || c == 0x7F) {
        in->state = GROUND; /* no sequence has these in it */
    }
}

static void feed_byte(struct input *in, char c)
{
    switch (in->state) {
    case GROUND:
        if (c == '\033')
            begin(in, ESCAPE);
        else
            take_character(in, (unsigned char)c, 0);
        break;
    case ESCAPE:
        feed_escape(in, c);
        break;
    case CSI:
        feed_csi(in, c);
        break;
    case SS3:
        in->state = GROUND;
        take_ss3(in, c);
        break;
    default:
        feed_string(in, c);
    }
}

/* Everything up to `CSI 201 ~` is pasted, whatever it is. Returns the bytes taken. */
static size_t feed_paste(struct input *in, const char *bytes, size_t size)
{
    static const char end[] = "\033[201~";
    enum { END = sizeof end - 1 };
    size_t i = 0;
    while (i < size && in->pasting) {
        paste_bytes(in, &bytes[i++], 1);
        size_t n = in->paste.length;
        bool full = n + 1 > PASTE_MAX; /* the end must still be seen: keep room for it */
        if (full)
            in->paste.length = n = PASTE_MAX - END * 2;
        in->pasting = n < END || memcmp(in->paste.data + n - END, end, END) != 0;
    }
    if (in->pasting)
        return i;
    in->paste.length -= END;
    in->paste.data[in->paste.length] = '\0';
    for (char *c = in->paste.data; *c; c++)
        *c = *c == '\r' ? '\n' : *c;
    emit(in, &(struct input_event){.kind = INPUT_PASTE, .text = strbuf_text(&in->paste),
                                   .length = in->paste.length});
    return i;
}

void input_feed(struct input *in, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size;) {
        if (in->pasting)
            i += feed_paste(in, bytes + i, size - i);
        else
            feed_byte(in, bytes[i++]);
    }
}

/* --- time --- */

/* ESC and one introducer may be Alt and a letter. */
static bool is_short(const struct input *in)
{
    return in->state == ESCAPE || (in->state != GROUND && in->sequence.length == 2);
}

int input_wait_ms(const struct input *in)
{
    if (in->state == GROUND)
        return in->pasting ? INPUT_STUCK_MS : -1;
    return is_short(in) ? INPUT_ESCAPE_MS : INPUT_STUCK_MS;
}

void input_timeout(struct input *in)
{
    bool alone = in->state == ESCAPE, letter = !alone && is_short(in);
    if (in->pasting && in->state == GROUND) { /* a paste that never ends */
        in->pasting = false;
        in->paste.length = 0;
        return;
    }
    in->state = GROUND;
    if (alone)
        emit_key(in, INPUT_ESCAPE);
    else if (letter)
        emit_key(in, INPUT_ALT | (uint32_t)(unsigned char)in->sequence.data[1]);
}

void input_done(struct input *in)
{
    strbuf_done(&in->sequence);
    strbuf_done(&in->paste);
}
