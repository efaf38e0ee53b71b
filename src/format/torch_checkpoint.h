/* torch_checkpoint: files of torch.save, as zip archives (torch 1.6 and later) and as the older
 * stream. A checkpoint is read as data: only the opcodes and names of two fixed tables are
 * understood, and there is no other mode. */
#ifndef DANAUS_FORMAT_TORCH_CHECKPOINT_H
#define DANAUS_FORMAT_TORCH_CHECKPOINT_H

#include <stdio.h>

/* Prints all opcodes and names that a checkpoint may use, one a line. */
void torch_checkpoint_explain(FILE *out);

#endif
