/* monarch_ring: the blocks of kernels/cuda/monarch_ring_sm90.cu as they wait for one another, in
 * random orders, against what the ring must keep: no row is read before it is written nor written
 * over before it is read, and all come to an end. The kernel itself needs a Hopper GPU. */
#include <vector>

#include "check.h"
#include "kernels/cuda/monarch_ring.cuh"

/* A writer's warpgroup. */
struct group {
    int writer, tile, steps, next; /* next: of all its steps */
    int owed; /* chunk of a row that it has written and not counted; -1: none */
};

/* A pair's place at a reader. */
struct pair {
    int at, batch, chunk; /* chunk of the batch */
    bool copying;
};

struct model {
    ring_plan ring;
    unsigned random;
    std::vector<group> groups;
    std::vector<pair> pairs;
    std::vector<unsigned> counters;
    std::vector<int> holds; /* chunk whose row lies at [slot][tile][row], -1: none */
    int wrong;
};

static unsigned &counter(model &m, int chunk, int which)
{
    return m.counters[(size_t)ring_counter(chunk, which)];
}

static int &holds(model &m, int chunk, int tile, int row)
{
    return m.holds[(size_t)((chunk % m.ring.slots * RING_TILES + tile) * CHUNK + row)];
}

static bool pay(model &m, group &g)
{
    if (g.owed < 0)
        return false;
    counter(m, g.owed, g.tile)++;
    g.owed = -1;
    return true;
}

/* Is the group's next tile of keys there? The first group asks for it three steps ahead, when all
 * have left the place where it goes. */
static bool tile_there(const model &m, const group &g)
{
    const group *block = &m.groups[(size_t)(g.writer * RING_TILES)];
    for (int tile = 0; tile < RING_TILES; tile++)
        if (tile != g.tile && g.tile == 0 && block[tile].next < g.next - 1)
            return false;
    return block[0].next >= g.next - 2;
}

static bool write_step(model &m, group &g)
{
    const ring_plan &ring = m.ring;
    if (g.next == g.steps * ring_batches(ring))
        return pay(m, g);
    if (!tile_there(m, g))
        return false;
    ring_step at = ring_step_at(ring, g.writer, g.next / g.steps, g.next % g.steps);
    if (g.tile < ring_tiles(ring, at.batch)) {
        int before = at.chunk - ring.slots;
        if (before >= 0 && counter(m, before, RING_READ) < ring_read_all(ring, before))
            return pay(m, g);
        pay(m, g);
        m.wrong += holds(m, at.chunk, g.tile, at.key % CHUNK) >= at.chunk;
        holds(m, at.chunk, g.tile, at.key % CHUNK) = at.chunk;
        g.owed = at.chunk;
    } else {
        pay(m, g);
    }
    g.next++;
    return true;
}

/* A chunk is asked for and arrives in two steps; its rows must be there at both. */
static bool read_step(model &m, pair &p)
{
    const ring_plan &ring = m.ring;
    if (p.batch == ring_batches(ring))
        return false;
    int tile = p.at / ring.b2;
    if (p.at >= ring_tiles(ring, p.batch) * ring.b2) {
        p.batch++;
        return true;
    }
    int chunk = p.batch * ring.chunks + p.chunk, rows = ring_rows(ring, chunk);
    if (!p.copying && counter(m, chunk, tile) < (unsigned)rows)
        return false;
    for (int row = 0; row < rows; row++)
        m.wrong += holds(m, chunk, tile, row) != chunk;
    p.copying = !p.copying;
    if (p.copying)
        return true;
    counter(m, chunk, RING_READ)++;
    p.chunk = (p.chunk + 1) % ring.chunks;
    p.batch += p.chunk == 0;
    return true;
}

static model model_of(const ring_plan &ring, unsigned seed)
{
    model m = {};
    m.ring = ring;
    m.random = seed;
    for (int writer = 0; writer < ring.writers; writer++)
        for (int tile = 0; tile < RING_TILES; tile++)
            m.groups.push_back(group{writer, tile, ring_steps(ring, writer), 0, -1});
    for (int reader = 0; reader < ring.readers; reader++)
        for (int held = 0; held < ring.held; held++)
            m.pairs.push_back(pair{held * ring.readers + reader, 0, 0, false});
    m.counters.resize((size_t)ring_counter(ring_batches(ring) * ring.chunks, 0));
    m.holds.assign((size_t)(ring.slots * RING_TILES * CHUNK), -1);
    return m;
}

/* Everybody in random order, some steps at a time. True when all are done. */
static bool run(model &m)
{
    size_t groups = m.groups.size(), all = groups + m.pairs.size();
    for (bool went = true; went;) {
        went = false;
        for (size_t i = 0; i < all; i++) {
            m.random = m.random * 1664525u + 1013904223u;
            size_t who = (m.random >> 8) % all;
            for (int times = (int)(m.random >> 4 & 7); times > 0; times--)
                went |= who < groups ? write_step(m, m.groups[who])
                                     : read_step(m, m.pairs[who - groups]);
        }
        for (size_t i = 0; !went && i < all; i++)
            went = i < groups ? write_step(m, m.groups[i]) : read_step(m, m.pairs[i - groups]);
    }
    for (const group &g : m.groups)
        if (g.owed >= 0 || g.next != g.steps * ring_batches(m.ring))
            return false;
    for (const pair &p : m.pairs)
        if (p.batch != ring_batches(m.ring))
            return false;
    return true;
}

TEST(order)
{
    static const struct {
        int heads, query_tiles, tiles, b1, b2, blocks, writers, slots;
    } shapes[] = {
        {2, 3, 21, 30, 52, 132, 92, 5}, /* 480x832, h1 */
        {1, 6, 42, 15, 52, 132, 92, 5}, /* h2 */
        {2, 3, 3, 30, 52, 132, 92, 3},  /* the first chunk of a clip */
        {2, 4, 5, 7, 9, 40, 21, 2},     /* a batch of one tile; phases longer than others */
        {3, 1, 1, 5, 3, 17, 10, 2},     /* one key tile: the second phase has none */
        {2, 2, 40, 2, 4, 9, 4, 1},      /* a ring of one chunk */
        {1, 3, 13, 11, 56, 78, 55, 4},
    };
    for (const auto &s : shapes)
        for (unsigned seed = 1; seed <= 3; seed++) {
            ring_plan ring = {};
            ring.heads = s.heads;
            ring.query_tiles = s.query_tiles;
            ring.tiles = s.tiles;
            ring.b1 = s.b1;
            ring.b2 = s.b2;
            ring.slots = s.slots;
            CHECK(ring_divide(ring, s.blocks, s.writers, 8));
            model m = model_of(ring, seed);
            bool whole = run(m);
            CHECK_MSG(whole, "%d tiles of %dx%d, seed %u: all wait", s.tiles, s.b1, s.b2, seed);
            CHECK_MSG(m.wrong == 0, "%d tiles of %dx%d, seed %u: %d rows read too early or late",
                      s.tiles, s.b1, s.b2, seed, m.wrong);
            for (int c = 0; c < ring_batches(ring) * ring.chunks; c++)
                CHECK(counter(m, c, RING_READ) == ring_read_all(ring, c));
        }
}

/* Too few blocks for a batch's pairs: the other form does it. */
TEST(too_few)
{
    ring_plan ring = {};
    ring.heads = 1;
    ring.query_tiles = 3;
    ring.tiles = 2;
    ring.b1 = 30;
    ring.b2 = 52;
    CHECK(!ring_divide(ring, 20, 14, 4));
    CHECK(!ring_divide(ring, 60, 30, 4));
    CHECK(ring_divide(ring, 69, 30, 4));
    CHECK(ring.readers == 39 && ring.held == 4);
}

TESTS(T(order), T(too_few))
