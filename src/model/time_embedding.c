/* time_embedding: see time_embedding.h. Wan2.1, wan/modules/model.py: sinusoidal_embedding_1d. */
#include "model/time_embedding.h"

#include <math.h>

void time_embedding(float *out, int64_t dim, float t)
{
    int64_t half = dim / 2;
    for (int64_t i = 0; i < half; i++) {
        double angle = (double)t * pow(10000.0, -(double)i / (double)half);
        out[i] = (float)cos(angle);
        out[half + i] = (float)sin(angle);
    }
}
