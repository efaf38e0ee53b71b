/* text_fix: repairs what programs do to text: mojibake, curly quotes, ligatures, wide letters,
 * terminal escapes, control characters. */
#ifndef DANAUS_MODEL_TEXT_FIX_H
#define DANAUS_MODEL_TEXT_FIX_H

#include "model/codepoints.h"

/* Appends the repaired text to out, in NFC. Same results as ftfy 6.3.1's fix_text with its default
 * options, which the public pipelines clean their prompts with. */
void text_fix(const struct codepoints *text, struct codepoints *out);

#endif
