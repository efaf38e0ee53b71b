/* mojibake: UTF-8 that some program read as a one-byte encoding ("cafÃ©"), found and undone. */
#ifndef DANAUS_MODEL_MOJIBAKE_H
#define DANAUS_MODEL_MOJIBAKE_H

#include "model/codepoints.h"

/* True when some neighbours in text[0..length) hardly ever stand together in text that is meant. */
bool mojibake_is_likely(const uint32_t *text, size_t length);

/* Undoes wrong decodings in text until nothing looks wrong any more or nothing helps. Same results
 * as ftfy 6.3.1's fix_encoding. */
void mojibake_fix(struct codepoints *text);

/* The kinds (enum kind) of one character. */
uint32_t mojibake_kinds(uint32_t c);

/* What the C1 control c means in windows-1252; other characters stay. */
uint32_t mojibake_c1_meaning(uint32_t c);

#endif
