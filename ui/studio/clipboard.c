/* clipboard: see clipboard.h */
#include "ui/studio/clipboard.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "ui/graphics/tmux.h"

struct copy {
    struct studio *studio;
    char *text;
    bool passes;
};

/* A prompt may come from a stranger's file, and it may be pasted into a shell. */
static void append_clean(struct strbuf *out, const char *text, size_t length)
{
    for (size_t n, i = 0; i < length; i += n ? n : 1) {
        uint32_t c;
        n = dn_utf8_decode(text + i, length - i, &c);
        if (n && (c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7F) || c >= 0xA0))
            strbuf_append(out, text + i, n);
    }
}

bool clipboard_append(struct strbuf *out, const char *text, bool passed)
{
    struct strbuf clean = {0}, sequence = {0};
    append_clean(&clean, text, strlen(text));
    bool ok = clean.length <= CLIPBOARD_MOST;
    if (ok) {
        char *digits = dn_base64((const uint8_t *)strbuf_text(&clean), clean.length);
        strbuf_printf(&sequence, "\033]52;c;%s\a", digits);
        free(digits);
        if (passed)
            tmux_wrap(out, sequence.data, sequence.length);
        else
            strbuf_append(out, sequence.data, sequence.length);
    }
    strbuf_done(&clean);
    strbuf_done(&sequence);
    return ok;
}

static void ask(void *data)
{
    struct copy *copy = data;
    copy->passes = tmux_passes();
}

static void asked(void *data, bool dropped)
{
    struct copy *copy = data;
    if (!dropped) {
        clipboard_append(&copy->studio->out, copy->text, copy->passes);
        if (!copy->passes)
            studio_tell(copy->studio, ROLE_GOOD,
                        "copied, and sent to tmux; it needs set-clipboard on to hand it on");
    }
    free(copy->text);
    free(copy);
}

/* Is it on its way? */
static bool reach_terminal(struct studio *s, const char *text)
{
    if (!tmux_is_around(&s->probe))
        return clipboard_append(&s->out, text, false);
    struct strbuf trial = {0};
    bool fits = clipboard_append(&trial, text, false);
    strbuf_done(&trial);
    if (fits) {
        struct copy *copy = dn_calloc(1, sizeof *copy);
        *copy = (struct copy){.studio = s, .text = dn_strdup(text)};
        tasks_add(s->tasks, LANE_LOAD, (struct task){ask, asked, copy});
    }
    return fits;
}

void clipboard_copy(struct studio *s, const char *prompt)
{
    studio_keep_cut(s, prompt);
    if (!s->options->config->clipboard)
        studio_tell(s, ROLE_GOOD, "copied: Ctrl-Y puts it in; --clipboard is for other programs");
    else if (reach_terminal(s, prompt))
        studio_tell(s, ROLE_GOOD, "copied, and sent to the terminal's clipboard");
    else
        studio_tell(s, ROLE_WARN, "copied: Ctrl-Y puts it in; it is too long for a terminal");
}
