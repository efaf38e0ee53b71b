/* mma: the layouts of kernels/cuda/mma.cuh, as the emulation has them, against plain loops; and
 * that asynchronous copies are there after their wait and not before. */
#include "check.h"
#include "kernels/cuda/mma.cuh"

enum { M = 16, N = 8, K = 24 };

struct product {
    uint16_t a[M][K], b[N][K], b_turned[K][N]; /* the same b twice */
    float c[M][N], turned[M][N];
};

/* c = a b with steps of 16 and 8, b read by rows and, transposed, by columns */
static void product_kernel(product *p)
{
    unsigned lane = threadIdx.x, g = lane / 4, t = lane % 4;
    alignas(16) static uint16_t a[M][K], b[N][K], b_turned[K][N];
    if (lane == 0) {
        memcpy(a, p->a, sizeof a);
        memcpy(b, p->b, sizeof b);
        memcpy(b_turned, p->b_turned, sizeof b_turned);
    }
    __syncwarp();
    uint32_t left[4], last[2], right[4], turned[4], turned_last[2];
    mma_load_4(left, &a[lane % 16][lane / 16 * 8]);
    mma_load_2(last, &a[lane % 16][16]);
    mma_load_4(right, &b[lane % 8][lane / 8 < 3 ? lane / 8 * 8 : 0]);
    mma_load_4_trans(turned, &b_turned[lane % 16][0]);
    mma_load_2_trans(turned_last, &b_turned[16 + lane % 8][0]);
    float c[4] = {}, d[4] = {};
    mma_16x8x16(c, left, right[0], right[1]);
    mma_16x8x8(c, last[0], last[1], right[2]);
    mma_16x8x16(d, left, turned[0], turned[1]);
    mma_16x8x8(d, last[0], last[1], turned_last[0]);
    for (unsigned e = 0; e < 4; e++) {
        p->c[g + e / 2 * 8][2 * t + e % 2] = c[e];
        p->turned[g + e / 2 * 8][2 * t + e % 2] = d[e];
    }
}

template <typename P> static void run(void (*kernel)(P *), P *p)
{
    auto call = [=] { kernel(p); };
    emulate_launch(
        "mma", dim3(1), dim3(32), 0, [](void *c) { (*(decltype(call) *)c)(); }, &call);
}

TEST(products)
{
    static product p;
    unsigned state = 1;
    for (int i = 0; i < M * K + N * K; i++) {
        state = state * 1664525u + 1013904223u;
        uint16_t x = bf16_from_f32((float)(state >> 8) / 8388608.0f - 1.0f);
        int o = i - M * K;
        if (o < 0)
            p.a[i / K][i % K] = x;
        else
            p.b[o / K][o % K] = p.b_turned[o % K][o / K] = x;
    }
    run(product_kernel, &p);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            double want = 0;
            for (int k = 0; k < K; k++)
                want += (double)f32_from_bf16(p.a[i][k]) * f32_from_bf16(p.b[j][k]);
            CHECK_MSG(fabs(p.c[i][j] - want) < 1e-5, "(%d, %d): %g, not %g", i, j, p.c[i][j], want);
            CHECK_MSG(fabs(p.turned[i][j] - want) < 1e-5, "turned (%d, %d): %g, not %g", i, j,
                      p.turned[i][j], want);
        }
}

struct copies {
    alignas(16) uint8_t from[32][16], to[3][32][16];
    uint8_t before[32], after[32], absent[32], late[32];
};

static void copies_kernel(copies *p)
{
    unsigned lane = threadIdx.x;
    for (int i = 0; i < 3; i++)
        p->to[i][lane][0] = 9;
    copy_async_16(p->to[0][lane], p->from[lane], true);
    copy_async_16(p->to[1][lane], p->from[lane], false);
    p->before[lane] = p->to[0][lane][0];
    copy_async_commit();
    copy_async_16(p->to[2][lane], p->from[lane], true);
    copy_async_commit();
    copy_async_wait<1>();
    p->after[lane] = p->to[0][lane][0];
    p->absent[lane] = p->to[1][lane][0];
    p->late[lane] = p->to[2][lane][0];
    copy_async_wait<0>();
}

TEST(copies_wait)
{
    static copies p;
    memset(p.from, 5, sizeof p.from);
    run(copies_kernel, &p);
    for (int i = 0; i < 32; i++) {
        CHECK(p.before[i] == 9 && p.after[i] == 5 && p.absent[i] == 0);
        CHECK(p.late[i] == 9 && p.to[2][i][0] == 5);
    }
}

TESTS(T(products), T(copies_wait))
