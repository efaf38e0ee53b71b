/* relative_position: see relative_position.h. Source: Raffel et al. 2020 (T5), public umT5 code of
 * Wan2.1 (wan/modules/t5.py, T5RelativeEmbedding). */
#include "model/relative_position.h"

#include <math.h>

#define MAX_DISTANCE 128.0

int32_t relative_position_bucket(int64_t distance, int64_t buckets)
{
    const int64_t half = buckets / 2, exact = half / 2;
    const int64_t base = distance > 0 ? half : 0, steps = distance > 0 ? distance : -distance;
    if (steps < exact)
        return (int32_t)(base + steps);
    double octave = log((double)steps / (double)exact) / log(MAX_DISTANCE / (double)exact);
    int64_t bucket = exact + (int64_t)floor(octave * (double)(half - exact));
    return (int32_t)(base + (bucket < half ? bucket : half - 1));
}
