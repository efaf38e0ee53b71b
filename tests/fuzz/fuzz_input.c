/* The studio's input decoder and the reader of a terminal's answers behind it. The first byte says
 * in which steps the bytes come, and where time passes. */
#include <stdint.h>
#include <stdlib.h>

#include "ui/graphics/probe.h"
#include "ui/studio/input.h"

static void take(void *context, const struct input_event *e)
{
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct probe probe;
    struct input in = {.sink = take, .context = &probe};
    if (size < 1)
        return 0;
    probe = (struct probe){0};
    size_t step = data[0] % 16 + 1;
    for (size_t i = 1; i < size; i += step) {
        input_feed(&in, (const char *)data + i, size - i < step ? size - i : step);
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
