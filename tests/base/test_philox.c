/* philox against the known-answer vectors of Random123, and its normal values. */
#include <math.h>

#include "base/philox.h"
#include "check.h"

TEST(known_answers)
{
    /* Random123, tests/kat_vectors: philox4x32 10 */
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t out[4];
        philox4x32(cases[i].counter, cases[i].key, out);
        CHECK(memcmp(out, cases[i].out, sizeof out) == 0);
    }
}

TEST(normal_from_words)
{
    /* block 0 of seed 0, stream 0 is the first vector above */
    float got[2];
    philox_normal(0, 0, 0, got, 2);
    double radius = sqrt(-2 * log((0x6627e8d5 + 0.5) / 4294967296.0));
    double angle = 2 * M_PI * (0xe169c58d / 4294967296.0);
    CHECK(got[0] == (float)(radius * cos(angle)));
    CHECK(got[1] == (float)(radius * sin(angle)));
}

TEST(any_part_alone)
{
    float all[64], part[64];
    philox_normal(7, 99, 0, all, 64);
    for (int first = 0; first < 13; first++) {
        for (int count = 1; count < 20; count++) {
            philox_normal(7, 99, (uint64_t)first, part, count);
            CHECK(memcmp(part, all + first, (size_t)count * sizeof *part) == 0);
        }
    }
}

TEST(streams_and_seeds_differ)
{
    float a[8], b[8], c[8];
    philox_normal(1, 0, 0, a, 8);
    philox_normal(2, 0, 0, b, 8);
    philox_normal(1, 1ull << 40, 0, c, 8);
    CHECK(memcmp(a, b, sizeof a) != 0);
    CHECK(memcmp(a, c, sizeof a) != 0);
}

TEST(moments)
{
    enum { N = 200000 };
    static float x[N];
    double mean = 0, square = 0, fourth = 0, neighbours = 0;
    philox_normal(42, 3, 0, x, N);
    for (int i = 0; i < N; i++) {
        mean += x[i];
        square += (double)x[i] * x[i];
        fourth += pow(x[i], 4);
        neighbours += i ? (double)x[i] * x[i - 1] : 0;
    }
    /* five standard errors each */
    CHECK_MSG(fabs(mean / N) < 5 / sqrt(N), "mean %g", mean / N);
    CHECK_MSG(fabs(square / N - 1) < 5 * sqrt(2.0 / N), "variance %g", square / N);
    CHECK_MSG(fabs(fourth / N - 3) < 5 * sqrt(96.0 / N), "fourth moment %g", fourth / N);
    CHECK_MSG(fabs(neighbours / N) < 5 / sqrt(N), "neighbours %g", neighbours / N);
}

TESTS(T(known_answers), T(normal_from_words), T(any_part_alone), T(streams_and_seeds_differ),
      T(moments))
