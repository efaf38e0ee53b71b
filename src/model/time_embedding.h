/* time_embedding: a timestep as a vector of cosines and sines. */
#ifndef DANAUS_MODEL_TIME_EMBEDDING_H
#define DANAUS_MODEL_TIME_EMBEDDING_H

#include <stdint.h>

/* out [dim] = [cos | sin] of t * 10000^(-i / (dim / 2)), in double, rounded to float32. Timesteps
 * are fractional (937.5) and never rounded. dim is even. */
void time_embedding(float *out, int64_t dim, float t);

#endif
