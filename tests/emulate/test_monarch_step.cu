/* monarch_tensor: a step of stage 2 over key rows as Hopper's stage 1 leaves them, sums beside the
 * factors that make them whole and with halves of lines turned, gives what it gives over whole
 * ones. */
#include "check.h"
#include "kernels/cuda/monarch_tensor.cuh"

enum { KEYS = 32, DIM = 128, ROW = 4 * DIM };

struct step {
    alignas(16) unsigned char rows[KEYS * ROW];
    float entropy[2 * KEYS];
    uint32_t query[32][DIM / 16][4];
    float out[32][DIM / 8][4], total[32][2], highest[32][2];
};

/* 8 numbers each of alpha (what 0) and y (1) of a key row, c of 16 */
static unsigned char *chunk(step *s, int key, int what, int c, int turned)
{
    return s->rows + (chunk_at<DIM>(key, what, c) ^ turned);
}

template <bool SHARES> static void step_kernel(step *s, int turned, int left)
{
    alignas(16) static unsigned char rows[KEYS * ROW];
    static float entropy[2 * KEYS];
    unsigned lane = threadIdx.x;
    if (lane == 0) {
        memcpy(rows, s->rows, sizeof rows);
        memcpy(entropy, s->entropy, sizeof entropy);
    }
    __syncwarp();
    stage_2_sums<DIM> sums = {{}, {-3e38f, -3e38f}, {0, 0}};
    stage_2_step<DIM, KEYS, SHARES>(s->query[lane], rows, entropy, left, 0.13f, sums, turned);
    memcpy(s->out[lane], sums.out, sizeof sums.out);
    for (int r = 0; r < 2; r++) {
        s->total[lane][r] = sums.total[r];
        s->highest[lane][r] = sums.highest[r];
    }
}

static float random_number(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) / 8388608.0f - 1.0f;
}

/* Powers of two as factors: both forms round alike. */
static void fill(step *plain, step *summed, int turned)
{
    unsigned state = 7;
    for (int lane = 0; lane < 32; lane++)
        for (int i = 0; i < DIM / 4; i++) {
            float x = random_number(&state), y = random_number(&state);
            plain->query[lane][i / 4][i % 4] = mma_pack(x, y);
        }
    memcpy(summed->query, plain->query, sizeof plain->query);
    for (int key = 0; key < KEYS; key++) {
        float share = key % 3 == 0 ? 0.25f : key % 3 == 1 ? 0.5f : 0.0625f;
        plain->entropy[key] = summed->entropy[2 * key] = random_number(&state);
        summed->entropy[2 * key + 1] = share;
        for (int what = 0; what < 2; what++)
            for (int e = 0; e < DIM; e++) {
                float x = random_number(&state);
                uint16_t whole = bf16_from_f32(x), sum = bf16_from_f32(x / share);
                memcpy(chunk(plain, key, what, e / 8, 0) + e % 8 * 2, &whole, 2);
                memcpy(chunk(summed, key, what, e / 8, turned) + e % 8 * 2, &sum, 2);
            }
    }
}

static void run(bool shares, step *s, int turned, int left)
{
    auto call = [=] {
        shares ? step_kernel<true>(s, turned, left) : step_kernel<false>(s, turned, left);
    };
    emulate_launch(
        "step", dim3(1), dim3(32), 0, [](void *c) { (*(decltype(call) *)c)(); }, &call);
}

TEST(sums_and_shares)
{
    static step plain, summed;
    for (int turned = 0; turned <= 64; turned += 64)
        for (int left = KEYS; left > 0; left -= 11) {
            fill(&plain, &summed, turned);
            run(false, &plain, 0, left);
            run(true, &summed, turned, left);
            double noise = 0, signal = 0;
            for (int i = 0; i < 32 * DIM / 2; i++) {
                double a = plain.out[0][0][i], b = summed.out[0][0][i];
                noise += (a - b) * (a - b);
                signal += a * a;
            }
            CHECK_MSG(signal > 1 && noise < 1e-10 * signal, "turned %d, %d rows: nmse %g", turned,
                      left, noise / signal);
            for (int lane = 0; lane < 32; lane++)
                for (int r = 0; r < 2; r++)
                    CHECK(fabsf(plain.total[lane][r] - summed.total[lane][r]) < 1e-4f &&
                          fabsf(plain.highest[lane][r] - summed.highest[lane][r]) < 1e-4f);
        }
}

TESTS(T(sums_and_shares))
