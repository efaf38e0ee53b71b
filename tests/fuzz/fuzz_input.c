/* The studio's input decoder and the reader of a terminal's answers behind it. The first byte says
 * in which steps the bytes come, and where time passes. Bytes 0xF8 to 0xFF stand for whole answers of
 * terminals: whatever came before and however they are cut, none is ever a key. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ui/graphics/probe.h"
#include "ui/studio/input.h"

static bool answering; /* what comes is an answer that was begun between two keys */

static void take(void *context, const struct input_event *e)
{
    if (answering && e->kind != INPUT_ANSWER)
        abort();
    bool light;
    char name[32];
    if (e->kind == INPUT_ANSWER) {
        probe_feed(context, e->text, e->length);
        probe_background(e->text, e->length, &light);
        if (e->length < 2 || e->text[0] != '\033')
            abort(); /* an answer is a whole sequence */
    } else if (e->kind == INPUT_KEY) {
        input_key_name(e->key, name);
        if (!name[0] || (e->key < INPUT_SPECIAL && e->key >= 0x7F && e->key < 0xA0))
            abort(); /* no control character is text */
    } else if (e->kind == INPUT_MOUSE && (e->row < 0 || e->col < 0)) {
        abort();
    }
}

static void feed(struct input *in, const char *bytes, size_t size, size_t step)
{
    for (size_t i = 0; i < size; i += step)
        input_feed(in, bytes + i, size - i < step ? size - i : step);
}

/* Inside of a paste it is pasted, inside of another sequence a part of that. */
static void feed_answer(struct input *in, int number, size_t step)
{
    static const char *const answers[] = {
        "\033[?62;4;22c",      "\033[0n",          "\033P>|XTerm(379)\033\\",
        "\033]11;rgb:ff/0/0\a", "\033]11;rgb:0/ffff/0\033\\", "\033_Gi=31;OK\033\\",
        "\033[?1;3;256S",      "\033[?2026;2$y"};
    answering = input_wait_ms(in) < 0;
    feed(in, answers[number], strlen(answers[number]), step);
    if (answering && input_wait_ms(in) >= 0)
        abort(); /* it is whole: nothing is waited for */
    answering = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct probe probe;
    struct input in = {.sink = take, .context = &probe};
    if (size < 1)
        return 0;
    probe = (struct probe){0};
    size_t step = data[0] % 16 + 1;
    for (size_t i = 1; i < size; i += step) {
        size_t n = size - i < step ? size - i : step;
        if (data[i] >= 0xF8)
            feed_answer(&in, data[i] - 0xF8, n);
        else
            input_feed(&in, (const char *)data + i, n);
        if (data[0] & 16 && input_wait_ms(&in) >= 0)
            input_timeout(&in);
    }
    if (input_wait_ms(&in) >= 0)
        input_timeout(&in);
    struct graphics_caps caps = {0};
    struct probe_window window = {80, 24, 800, 480};
    probe_caps(&probe, &window, &caps);
    input_done(&in);
    return 0;
}
