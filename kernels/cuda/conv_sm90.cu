/* conv on Hopper: implicit matrix product on wgmma, operands brought by the tensor copy engine.
 *
 *   y[t,i,j,o] = b[o] + sum_(kt,kh,kw,c) W[o,kt,kh,kw,c] x[t+kt, i+kh-top, j+kw-left, c]
 *                (+ residual[t,i,j,o])
 *
 * A block makes UNITS x 2 units of 8x8 pixels by N channels. For each kt and CHUNK of channels it
 * copies the pixels under the units once, with the rim that the taps (kh, kw) need, zeros outside
 * of the picture included: [rows + kh - 1][cols + kw - 1][CHUNK], "patch". The A operand of a tap
 * is 8 rows of 8 pixels out of the patch: 8 neighbouring pixels are one group of the operand's
 * rows, a patch row is the way to the next group, and a tap is an offset of the start. So a pixel
 * comes once from L2 for all taps of a plane. The B operand of a tap, W[N, CHUNK], is brought tap
 * by tap.
 *
 * With strides in space a tap finds no neighbours in a patch; then every tap has a patch of its
 * own, of every step-th pixel. A residual is a frame more, of which only the tap of a pixel itself
 * is taken, times the identity: it comes through the same ring, and storing waits for no load.
 *
 * Warpgroup 0 asks for copies (one thread for patches, one for weights); warpgroups 1 and 2 compute
 * UNITS units each, the second some taps behind the first ("lead"), so that one can compute while
 * the other stores. Blocks stay and take every gridDim-th item, so the copies for the next item run
 * while the one before is stored. Frames come before pixels in the order of items: the blocks that
 * run at one time see the same pixels of neighbouring frames, which are then in L2.
 *
 * H200, 4 frames, 3x3x3 with residual: 192 channels at 240x416 787 TFLOP/s, 96 at 480x832 703,
 * where the tensor units are busy 69 % of the cycles at 1.75 GHz (kernels/NOTES.md). */
#include "kernels/cuda/conv.cuh"
#include "kernels/cuda/cuda_rows.cuh"
#include "kernels/cuda/hopper.cuh"

enum { UNIT = 8, CONSUMERS = 2, THREADS = 128 * (1 + CONSUMERS), MAX_STAGES = 16 };
enum { SHARED_BYTES = 227 * 1024, TILE_ALIGN = 1024, BARRIER_BYTES = (4 * MAX_STAGES + 1) * 8 };

struct conv_sm90_problem {
    CUtensorMap x, w;
    CUtensorMap residual, identity; /* as x and w */
    int residuals;                  /* planes of the residual an item takes, 0: none */
    uint16_t *y;
    const float *bias;  /* NULL: none */
    const float *gamma; /* of a norm over the channels; NULL: none */
    int silu;
    int first, split, later; /* frame f that is seen is frame f + (f < split ? first : later) of x */
    int out, chunks, top, left;
    int step_t, step;       /* strides, the latter of rows and columns */
    int kt, groups, kh, kw; /* taps: in time; brought by patches of their own; found in one patch */
    int group_cols;         /* groups lie in rows of so many */
    int y_t, y_h, y_w;      /* before corners are put in place */
    int corners;            /* channels of a pixel then; 0: they are not */
    int unit_cols;          /* units side by side in a block's tile */
    int tile_rows, tile_cols;                  /* pixels of the tile */
    int across, tiles_n, items;                /* tiles in a row of the picture, in channels, all */
    int pitch;                                 /* pixels of a row of the patch */
    int patch_bytes, patch_room, patch_stages; /* copied; room kept for it */
    int w_room, w_stages;
    int lead; /* taps */
};

#ifdef HOPPER_CODE
/* Where an item lies. */
struct item_place {
    int first_out, t, row, col;
};

__device__ inline item_place place_of(const conv_sm90_problem &p, int item)
{
    int n = item % p.tiles_n, rest = item / p.tiles_n;
    int t = rest % p.y_t, tile = rest / p.y_t;
    return item_place{n, t, tile / p.across * p.tile_rows, tile % p.across * p.tile_cols};
}

/* The next place in a ring: its index, and the parity of its turn. */
struct ring {
    int at, stages;
    uint32_t parity;
    __device__ inline void next()
    {
        if (++at == stages) {
            at = 0;
            parity ^= 1;
        }
    }
};

/* A plane of an item is a patch with the products that it takes part in. Those of the residual
 * come between the first ones, so that no time is without much to multiply. */
struct plane_place {
    bool residual;
    int index;
};

__device__ inline plane_place plane_of(const conv_sm90_problem &p, int plane)
{
    if (plane < 2 * p.residuals)
        return plane_place{plane % 2 == 1, plane / 2};
    return plane_place{false, plane - p.residuals};
}

__device__ inline int planes_of(const conv_sm90_problem &p)
{
    return p.kt * p.groups * p.chunks + p.residuals;
}

struct conv_shared {
    char *patches, *weights;
    uint64_t *patch_full, *patch_empty, *w_full, *w_empty;
    uint64_t *led; /* the first group has its lead */
};

__device__ inline conv_shared shared_of(const conv_sm90_problem &p)
{
    conv_shared s;
    uint32_t raw = hopper_shared(cuda_shared());
    s.patches = (char *)cuda_shared() + ((TILE_ALIGN - raw % TILE_ALIGN) % TILE_ALIGN);
    s.weights = s.patches + p.patch_room * p.patch_stages;
    s.patch_full = (uint64_t *)(s.weights + p.w_room * p.w_stages);
    s.patch_empty = s.patch_full + MAX_STAGES;
    s.w_full = s.patch_empty + MAX_STAGES;
    s.w_empty = s.w_full + MAX_STAGES;
    s.led = s.w_empty + MAX_STAGES;
    return s;
}

template <int N, int CHUNK>
__device__ inline void bring_patches(const conv_sm90_problem &p, const conv_shared &s)
{
    ring r = {0, p.patch_stages, 1};
    for (int item = (int)blockIdx.x; item < p.items; item += (int)gridDim.x) {
        const item_place at = place_of(p, item);
        for (int plane = 0; plane < planes_of(p); plane++) {
            const plane_place here = plane_of(p, plane);
            const int chunk = here.index % p.chunks, group = here.index / p.chunks % p.groups;
            char *to = s.patches + p.patch_room * r.at;
            hopper_barrier_wait(&s.patch_empty[r.at], r.parity);
            hopper_barrier_expect(&s.patch_full[r.at], (uint32_t)p.patch_bytes);
            if (here.residual) {
                hopper_load_4d(to, &p.residual, &s.patch_full[r.at],
                               at.first_out * N + here.index * CHUNK, at.col - p.left,
                               at.row - p.top, at.t);
            } else {
                const int seen = at.t * p.step_t + here.index / p.chunks / p.groups;
                hopper_load_4d(to, &p.x, &s.patch_full[r.at], chunk * CHUNK,
                               at.col * p.step - p.left + group % p.group_cols,
                               at.row * p.step - p.top + group / p.group_cols,
                               seen + (seen < p.split ? p.first : p.later));
            }
            r.next();
        }
    }
}

template <int N, int CHUNK>
__device__ inline void bring_weights(const conv_sm90_problem &p, const conv_shared &s)
{
    ring r = {0, p.w_stages, 1};
    for (int item = (int)blockIdx.x; item < p.items; item += (int)gridDim.x)
        for (int plane = 0; plane < planes_of(p); plane++) {
            const plane_place here = plane_of(p, plane);
            const int taps = here.residual ? 1 : p.kh * p.kw;
            const int c = here.index % p.chunks * CHUNK, first_tap = here.index / p.chunks * taps;
            for (int tap = 0; tap < taps; tap++) {
                char *to = s.weights + p.w_room * r.at;
                hopper_barrier_wait(&s.w_empty[r.at], r.parity);
                hopper_barrier_expect(&s.w_full[r.at], N * CHUNK * 2);
                if (here.residual)
                    hopper_load_3d(to, &p.identity, &s.w_full[r.at], here.index * CHUNK, 0, 0);
                else
                    hopper_load_3d(to, &p.w, &s.w_full[r.at], c, item % p.tiles_n * N,
                                   first_tap + tap);
                r.next();
            }
        }
}

/* v[i] of lane q of four becomes v[q] of lane i. */
__device__ inline void turn_quad(uint32_t (&v)[4])
{
    const unsigned lane = threadIdx.x % 4;
#pragma unroll
    for (int i = 0; i < 4; i += 2) {
        uint32_t got = __shfl_xor_sync(0xFFFFFFFFu, lane & 1 ? v[i] : v[i + 1], 1);
        v[i] = lane & 1 ? got : v[i];
        v[i + 1] = lane & 1 ? v[i + 1] : got;
    }
#pragma unroll
    for (int i = 0; i < 2; i++) {
        uint32_t got = __shfl_xor_sync(0xFFFFFFFFu, lane & 2 ? v[i] : v[i + 2], 2);
        v[i] = lane & 2 ? got : v[i];
        v[i + 2] = lane & 2 ? v[i + 2] : got;
    }
}

/* Where channel o of a pixel goes; -1: nowhere. */
__device__ inline int64_t element_of(const conv_sm90_problem &p, int t, int row, int col, int o)
{
    if (row >= p.y_h || col >= p.y_w || o >= p.out)
        return -1;
    if (!p.corners)
        return (((int64_t)t * p.y_h + row) * p.y_w + col) * p.out + o;
    const int phase = o / p.corners, rows = 2 * p.y_h - 2, cols = 2 * p.y_w - 2;
    row = 2 * row - 1 + phase / 2;
    col = 2 * col - 1 + phase % 2;
    if (row < 0 || row >= rows || col < 0 || col >= cols)
        return -1;
    return (((int64_t)t * rows + row) * cols + col) * p.corners + o - phase * p.corners;
}

/* y = act(x / max(|x|, 1e-12) * sqrt(N) * gamma) over a pixel's channels, which are all here. */
template <int N>
__device__ inline void norm_pixel(const conv_sm90_problem &p, float (&d)[N / 2], int half)
{
    const int lane = (int)threadIdx.x % 4;
    float squares = 0;
#pragma unroll
    for (int i = 0; i < N / 4; i++) {
        float x = d[i / 2 * 4 + 2 * half + i % 2];
        squares += x * x;
    }
    squares += __shfl_xor_sync(0xFFFFFFFFu, squares, 1);
    squares += __shfl_xor_sync(0xFFFFFFFFu, squares, 2);
    const float factor = sqrtf((float)N) / fmaxf(sqrtf(squares), 1e-12f);
#pragma unroll
    for (int j = 0; j < N / 8; j++) {
        float2 g = *(const float2 *)(p.gamma + 8 * j + 2 * lane);
        float low = d[4 * j + 2 * half] * factor * g.x;
        float high = d[4 * j + 2 * half + 1] * factor * g.y;
        d[4 * j + 2 * half] = p.silu ? cuda_silu_fast(low) : low;
        d[4 * j + 2 * half + 1] = p.silu ? cuda_silu_fast(high) : high;
    }
}

/* A pixel's N channels from first_out on; d as wgmma left it, half 0 or 1 of its rows. Four lanes
 * hold a pixel, two channels in eight each; turned, a lane has eight that follow each other. */
template <int N>
__device__ inline void store_pixel(const conv_sm90_problem &p, float (&d)[N / 2], int half, int t,
                                   int row, int col, int first_out)
{
    const int lane = (int)threadIdx.x % 4;
    if constexpr (N % 32 != 0) {
#pragma unroll
        for (int i = 0; i < N / 4; i++) {
            int64_t at = element_of(p, t, row, col, first_out + i / 2 * 8 + 2 * lane + i % 2);
            if (at >= 0)
                p.y[at] = (uint16_t)cuda_pack_bf16(d[i / 2 * 4 + 2 * half + i % 2], 0.0f);
        }
    } else {
        const int o = first_out + 8 * lane;
        uint16_t *to = p.y + (((int64_t)t * p.y_h + row) * p.y_w + col) * p.out + o;
        const int there = row < p.y_h && col < p.y_w ? p.out - o : 0; /* channels from o on */
        if (p.gamma)
            norm_pixel<N>(p, d, half);
#pragma unroll
        for (int g = 0; g < N / 32; g++) {
            uint32_t v[4];
#pragma unroll
            for (int i = 0; i < 4; i++)
                v[i] =
                    cuda_pack_bf16(d[16 * g + 4 * i + 2 * half], d[16 * g + 4 * i + 2 * half + 1]);
            turn_quad(v);
            if (p.corners) {
                int64_t at = element_of(p, t, row, col, o + 32 * g);
                if (at >= 0)
                    *(uint4 *)(p.y + at) = uint4{v[0], v[1], v[2], v[3]};
            } else if (32 * g < there) {
                *(uint4 *)(to + 32 * g) = uint4{v[0], v[1], v[2], v[3]};
            }
        }
    }
}

/* The sums begin with the bias. */
template <int N, int UNITS>
__device__ inline void begin_sums(const conv_sm90_problem &p, float (&d)[UNITS][N / 2],
                                  int first_out)
{
    const int first = first_out + (int)threadIdx.x % 4 * 2;
#pragma unroll
    for (int j = 0; j < N / 8; j++)
#pragma unroll
        for (int e = 0; e < 2; e++) {
            const int o = first + 8 * j + e;
            const float b = p.bias && o < p.out ? p.bias[o] : 0.0f;
#pragma unroll
            for (int u = 0; u < UNITS; u++)
                d[u][4 * j + e] = d[u][4 * j + 2 + e] = b;
        }
}

template <int N, int CHUNK, int UNITS>
__device__ inline void compute(const conv_sm90_problem &p, const conv_shared &s, int group)
{
    constexpr int ROW = CHUNK * 2; /* bytes of a pixel in a patch, of a channel's weights */
    constexpr hopper_layout LAYOUT = ROW == 128 ? HOPPER_128B : HOPPER_64B;
    const int warp = (int)threadIdx.x % 128 / 32, lane = (int)threadIdx.x % 32;
    const uint64_t a_form = hopper_operand(0, (uint32_t)(p.pitch * ROW), 0, LAYOUT);
    const uint64_t b_form = hopper_operand(0, 8 * ROW, 0, LAYOUT);
    uint32_t unit_at[UNITS];
#pragma unroll
    for (int u = 0; u < UNITS; u++) {
        int unit = group * UNITS + u;
        unit_at[u] =
            (uint32_t)((unit / p.unit_cols * UNIT * p.pitch + unit % p.unit_cols * UNIT) * ROW);
    }
    ring patch = {0, p.patch_stages, 0}, w = {0, p.w_stages, 0};
    int lead = group == 0 ? p.lead : 0; /* taps until the second group may begin */
    if (group == 1 && p.lead > 0)
        hopper_barrier_wait(s.led, 0);
    for (int item = (int)blockIdx.x; item < p.items; item += (int)gridDim.x) {
        float d[UNITS][N / 2];
        begin_sums<N, UNITS>(p, d, item % p.tiles_n * N);
        uint64_t *w_done = NULL, *patch_done = NULL; /* what the products under way will free */
        hopper_products_begin();
        for (int plane = 0; plane < planes_of(p); plane++) {
            const bool residual = plane_of(p, plane).residual; /* one tap, a pixel itself */
            const int kh_end = residual ? p.top + 1 : p.kh, kw_end = residual ? p.left + 1 : p.kw;
            hopper_barrier_wait(&s.patch_full[patch.at], patch.parity);
            const uint32_t patch_at = hopper_shared(s.patches + p.patch_room * patch.at);
            for (int kh = residual ? p.top : 0; kh < kh_end; kh++)
                for (int kw = residual ? p.left : 0; kw < kw_end; kw++) {
                    hopper_barrier_wait(&s.w_full[w.at], w.parity);
                    const uint32_t a_at = patch_at + (uint32_t)((kh * p.pitch + kw) * ROW);
                    const uint64_t b = b_form + (hopper_shared(s.weights + p.w_room * w.at) >> 4);
                    hopper_products_begin();
#pragma unroll
                    for (int k = 0; k < CHUNK / 16; k++)
#pragma unroll
                        for (int u = 0; u < UNITS; u++) {
                            uint64_t a = a_form + ((a_at + unit_at[u]) >> 4) + (uint64_t)(2 * k);
                            hopper_product<N>::template shared<>(d[u], a, b + (uint64_t)(2 * k), 1);
                        }
                    hopper_products_commit();
                    hopper_products_wait<1>();
                    if (w_done && lane == 0)
                        hopper_barrier_arrive(w_done);
                    if (patch_done && lane == 0)
                        hopper_barrier_arrive(patch_done);
                    w_done = &s.w_empty[w.at];
                    patch_done = NULL;
                    w.next();
                    if (lead > 0 && --lead == 0 && threadIdx.x % 128 == 0)
                        hopper_barrier_arrive(s.led);
                }
            patch_done = &s.patch_empty[patch.at];
            patch.next();
            if (lead > 0 &&
                plane + 2 >= p.patch_stages) { /* no patch beyond the next is to be had */
                lead = 0;
                if (threadIdx.x % 128 == 0)
                    hopper_barrier_arrive(s.led);
            }
        }
        hopper_products_wait<0>();
        if (lane == 0) {
            hopper_barrier_arrive(w_done);
            hopper_barrier_arrive(patch_done);
        }
        if (lead > 0 && threadIdx.x % 128 == 0)
            hopper_barrier_arrive(s.led);
        lead = 0;
        item_place at = place_of(p, item);
#pragma unroll
        for (int u = 0; u < UNITS; u++) {
            hopper_products_touch(d[u]);
            int unit = group * UNITS + u;
#pragma unroll
            for (int half = 0; half < 2; half++) {
                int row = at.row + unit / p.unit_cols * UNIT + 2 * warp + half;
                int col = at.col + unit % p.unit_cols * UNIT + lane / 4;
                store_pixel<N>(p, d[u], half, at.t, row, col, at.first_out * N);
            }
        }
    }
}
#endif

enum { IDENTITY = 192 }; /* the widest tile */
struct alignas(128) identity_matrix {
    uint16_t at[IDENTITY][IDENTITY];
    constexpr identity_matrix() : at()
    {
        for (int i = 0; i < IDENTITY; i++)
            at[i][i] = 0x3F80; /* bf16 1 */
    }
};
__device__ const identity_matrix conv_identity;

template <int N, int CHUNK, int UNITS>
__global__ void __launch_bounds__(THREADS, 1)
    conv_sm90_kernel(const __grid_constant__ conv_sm90_problem p)
{
#ifdef HOPPER_CODE
    const conv_shared s = shared_of(p);
    if (threadIdx.x == 0) {
        for (int i = 0; i < MAX_STAGES; i++) {
            hopper_barrier_init(&s.patch_full[i], 1);
            hopper_barrier_init(&s.patch_empty[i], 4 * CONSUMERS);
            hopper_barrier_init(&s.w_full[i], 1);
            hopper_barrier_init(&s.w_empty[i], 4 * CONSUMERS);
        }
        hopper_barrier_init(s.led, 1);
        hopper_barrier_init_done();
    }
    __syncthreads();
    if (threadIdx.x < 128) {
        hopper_registers_down<24>();
        if (threadIdx.x == 0)
            bring_patches<N, CHUNK>(p, s);
        else if (threadIdx.x == 32)
            bring_weights<N, CHUNK>(p, s);
    } else {
        hopper_registers_up<240>();
        compute<N, CHUNK, UNITS>(p, s, (int)threadIdx.x / 128 - 1);
    }
#endif
}

/* --- host --- */

struct tile {
    const char *name;
    int n, chunk, units;
    int speed; /* of a full grid, measured, in percent of the fastest with this chunk */
    void (*kernel)(const conv_sm90_problem p);
};

template <int N, int CHUNK, int UNITS> static constexpr tile tile_of(const char *name, int speed)
{
    return tile{name, N, CHUNK, UNITS, speed, conv_sm90_kernel<N, CHUNK, UNITS>};
}

static const tile tiles[] = {
    tile_of<192, 64, 2>("2x2 units, 192 channels, 64 deep", 100),
    tile_of<192, 64, 1>("2x1 units, 192 channels, 64 deep", 97),
    tile_of<128, 64, 2>("2x2 units, 128 channels, 64 deep", 98),
    tile_of<96, 32, 4>("2x4 units, 96 channels, 32 deep", 100),
    tile_of<96, 32, 2>("2x2 units, 96 channels, 32 deep", 90),
    tile_of<96, 32, 1>("2x1 units, 96 channels, 32 deep", 78),
    tile_of<8, 32, 4>("2x4 units, 8 channels, 32 deep", 100),
};
enum { TILES = sizeof tiles / sizeof tiles[0] };

const char *conv_sm90_tile_name(int tile)
{
    return tile < TILES ? tiles[tile].name : NULL;
}

static int up_to(int64_t n, int64_t step)
{
    return (int)((n + step - 1) / step);
}

/* It comes as a frame more of which the tap of a pixel itself is taken, times 1. */
static bool residual_suits(const struct conv *c, const struct tensor *residual)
{
    const struct conv_args *a = &c->args;
    return (uintptr_t)residual->data % 16 == 0 && c->out % 8 == 0 && a->stride_h == 1 &&
           a->pad_top < c->kh && a->pad_left < c->kw &&
           c->kt * up_to(c->in, c->in % 64 == 0 ? 64 : 32) >= 3; /* planes to come between */
}

bool conv_sm90_suits(const struct exec *ex, const struct tensor *y, const struct tensor *x,
                     const struct conv *c, const struct conv_extra *extra)
{
    const struct conv_args *a = &c->args;
    const struct tensor *residual = extra->residual;
    return hopper_here(ex) && ex->dtype == DTYPE_BF16 && x->dtype == DTYPE_BF16 &&
           y->dtype == DTYPE_BF16 && (!residual || residual->dtype == DTYPE_BF16) &&
           (c->out % (a->corners ? 32 : 8) == 0 || c->out < 8) && a->stride_h == a->stride_w &&
           a->stride_h <= 2 && c->kh <= 8 && c->kw <= 8 && x->shape[3] % 8 == 0 &&
           (uintptr_t)x->data % 16 == 0 && (uintptr_t)y->data % 16 == 0 &&
           (!residual || residual_suits(c, residual));
}

/* Lays out units so that the fewest tiles cover the picture. */
static void place_units(conv_sm90_problem *p, const struct tile *tile)
{
    const int units = tile->units * CONSUMERS;
    int best = 0;
    for (int cols = 1; cols <= units; cols *= 2) {
        int rows = units / cols;
        int across = up_to(p->y_w, cols * UNIT), tiles = across * up_to(p->y_h, rows * UNIT);
        int rim = (rows * UNIT + p->kh - 1) * (cols * UNIT + p->kw - 1);
        if (best && (tiles > best || (tiles == best && rim >= p->patch_bytes)))
            continue;
        best = tiles;
        p->patch_bytes = rim; /* pixels, so far */
        p->unit_cols = cols;
        p->tile_rows = rows * UNIT;
        p->tile_cols = cols * UNIT;
        p->across = across;
    }
    p->items = best * p->y_t * p->tiles_n;
    p->pitch = p->tile_cols + p->kw - 1;
    p->patch_bytes *= tile->chunk * 2;
}

/* Shares the block's memory out: three patches where four stages of weights still fit, else two. */
static void place_stages(conv_sm90_problem *p, const struct tile *tile)
{
    const int all = SHARED_BYTES - TILE_ALIGN - BARRIER_BYTES;
    p->patch_room = up_to(p->patch_bytes, TILE_ALIGN) * TILE_ALIGN;
    p->w_room = up_to(tile->n * tile->chunk * 2, TILE_ALIGN) * TILE_ALIGN;
    p->patch_stages = 3 * p->patch_room + 4 * p->w_room <= all ? 3 : 2;
    p->w_stages = (all - p->patch_stages * p->patch_room) / p->w_room;
    p->w_stages = p->w_stages < MAX_STAGES ? p->w_stages : (int)MAX_STAGES;
#ifdef LAB_NO_LEAD
    p->lead = 0;
#else
    p->lead = tile->n == 8 ? 0 : p->w_stages - 1; /* few channels: 603 us without, 760 with */
#endif
    assert(p->w_stages >= 2);
}

static bool make_maps(const struct exec *ex, conv_sm90_problem *p, const struct tensor *x,
                      const struct conv *c, const struct conv_extra *extra, const struct tile *tile,
                      struct dn_error *err)
{
    const CUtensorMapSwizzle swizzle =
        tile->chunk == 64 ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_64B;
    const int64_t in = x->shape[3], h = x->shape[1], w = x->shape[2], taps = c->kt * c->kh * c->kw;
    const struct hopper_tensor pixels = {
        x->data,
        4,
        {in, w, h, x->shape[0]},
        {1, in, w * in, h * w * in},
        {tile->chunk, p->pitch * p->step, (p->tile_rows + p->kh - 1) * p->step, 1},
        swizzle,
        {1, p->step, p->step, 1}};
    const struct hopper_tensor weights = {in == c->in ? c->weights.data : c->wide.data,
                                          3,
                                          {in, c->out, taps},
                                          {1, taps * in, in},
                                          {tile->chunk, tile->n, 1},
                                          swizzle,
                                          {1, 1, 1}};
    if (p->residuals) {
        struct hopper_tensor like_y = pixels, identity = weights;
        const int64_t h_y = p->y_h, w_y = p->y_w, out = c->out;
        const int64_t shape[] = {out, w_y, h_y, p->y_t},
                      stride[] = {1, out, w_y * out, h_y * w_y * out};
        memcpy(like_y.shape, shape, sizeof shape);
        memcpy(like_y.stride, stride, sizeof stride);
        like_y.data = extra->residual->data;
        if (!ex->books.open)
            CUDA_TRY("conv", cudaGetSymbolAddress(&identity.data, conv_identity), err);
        const int64_t sizes[] = {IDENTITY, IDENTITY, 1};
        const int64_t steps[] = {1, IDENTITY, IDENTITY * IDENTITY};
        memcpy(identity.shape, sizes, sizeof sizes);
        memcpy(identity.stride, steps, sizeof steps);
        if (!hopper_tensor_map(ex, &p->residual, "conv", &like_y, err) ||
            !hopper_tensor_map(ex, &p->identity, "conv", &identity, err))
            return false;
    }
    return hopper_tensor_map(ex, &p->x, "conv", &pixels, err) &&
           hopper_tensor_map(ex, &p->w, "conv", &weights, err);
}

static conv_sm90_problem problem_of(const struct tensor *y, const struct tensor *x,
                                    const struct conv *c, const struct conv_extra *extra,
                                    const struct tile *tile)
{
    conv_sm90_problem p = {};
    p.y = (uint16_t *)y->data;
    p.residuals = extra->residual ? tile->n / tile->chunk : 0;
    p.gamma = extra->gamma && c->out == tile->n ? (const float *)extra->gamma->data : NULL;
    p.silu = extra->silu;
    p.first = extra->runs ? (int)extra->first : 0;
    p.split = extra->runs ? (int)extra->split : (int)x->shape[0];
    p.later = extra->runs ? (int)(extra->then - extra->split) : 0;
    p.bias = (const float *)c->bias.data;
    p.out = (int)c->out;
    p.chunks = up_to(c->in, tile->chunk);
    const bool apart = c->args.stride_h > 1; /* neighbours in y are none in x */
    p.step_t = (int)c->args.stride_t;
    p.step = (int)c->args.stride_h;
    p.kt = (int)c->kt;
    p.groups = apart ? (int)(c->kh * c->kw) : 1;
    p.group_cols = (int)c->kw;
    p.kh = apart ? 1 : (int)c->kh;
    p.kw = apart ? 1 : (int)c->kw;
    p.top = (int)c->args.pad_top;
    p.left = (int)c->args.pad_left;
    p.y_t = (int)y->shape[0];
    p.corners = c->args.corners ? (int)c->out / 4 : 0;
    p.y_h = (int)(p.corners ? y->shape[1] / 2 + 1 : y->shape[1]);
    p.y_w = (int)(p.corners ? y->shape[2] / 2 + 1 : y->shape[2]);
    p.tiles_n = up_to(c->out, tile->n);
    place_units(&p, tile);
    place_stages(&p, tile);
    return p;
}

bool conv_sm90_tile(struct exec *ex, const struct tensor *y, const struct tensor *x,
                    const struct conv *c, const struct conv_extra *extra, int which,
                    struct dn_error *err)
{
    const struct tile *tile = &tiles[which];
    const int processors = ex->processors;
    conv_sm90_problem p = problem_of(y, x, c, extra, tile);
    if (!make_maps(ex, &p, x, c, extra, tile, err))
        return false;
    return cuda_launch(ex, "conv", err, tile->kernel,
                       dim3((unsigned)(p.items < processors ? p.items : processors)), THREADS,
                       SHARED_BYTES, p) &&
           (!extra->gamma || p.gamma ||
            cuda_channel_norm(ex, y, y, extra->gamma, extra->silu, err));
}

/* The depth of a tile decides in which order products are added, so it follows from the convolution
 * alone: how many frames come at once must not change a result. */
static bool tile_suits(const struct tile *tile, const struct conv *c)
{
    if (c->out < 8)
        return tile->n == 8;
    return tile->n > 8 && tile->chunk == (c->in % 64 == 0 ? 64 : 32);
}

/* Can a norm be done on the sums? If so it always is. */
static bool norm_suits(const struct conv *c)
{
    for (int i = 0; i < TILES; i++)
        if (tile_suits(&tiles[i], c) && tiles[i].n == c->out)
            return true;
    return false;
}

/* A measure of a tile's time: turns of the blocks, cycles of the tensor units in one. */
static int64_t cost(const struct tensor *y, const struct tensor *x, const struct conv *c,
                    const struct tile *tile, int processors)
{
    static const struct conv_extra nothing = {};
    conv_sm90_problem p = problem_of(y, x, c, &nothing, tile);
    int64_t product = tile->n / 2 > 16 + tile->n / 4 ? tile->n / 2 : 16 + tile->n / 4;
    return (int64_t)up_to(p.items, processors) * tile->units * product * p.chunks * tile->chunk *
           100 / tile->speed;
}

bool conv_sm90(struct exec *ex, const struct tensor *y, const struct tensor *x,
               const struct conv *c, const struct conv_extra *extra, struct dn_error *err)
{
    const bool normed = extra->gamma && norm_suits(c);
    int best = -1;
    int64_t least = 0;
    for (int i = 0; i < TILES; i++) {
        if (!tile_suits(&tiles[i], c) || (normed && tiles[i].n != c->out))
            continue;
        int64_t here = cost(y, x, c, &tiles[i], ex->processors);
        if (best < 0 || here < least) {
            best = i;
            least = here;
        }
    }
    return conv_sm90_tile(ex, y, x, c, extra, best, err);
}
