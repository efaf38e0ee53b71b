/* Frames through shared memory: what is read is a whole frame or nothing. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "check.h"
#include "engine/frame_ring.h"

enum { WIDTH = 64, HEIGHT = 48, BYTES = WIDTH * HEIGHT * 3 };

/* Every byte of a frame is the same, so that two halves of two frames show. */
static void fill(uint8_t *rgb, int64_t frame)
{
    memset(rgb, (int)(frame * 37 % 251), BYTES);
}

static bool is_frame(const uint8_t *rgb, int64_t frame)
{
    for (int i = 0; i < BYTES; i++)
        if (rgb[i] != frame * 37 % 251)
            return false;
    return true;
}

TEST(newest_and_older)
{
    struct frame_ring *writer, *reader;
    struct dn_error err;
    uint8_t rgb[BYTES];
    int64_t frame = -1;
    CHECK_OK(frame_ring_create(WIDTH, HEIGHT, &writer, &err), err);
    CHECK_OK(frame_ring_open(frame_ring_fd(writer), &reader, &err), err);
    struct frame_ring_info info = frame_ring_info(reader);
    CHECK(info.width == WIDTH && info.height == HEIGHT && info.slots == 64);
    CHECK(!frame_ring_newest(reader, 0, &frame, rgb) && !frame_ring_read(reader, 1, 0, rgb));
    for (int64_t i = 0; i < 100; i++) {
        fill(rgb, i);
        frame_ring_publish(writer, 1, i, rgb);
    }
    CHECK(frame_ring_newest(reader, 1, &frame, rgb) && frame == 99 && is_frame(rgb, 99));
    CHECK(frame_ring_read(reader, 1, 36, rgb) && is_frame(rgb, 36));
    CHECK(!frame_ring_read(reader, 1, 35, rgb)); /* 64 slots hold 36 to 99 */
    CHECK(!frame_ring_read(reader, 2, 99, rgb) && !frame_ring_newest(reader, 2, &frame, rgb));
    fill(rgb, 5);
    frame_ring_publish(writer, 2, 5, rgb);
    CHECK(frame_ring_newest(reader, 0, &frame, rgb) && frame == 5);
    CHECK(frame_ring_newest(reader, 1, &frame, rgb) && frame == 99);
    frame_ring_free(reader);
    frame_ring_free(writer);
}

static atomic_bool stop;

static void *write_on(void *context)
{
    uint8_t rgb[BYTES];
    for (int64_t i = 0; !atomic_load(&stop); i++) {
        fill(rgb, i);
        frame_ring_publish(context, 1, i, rgb);
    }
    return NULL;
}

TEST(never_half_a_frame)
{
    struct frame_ring *writer, *reader;
    struct dn_error err;
    uint8_t rgb[BYTES];
    pthread_t thread;
    int torn = 0, seen = 0;
    CHECK_OK(frame_ring_create(WIDTH, HEIGHT, &writer, &err), err);
    CHECK_OK(frame_ring_open(frame_ring_fd(writer), &reader, &err), err);
    pthread_create(&thread, NULL, write_on, writer);
    /* on a busy machine the writer may not run for a while, or stand still within a frame */
    for (int64_t end = dn_now_ms() + 20000; seen < 5000 && dn_now_ms() < end;) {
        int64_t frame;
        if (!frame_ring_newest(reader, 1, &frame, rgb))
            continue;
        seen++;
        torn += !is_frame(rgb, frame);
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    CHECK_MSG(torn == 0 && seen > 1000, "%d torn of %d", torn, seen);
    frame_ring_free(reader);
    frame_ring_free(writer);
}

TEST(readers_cannot_harm)
{
    struct frame_ring *writer;
    struct dn_error err;
    CHECK_OK(frame_ring_create(WIDTH, HEIGHT, &writer, &err), err);
    int fd = frame_ring_fd(writer);
    CHECK(ftruncate(fd, 10) != 0);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    CHECK(pwrite(fd, "x", 1, 0) != 1);
    frame_ring_free(writer);
    CHECK(!frame_ring_create(10000, 16, &writer, &err) && !writer);
}

static bool opens(const void *head, size_t size, off_t length, unsigned seals)
{
    struct frame_ring *ring;
    struct dn_error err;
    int fd = memfd_create("test", MFD_ALLOW_SEALING);
    CHECK(pwrite(fd, head, size, 0) == (ssize_t)size && ftruncate(fd, length) == 0);
    if (seals)
        fcntl(fd, F_ADD_SEALS, seals);
    bool ok = frame_ring_open(fd, &ring, &err);
    CHECK(ok == (ring != NULL));
    frame_ring_free(ring);
    close(fd);
    return ok;
}

TEST(memory_that_is_no_ring)
{
    struct {
        char magic[8];
        int64_t width, height, slots, stride;
    } h = {"dnframe1", 16, 16, 4, 64 + 768};
    off_t right = 64 + 4 * (64 + 768);
    unsigned seals = F_SEAL_SHRINK | F_SEAL_GROW;
    CHECK(opens(&h, sizeof h, right, seals));
    CHECK(!opens(&h, sizeof h, right, 0)); /* could shrink under us */
    CHECK(!opens(&h, sizeof h, right - 1, seals));
    CHECK(!opens(&h, sizeof h, 40, seals));
    h.slots = INT64_MAX / 2;
    CHECK(!opens(&h, sizeof h, right, seals));
    h.slots = 4;
    h.stride = -64;
    CHECK(!opens(&h, sizeof h, right, seals));
    h.stride = 64 + 768;
    h.height = INT64_MAX;
    CHECK(!opens(&h, sizeof h, right, seals));
    h.height = 16;
    h.magic[0] = 'x';
    CHECK(!opens(&h, sizeof h, right, seals));
}

TESTS(T(newest_and_older), T(never_half_a_frame), T(readers_cannot_harm),
      T(memory_that_is_no_ring))
