/* relative_position: which row of a position table a distance uses (T5's bidirectional buckets). */
#ifndef DANAUS_MODEL_RELATIVE_POSITION_H
#define DANAUS_MODEL_RELATIVE_POSITION_H

#include <stdint.h>

/* Bucket of distance = key - query. Half of the buckets are for later keys; in each half the first
 * half counts single steps, the rest grow logarithmically up to a distance of 128. buckets is a
 * multiple of 4. */
int32_t relative_position_bucket(int64_t distance, int64_t buckets);

#endif
