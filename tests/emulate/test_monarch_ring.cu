/* monarch_ring: the blocks of kernels/cuda/monarch_ring_sm90.cu as they wait for one another, in
 * random orders, against what the ring must keep: no row is read before it is written nor written
 * over before it is read, and all come to an end. The kernel itself needs a Hopper GPU. */
#include <vector>

#include "check.h"
#include "kernels/cuda/monarch_ring.cuh"

enum { TILES_AHEAD = 4, PARTS = 5, GROUPS = 3 }; /* as the kernel has them */

/* A writer's warpgroup. */
struct group {
    int writer, tile;
    ring_cursor now;
    int owed; /* chunk of a row that it has written and not counted; -1: none */
};

/* A reader's parts in the order in which it asks for them. */
struct part {
    int batch, chunk, pair, group; /* chunk: since the start; group: who reads it */
    bool read;
};

struct reader {
    std::vector<part> parts;
    size_t asked; /* the first ones */
};

struct model {
    ring_plan ring;
    unsigned random;
    std::vector<group> groups;
    std::vector<reader> readers;
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
    counter(m, g.owed, RING_WRITTEN)++;
    g.owed = -1;
    return true;
}

/* Is the group's next tile of keys there? It is asked for when all have left the place where it
 * goes. */
static bool tile_there(const model &m, const group &g)
{
    const group *block = &m.groups[(size_t)(g.writer * RING_TILES)];
    for (int tile = 0; tile < RING_TILES; tile++)
        if (block[tile].now.n + TILES_AHEAD <= g.now.n)
            return false;
    return true;
}

static bool write_step(model &m, group &g)
{
    const ring_plan &ring = m.ring;
    if (g.now.over(ring))
        return pay(m, g);
    if (!tile_there(m, g))
        return false;
    if (g.tile < ring_tiles(ring, g.now.batch)) {
        int chunk = g.now.chunk(ring), before = chunk - ring.slots;
        if (before >= 0 && counter(m, before, RING_READ) < ring_read_all(ring, before))
            return pay(m, g);
        pay(m, g);
        int row = g.now.key(ring) % CHUNK;
        m.wrong += holds(m, chunk, g.tile, row) >= chunk;
        holds(m, chunk, g.tile, row) = chunk;
        g.owed = chunk;
    } else {
        pay(m, g);
    }
    g.now.next(ring);
    return true;
}

static void look(model &m, const part &p)
{
    for (int row = 0; row < ring_rows(m.ring, p.chunk); row++)
        m.wrong += holds(m, p.chunk, p.pair / m.ring.b2, row) != p.chunk;
}

/* Asks for the next part. Its rows must be there now and when it arrives. */
static bool ask_step(model &m, reader &r)
{
    if (r.asked == r.parts.size() || (r.asked >= PARTS && !r.parts[r.asked - PARTS].read))
        return false;
    part &p = r.parts[r.asked];
    if (counter(m, p.chunk, RING_WRITTEN) < ring_written_all(m.ring, p.chunk))
        return false;
    look(m, p);
    r.asked++;
    return true;
}

/* A warpgroup reads its next part. */
static bool read_step(model &m, reader &r, int group)
{
    size_t next = 0;
    while (next < r.parts.size() && (r.parts[next].group != group || r.parts[next].read))
        next++;
    if (next >= r.asked)
        return false;
    part &p = r.parts[next];
    look(m, p);
    counter(m, p.chunk, RING_READ)++;
    p.read = true;
    return true;
}

static model model_of(const ring_plan &ring, unsigned seed)
{
    model m = {};
    m.ring = ring;
    m.random = seed;
    for (int writer = 0; writer < ring.writers; writer++)
        for (int tile = 0; tile < RING_TILES; tile++)
            m.groups.push_back(group{writer, tile, ring_begin(ring, writer), -1});
    for (int i = 0; i < ring.readers; i++) {
        reader r = {};
        for (int chunk = 0; chunk < ring_batches(ring) * ring.chunks; chunk++) {
            int batch = chunk / ring.chunks;
            ring_pairs pairs = ring_pairs_of(ring, batch, i);
            for (int h = 0; h < pairs.count; h++)
                r.parts.push_back(part{batch, chunk, pairs.first + h, h % GROUPS, false});
        }
        m.readers.push_back(r);
    }
    m.counters.resize((size_t)ring_counter(ring_batches(ring) * ring.chunks, 0));
    m.holds.assign((size_t)(ring.slots * RING_TILES * CHUNK), -1);
    return m;
}

/* The i-th of all who can go on. */
static bool step(model &m, size_t i)
{
    if (i < m.groups.size())
        return write_step(m, m.groups[i]);
    i -= m.groups.size();
    reader &r = m.readers[i / (GROUPS + 1)];
    int which = (int)(i % (GROUPS + 1));
    return which == GROUPS ? ask_step(m, r) : read_step(m, r, which);
}

/* Everybody in random order, some steps at a time. True when all are done. */
static bool run(model &m)
{
    size_t all = m.groups.size() + m.readers.size() * (GROUPS + 1);
    for (bool went = true; went;) {
        went = false;
        for (size_t i = 0; i < all; i++) {
            m.random = m.random * 1664525u + 1013904223u;
            size_t who = (m.random >> 8) % all;
            for (int times = (int)(m.random >> 4 & 7); times > 0; times--)
                went |= step(m, who);
        }
        for (size_t i = 0; !went && i < all; i++)
            went = step(m, i);
    }
    for (const group &g : m.groups)
        if (g.owed >= 0 || !g.now.over(m.ring))
            return false;
    for (const reader &r : m.readers)
        for (const part &p : r.parts)
            if (!p.read)
                return false;
    return true;
}

TEST(order)
{
    static const struct {
        int heads, query_tiles, tiles, b1, b2, blocks, writers, slots;
    } shapes[] = {
        {2, 3, 21, 30, 52, 132, 79, 6}, /* 480x832, h1 */
        {1, 6, 42, 15, 52, 132, 79, 6}, /* h2 */
        {2, 3, 3, 30, 52, 132, 79, 3},  /* the first chunk of a clip */
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

/* Where phases do not divide the tiles: no writer has much more to do than another. */
TEST(shares)
{
    ring_plan ring = {};
    ring.heads = 12;
    ring.query_tiles = 3;
    ring.tiles = 21;
    ring.b1 = 30;
    ring.b2 = 52;
    CHECK(ring_divide(ring, 132, 79, 4));
    for (int writer = 0; writer < ring.writers; writer++) {
        ring_cursor at = ring_begin(ring, writer);
        while (!at.over(ring))
            at.next(ring);
        CHECK_MSG(at.n == 126, "writer %d: %d steps", writer, at.n);
    }
}

TESTS(T(order), T(too_few), T(shares))
