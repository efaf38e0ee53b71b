/* frame_ring: see frame_ring.h. The sequence lock follows Boehm, "Can seqlocks get along with
 * programming language memory models?", MSPC 2012, section 4. */
#define _GNU_SOURCE
#include "engine/frame_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define RING_MAGIC "dnframe1"
enum { HEAD_SIZE = 64, MAX_SIDE = 8192, MAX_BYTES = 64 * 1024 * 1024, MIN_SLOTS = 4, MAX_SLOTS = 64 };

struct ring_head {
    char magic[8];
    int64_t width, height, slots, stride;
    _Atomic int64_t published; /* frames so far; the newest is in slot (published - 1) % slots */
};

struct slot_head {
    _Atomic uint64_t sequence; /* odd: being written; 0: never was */
    _Atomic int64_t job, frame;
};

_Static_assert(sizeof(struct ring_head) <= HEAD_SIZE && sizeof(struct slot_head) <= HEAD_SIZE,
               "heads fit their places");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "atomics in shared memory need no lock");

struct frame_ring {
    int fd; /* of the writer, else -1 */
    size_t size;
    struct ring_head *head;
    struct frame_ring_info info; /* a reader's own copy: the head is the writer's to change */
    int64_t stride;
};

static int64_t stride_of(int64_t width, int64_t height)
{
    return HEAD_SIZE + (width * height * 3 + 63) / 64 * 64;
}

static size_t size_of(const struct frame_ring *r)
{
    return HEAD_SIZE + (size_t)(r->info.slots * r->stride);
}

static struct slot_head *slot_at(const struct frame_ring *r, int64_t i)
{
    return (struct slot_head *)((char *)r->head + HEAD_SIZE + i * r->stride);
}

static uint8_t *pixels_of(struct slot_head *slot)
{
    return (uint8_t *)slot + HEAD_SIZE;
}

/* --- writing --- */

/* Sealing comes after the writer's own mapping: F_SEAL_FUTURE_WRITE leaves that one writable. */
static bool make_memory(struct frame_ring *r, struct dn_error *err)
{
    r->fd = memfd_create("danaus-frames", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (r->fd < 0 || ftruncate(r->fd, (off_t)r->size) != 0)
        return dn_fail(err, DN_E_IO, "cannot get %zu bytes of shared memory for frames: %s",
                       r->size, strerror(errno));
    void *memory = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
    if (memory == MAP_FAILED)
        return dn_fail(err, DN_E_IO, "cannot map %zu bytes of shared memory: %s", r->size,
                       strerror(errno));
    r->head = memory;
    if (fcntl(r->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE) != 0 &&
        fcntl(r->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0)
        return dn_fail(err, DN_E_IO, "cannot seal the shared memory: %s", strerror(errno));
    return true;
}

bool frame_ring_create(int64_t width, int64_t height, struct frame_ring **out,
                       struct dn_error *err)
{
    *out = NULL;
    if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE)
        return dn_fail(err, DN_E_ARG, "frames of %dx%d do not fit shared memory", (int)width,
                       (int)height);
    struct frame_ring *r = dn_calloc(1, sizeof *r);
    r->fd = -1;
    r->stride = stride_of(width, height);
    int64_t slots = MAX_BYTES / r->stride;
    slots = slots < MIN_SLOTS ? MIN_SLOTS : slots > MAX_SLOTS ? MAX_SLOTS : slots;
    r->info = (struct frame_ring_info){.width = width, .height = height, .slots = slots};
    r->size = size_of(r);
    if (!make_memory(r, err)) {
        frame_ring_free(r);
        return false;
    }
    r->head->width = width;
    r->head->height = height;
    r->head->slots = slots;
    r->head->stride = r->stride;
    memcpy(r->head->magic, RING_MAGIC, sizeof r->head->magic);
    *out = r;
    return true;
}

int frame_ring_fd(const struct frame_ring *ring)
{
    return ring->fd;
}

void frame_ring_publish(struct frame_ring *r, int64_t job, int64_t frame, const uint8_t *rgb)
{
    int64_t published = atomic_load_explicit(&r->head->published, memory_order_relaxed);
    struct slot_head *slot = slot_at(r, published % r->info.slots);
    uint64_t sequence = atomic_load_explicit(&slot->sequence, memory_order_relaxed);
    atomic_store_explicit(&slot->sequence, sequence + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&slot->job, job, memory_order_relaxed);
    atomic_store_explicit(&slot->frame, frame, memory_order_relaxed);
    memcpy(pixels_of(slot), rgb, (size_t)(r->info.width * r->info.height * 3));
    atomic_store_explicit(&slot->sequence, sequence + 2, memory_order_release);
    atomic_store_explicit(&r->head->published, published + 1, memory_order_release);
}

/* --- reading --- */

static bool check_head(struct frame_ring *r, struct dn_error *err)
{
    const struct ring_head *h = r->head;
    r->info = (struct frame_ring_info){.width = h->width, .height = h->height, .slots = h->slots};
    r->stride = h->stride;
    if (memcmp(h->magic, RING_MAGIC, sizeof h->magic) != 0 || r->info.width < 1 ||
        r->info.height < 1 || r->info.width > MAX_SIDE || r->info.height > MAX_SIDE ||
        r->info.slots < 1 || r->info.slots > MAX_SLOTS ||
        r->stride != stride_of(r->info.width, r->info.height) || size_of(r) > r->size)
        return dn_fail(err, DN_E_FORMAT, "the shared memory holds no ring of frames");
    return true;
}

bool frame_ring_open(int fd, struct frame_ring **out, struct dn_error *err)
{
    struct stat st;
    *out = NULL;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || !(seals & F_SEAL_SHRINK))
        return dn_fail(err, DN_E_FORMAT, "the shared memory with frames is not sealed");
    if (fstat(fd, &st) != 0 || st.st_size < HEAD_SIZE)
        return dn_fail(err, DN_E_FORMAT, "the shared memory with frames is too small");
    struct frame_ring *r = dn_calloc(1, sizeof *r);
    r->fd = -1;
    r->size = (size_t)st.st_size;
    void *memory = mmap(NULL, r->size, PROT_READ, MAP_SHARED, fd, 0);
    r->head = memory == MAP_FAILED ? NULL : memory;
    bool ok = r->head ? check_head(r, err)
                      : dn_fail(err, DN_E_IO, "cannot map the frames: %s", strerror(errno));
    if (ok)
        *out = r;
    else
        frame_ring_free(r);
    return ok;
}

struct frame_ring_info frame_ring_info(const struct frame_ring *ring)
{
    return ring->info;
}

/* A copy of what is in a slot, unless it is or was written meanwhile. job 0, frame -1: whatever. */
static bool read_slot(const struct frame_ring *r, int64_t i, int64_t job, int64_t frame,
                      int64_t *found, uint8_t *rgb)
{
    struct slot_head *slot = slot_at(r, i);
    uint64_t before = atomic_load_explicit(&slot->sequence, memory_order_acquire);
    int64_t slot_job = atomic_load_explicit(&slot->job, memory_order_relaxed);
    *found = atomic_load_explicit(&slot->frame, memory_order_relaxed);
    if (before == 0 || before & 1 || (job && slot_job != job) || (frame >= 0 && *found != frame))
        return false;
    memcpy(rgb, pixels_of(slot), (size_t)(r->info.width * r->info.height * 3));
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&slot->sequence, memory_order_relaxed) == before;
}

bool frame_ring_read(const struct frame_ring *r, int64_t job, int64_t frame, uint8_t *rgb)
{
    int64_t found;
    for (int64_t i = 0; i < r->info.slots; i++)
        if (read_slot(r, i, job, frame, &found, rgb))
            return true;
    return false;
}

bool frame_ring_newest(const struct frame_ring *r, int64_t job, int64_t *frame, uint8_t *rgb)
{
    int64_t published = atomic_load_explicit(&r->head->published, memory_order_acquire);
    for (int64_t i = 1; i <= r->info.slots && i <= published; i++)
        if (read_slot(r, (published - i) % r->info.slots, job, -1, frame, rgb))
            return true;
    return false;
}

void frame_ring_free(struct frame_ring *ring)
{
    if (!ring)
        return;
    if (ring->head)
        munmap(ring->head, ring->size);
    if (ring->fd >= 0)
        close(ring->fd);
    free(ring);
}
