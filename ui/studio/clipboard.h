/* clipboard: prompts that are copied: for the studio's own Ctrl-Y, and where the user wants that
 * for other programs, by OSC 52 (invisible-island.net/xterm/ctlseqs), which also works over SSH.
 * What is on the clipboard is never asked for. */
#ifndef DANAUS_UI_STUDIO_CLIPBOARD_H
#define DANAUS_UI_STUDIO_CLIPBOARD_H

#include "ui/studio/studio_internal.h"

/* More text no terminal need take: the sequence is 100 000 bytes then. */
enum { CLIPBOARD_MOST = 74994 };

/* Copies the prompt and tells the user. */
void clipboard_copy(struct studio *s, const char *prompt);

/* Appends the sequence that puts text on the clipboard, without its control characters but newlines
 * and tabs; passed: in the wrapping of tmux's passthrough. False: it is too long, nothing was
 * appended. */
bool clipboard_append(struct strbuf *out, const char *text, bool passed);

/* screen_studio.c: what Ctrl-Y puts into the prompt from now on. */
void studio_keep_cut(struct studio *s, const char *text);

#endif
