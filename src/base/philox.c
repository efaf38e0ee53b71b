/* philox: see philox.h */
#include "base/philox.h"

#include <math.h>

#define ROUNDS 10
/* multipliers and Weyl increments of the paper, section 3.4 */
#define MULTIPLIER_0 0xD2511F53u
#define MULTIPLIER_1 0xCD9E8D57u
#define WEYL_0 0x9E3779B9u
#define WEYL_1 0xBB67AE85u

void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];

    for (int round = 0; round < ROUNDS; round++) {
        uint64_t p0 = (uint64_t)MULTIPLIER_0 * c0;
        uint64_t p1 = (uint64_t)MULTIPLIER_1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += WEYL_0;
        k1 += WEYL_1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* Two independent normals from two words; u is in (0,1), so the logarithm is finite. */
static void box_muller(uint32_t a, uint32_t b, float out[2])
{
    double u = (a + 0.5) * 0x1p-32;
    double angle = 2 * M_PI * (b * 0x1p-32);
    double radius = sqrt(-2 * log(u));
    out[0] = (float)(radius * cos(angle));
    out[1] = (float)(radius * sin(angle));
}

void philox_normal(uint64_t seed, uint64_t stream, uint64_t first, float *out, int64_t count)
{
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    int64_t done = 0;

    while (done < count) {
        uint64_t index = first + (uint64_t)done;
        uint64_t block = index / 4;
        uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)stream,
                               (uint32_t)(stream >> 32)};
        uint32_t words[4];
        float values[4];
        philox4x32(counter, key, words);
        box_muller(words[0], words[1], values);
        box_muller(words[2], words[3], values + 2);
        for (uint64_t i = index % 4; i < 4 && done < count; i++)
            out[done++] = values[i];
    }
}
