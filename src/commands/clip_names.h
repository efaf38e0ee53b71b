/* clip_names: what the files of each clip are called. */
#ifndef DANAUS_COMMANDS_CLIP_NAMES_H
#define DANAUS_COMMANDS_CLIP_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/* The output of clip number index (0-based) of `clips`; the caller frees.
 *   pattern NULL            SEED-first-words-of-the-prompt.mp4; of several INDEX-SEED-words.mp4
 *   one clip                pattern as it is
 *   several, pattern DIR/   DIR/INDEX-SEED-words.mp4 (also when DIR exists as a directory)
 *   several, NAME.EXT       NAME-INDEX.EXT; without an extension NAME-INDEX */
char *clip_output_name(const char *pattern, int64_t index, int64_t clips, uint64_t seed,
                       const char *prompt);

/* Lower-case words of text joined by '-', ASCII letters and digits, at most 40 bytes; "clip" when
 * nothing is left. The caller frees. */
char *clip_slug(const char *text);

#endif
