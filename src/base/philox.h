/* philox: random numbers by address, not by order.
 *
 * A value depends on (seed, stream, index) alone, so any part of a clip can be made again without
 * making what came before it. Philox4x32 with 10 rounds; Salmon, Moraes, Dror, Shaw: "Parallel
 * random numbers: as easy as 1, 2, 3", SC 2011. */
#ifndef DANAUS_BASE_PHILOX_H
#define DANAUS_BASE_PHILOX_H

#include <stdint.h>

/* The bare generator: out = 10 rounds over counter with key. */
void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* Standard normal values number first .. first+count of (seed, stream), as float32. Value i comes
 * from block i / 4; the pairs (0,1) and (2,3) of a block are Box-Muller pairs computed in double.
 */
void philox_normal(uint64_t seed, uint64_t stream, uint64_t first, float *out, int64_t count);

#endif
