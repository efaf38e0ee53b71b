/* Frames that are encoded in the background: the same bytes as in one go, and what the encoder
 * complains of reaches whoever adds frames or finishes. */
#include <signal.h>
#include <sys/resource.h>

#include "check.h"
#include "engine/frame_sink.h"
#include "store/media_fixture.h"

enum { FRAMES = 40, WIDTH = 96, HEIGHT = 64 };

static const struct frame_sink_options background = {.width = WIDTH, .height = HEIGHT, .fps = 16,
                                                     .background = true};

/* Adds the frames a few at a time. */
static bool add_all(struct frame_sink *sink, const uint8_t *rgb, struct dn_error *err)
{
    for (int64_t at = 0, n = 1; at < FRAMES; at += n, n = 4 < FRAMES - at ? 4 : FRAMES - at)
        if (!frame_sink_add(sink, rgb + at * WIDTH * HEIGHT * 3, NULL, n, err))
            return false;
    return true;
}

TEST(same_bytes_as_in_one_go)
{
    static const char *const names[] = {"a.mp4", "a.gif"};
    uint8_t *rgb = fixture_scene(FRAMES, WIDTH, HEIGHT);
    struct media_options options = fixture_options(WIDTH, HEIGHT);
    struct dn_error err = {0};
    options.threads = 8;
    options.force = true;
    fixture_enter();
    for (int i = 0; i < 2; i++) {
        struct frame_sink *sink;
        int64_t frames, bytes;
        size_t size[2] = {0};
        CHECK_OK(fixture_write(names[i], &options, rgb, FRAMES, NULL, &err), err);
        uint8_t *want = fixture_read(names[i], &size[0]);
        unlink(names[i]);
        CHECK_OK(frame_sink_open(names[i], &background, &sink, &err), err);
        CHECK_OK(add_all(sink, rgb, &err), err);
        CHECK_OK(frame_sink_finish(sink, &frames, &bytes, &err), err);
        uint8_t *got = fixture_read(names[i], &size[1]);
        CHECK(frames == FRAMES && got && bytes == (int64_t)size[1] && size[0] == size[1] &&
              memcmp(got, want, size[0]) == 0);
        free(want);
        free(got);
        fixture_clear(".");
    }
    fixture_leave();
    free(rgb);
}

TEST(abort_leaves_nothing)
{
    uint8_t *rgb = fixture_scene(FRAMES, WIDTH, HEIGHT);
    struct dn_error err = {0};
    struct frame_sink *sink;
    fixture_enter();
    CHECK_OK(frame_sink_open("b.mp4", &background, &sink, &err), err);
    CHECK_OK(add_all(sink, rgb, &err), err);
    frame_sink_abort(sink);
    CHECK(fixture_count(".") == 0);
    fixture_leave();
    free(rgb);
}

/* The disk is full after 2000 bytes: of 40 frames as pictures the first ones already are larger. */
TEST(a_fault_is_told)
{
    uint8_t *rgb = fixture_scene(FRAMES, WIDTH, HEIGHT);
    struct dn_error err = {0};
    struct frame_sink *sink;
    struct rlimit old, small;
    int64_t frames, bytes;
    fixture_enter();
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small = (struct rlimit){2000, old.rlim_max};
    CHECK_OK(frame_sink_open("pictures/", &background, &sink, &err), err);
    setrlimit(RLIMIT_FSIZE, &small);
    bool added = add_all(sink, rgb, &err); /* may be done before the thread has begun */
    bool finished = added && frame_sink_finish(sink, &frames, &bytes, &err);
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK(!finished);
    CHECK_MSG(strstr(err.message, "pictures") != NULL, "got \"%s\"", err.message);
    if (!added)
        frame_sink_abort(sink);
    CHECK(fixture_count(".") == 0);
    fixture_leave();
    free(rgb);
}

TESTS(T(same_bytes_as_in_one_go), T(abort_leaves_nothing), T(a_fault_is_told))
