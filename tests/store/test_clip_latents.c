/* Latents on disk: a whole safetensors file at every moment. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "place.h"
#include "store/clip_latents.h"
#include "store/fault.h"

enum { FRAMES = 21, CHUNK = 3, C = 16, H = 6, W = 10, VALUES = C * H * W };
static const struct clip_latents_shape shape = {FRAMES, C, H, W};
static char path[256];
static struct dn_error err;

static void fill(float *values, int64_t first, int64_t frames)
{
    for (int64_t i = 0; i < frames * VALUES; i++)
        values[i] = (float)(first * VALUES + i) * 0.25f - 7;
}

/* Reads the file as a stranger does: header length, strict JSON, ranges that cover all, no more.
 * Returns the frames it holds, -1 when it is no valid safetensors file or a value is wrong. */
static int64_t strange_reader(void)
{
    json_t *header = NULL;
    int64_t frames = -1;
    struct stat st;
    FILE *f = fopen(path, "rb");
    if (!f || fstat(fileno(f), &st) != 0)
        return -1;
    uint64_t length = 0;
    bool ok = fread(&length, 8, 1, f) == 1 && length <= (uint64_t)st.st_size - 8;
    char *text = malloc(length + 1);
    ok = ok && fread(text, 1, length, f) == length;
    if (ok)
        header = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    json_int_t n = -1, begin = -1, end = -1, rest_begin = -1, rest_end = -1, rest = 0, c, h, w;
    ok = header && json_unpack(header, "{s:{s:[I,I,I,I], s:[I,I]}}", "latents", "shape", &n, &c, &h,
                               &w, "data_offsets", &begin, &end) == 0;
    json_int_t data = st.st_size - 8 - (json_int_t)length;
    if (ok && json_object_get(header, "unwritten")) {
        ok = json_unpack(header, "{s:{s:[I], s:[I,I]}}", "unwritten", "shape", &rest,
                         "data_offsets", &rest_begin, &rest_end) == 0 &&
             rest_begin == end && rest_end == data && rest == data - end && rest > 0;
    } else {
        ok = ok && end == data;
    }
    ok = ok && begin == 0 && c == C && h == H && w == W && end == n * VALUES * 4;
    float *got = malloc(ok && end ? (size_t)end : 1), *want = malloc(ok && end ? (size_t)end : 1);
    if (ok && fread(got, 1, (size_t)end, f) == (size_t)end) {
        fill(want, 0, n);
        frames = memcmp(got, want, (size_t)end) == 0 ? n : -1;
    }
    free(got);
    free(want);
    free(text);
    json_decref(header);
    fclose(f);
    return frames;
}

static struct clip_latents *create(void)
{
    struct clip_latents *l = NULL;
    unlink(path);
    CHECK_OK(clip_latents_create(path, &shape, "{\"prompt\": \"a \\\"fox\\\"\"}", &l, &err), err);
    return l;
}

static bool append(struct clip_latents *l)
{
    float values[CHUNK * VALUES];
    fill(values, clip_latents_frames(l), CHUNK);
    return clip_latents_append(l, values, CHUNK, &err);
}

TEST(valid_after_every_chunk)
{
    struct clip_latents *l = create(), *reader;
    float values[2 * VALUES], want[2 * VALUES];
    for (int64_t n = 0; n < FRAMES; n += CHUNK) {
        CHECK(strange_reader() == n);
        CHECK_OK(append(l), err);
        CHECK_OK(clip_latents_open(path, false, &reader, &err), err);
        CHECK(clip_latents_frames(reader) == n + CHUNK);
        CHECK(clip_latents_shape(reader).frames == FRAMES);
        CHECK_OK(clip_latents_read(reader, n + 1, 2, values, &err), err);
        fill(want, n + 1, 2);
        CHECK(memcmp(values, want, sizeof values) == 0);
        CHECK(!clip_latents_read(reader, n + 2, 2, values, &err) && err.code == DN_E_ARG);
        clip_latents_close(reader);
    }
    CHECK(strange_reader() == FRAMES);
    CHECK(!append(l) && err.code == DN_E_ARG);
    CHECK_OK(clip_latents_finish(l, &err), err);
    clip_latents_close(l);
    unlink(path);
}

TEST(resumed_file_is_the_same_file)
{
    char other[300], command[700];
    snprintf(other, sizeof other, "%s-whole", path);
    struct clip_latents *l = create();
    for (int i = 0; i < FRAMES / CHUNK; i++)
        CHECK_OK(append(l), err);
    clip_latents_close(l);
    CHECK(rename(path, other) == 0);
    l = create();
    for (int i = 0; i < FRAMES / CHUNK; i++) {
        clip_latents_close(l);
        CHECK_OK(clip_latents_open(path, true, &l, &err), err);
        CHECK(clip_latents_frames(l) == i * CHUNK);
        CHECK_OK(append(l), err);
    }
    clip_latents_close(l);
    snprintf(command, sizeof command, "cmp '%s' '%s'", path, other);
    CHECK(system(command) == 0);
    unlink(other);
    unlink(path);
}

TEST(ends_early)
{
    struct clip_latents *l = create();
    CHECK(!clip_latents_finish(l, &err) && err.code == DN_E_ARG);
    CHECK_OK(append(l), err);
    CHECK_OK(append(l), err);
    CHECK_OK(clip_latents_finish(l, &err), err);
    CHECK(clip_latents_shape(l).frames == 6 && clip_latents_frames(l) == 6);
    struct stat st;
    CHECK(stat(path, &st) == 0 && st.st_size < 1024 + 7 * VALUES * 4);
    CHECK(strange_reader() == 6);
    clip_latents_close(l);
    unlink(path);
}

TEST(one_writer)
{
    struct clip_latents *l = create(), *second;
    CHECK(!clip_latents_open(path, true, &second, &err) && err.code == DN_E_EXISTS);
    CHECK_OK(clip_latents_open(path, false, &second, &err), err);
    clip_latents_close(second);
    clip_latents_close(l);
    CHECK(!clip_latents_create(path, &shape, NULL, &second, &err) && err.code == DN_E_EXISTS);
    unlink(path);
}

TEST(what_is_not_ours_is_refused)
{
    struct clip_latents *l = create();
    CHECK_OK(append(l), err);
    clip_latents_close(l);
    struct stat st;
    CHECK(stat(path, &st) == 0);
    static const off_t cuts[] = {0, 7, 8, 511, 512, 600};
    for (int i = 0; i < 6; i++) {
        char copy[1024];
        snprintf(copy, sizeof copy, "cp '%s' '%s.cut' && truncate -s %lld '%s.cut'", path, path,
                 (long long)cuts[i], path);
        CHECK(system(copy) == 0);
        snprintf(copy, sizeof copy, "%s.cut", path);
        CHECK(!clip_latents_open(copy, false, &l, &err) && err.code == DN_E_FORMAT);
        unlink(copy);
    }
    CHECK(truncate(path, st.st_size + 1) == 0);
    CHECK(!clip_latents_open(path, false, &l, &err) && err.code == DN_E_FORMAT);
    CHECK(truncate(path, st.st_size) == 0);
    /* every byte of the first sector matters */
    int fd = open(path, O_RDWR);
    for (int at = 0; at < 512; at++) {
        char old, new;
        CHECK(pread(fd, &old, 1, at) == 1);
        new = old ^ 1;
        CHECK(pwrite(fd, &new, 1, at) == 1);
        CHECK_MSG(!clip_latents_open(path, false, &l, &err) && err.code == DN_E_FORMAT, "byte %d",
                  at);
        CHECK(pwrite(fd, &old, 1, at) == 1);
    }
    close(fd);
    unlink(path);
}

/* One life: goes on with the file, or makes it, until it is complete. True when it got there. */
static bool live(void)
{
    struct clip_latents *l = NULL;
    bool ok = clip_latents_open(path, true, &l, &err) ||
              clip_latents_create(path, &shape, NULL, &l, &err);
    while (ok && clip_latents_frames(l) < FRAMES)
        ok = append(l);
    clip_latents_close(l);
    return ok;
}

TEST(every_call_may_fail)
{
    static const int errors[] = {EIO, ENOSPC, EDQUOT};
    fault_arm(FAULT_NONE, 0, 0);
    unlink(path);
    CHECK(live());
    int64_t calls = fault_calls();
    CHECK(calls > 4 * FRAMES / CHUNK);
    for (enum fault_mode mode = FAULT_ONCE; mode <= FAULT_AFTER; mode++)
        for (int e = 0; e < 3; e++)
            for (int64_t n = 1; n <= calls; n++) {
                unlink(path);
                fault_arm(mode, n, errors[e]);
                err = (struct dn_error){0};
                bool whole = live();
                fault_arm(FAULT_NONE, 0, 0);
                CHECK_MSG(!whole && err.code == DN_E_IO, "call %lld of %lld", (long long)n,
                          (long long)calls);
                int64_t frames = access(path, F_OK) == 0 ? strange_reader() : 0;
                CHECK_MSG(frames >= 0 && frames % CHUNK == 0, "call %lld", (long long)n);
                CHECK(live() && strange_reader() == FRAMES); /* when there is room again */
            }
    for (int64_t n = 1; n <= calls; n++) {
        unlink(path);
        fault_arm(FAULT_SHORT, n, 0);
        CHECK(live());
        fault_arm(FAULT_NONE, 0, 0);
        CHECK(strange_reader() == FRAMES);
    }
    unlink(path);
}

TEST(killed_at_every_call)
{
    fault_arm(FAULT_NONE, 0, 0);
    unlink(path);
    CHECK(live());
    int64_t calls = fault_calls();
    for (int64_t n = 1; n <= calls; n++) {
        unlink(path);
        pid_t pid = fork();
        if (pid == 0) {
            fault_arm(FAULT_KILL, n, 0);
            live();
            _exit(0);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        CHECK(WIFSIGNALED(status));
        CHECK_MSG(access(path, F_OK) != 0 || strange_reader() >= 0, "killed at call %lld",
                  (long long)n);
        fault_arm(FAULT_NONE, 0, 0);
        CHECK(live() && strange_reader() == FRAMES);
    }
    char command[400];
    snprintf(command, sizeof command, "rm -f \"$(dirname '%s')\"/.latents-test-%d*.part", path,
             (int)getpid());
    CHECK(system(command) == 0);
    unlink(path);
}

__attribute__((constructor)) static void begin(void)
{
    snprintf(path, sizeof path, "%s/latents-test-%d", test_place(), (int)getpid());
}

static ino_t inode(void)
{
    struct stat st = {0};
    stat(path, &st);
    return st.st_ino;
}

TEST(another_recipe)
{
    float *values = malloc(FRAMES * VALUES * sizeof(float));
    struct clip_latents *l = NULL;
    remove(path);
    fill(values, 0, FRAMES);
    CHECK_OK(clip_latents_create(path, &shape, "{\"a\":1}", &l, &err), err);
    CHECK_OK(clip_latents_append(l, values, FRAMES, &err), err);
    CHECK(!clip_latents_retell(path, "{}", &err) && err.code == DN_E_EXISTS); /* it is written to */
    clip_latents_close(l);
    ino_t first = inode();
    CHECK_OK(clip_latents_retell(path, "{\"a\":1}", &err), err);
    CHECK(inode() == first); /* it was that already */
    char *longer = malloc(2000);
    memset(longer, 'x', 1999);
    longer[1999] = '\0';
    CHECK_OK(clip_latents_retell(path, longer, &err), err);
    CHECK(inode() != first && strange_reader() == FRAMES);
    first = inode();
    CHECK_OK(clip_latents_retell(path, longer, &err), err);
    CHECK(inode() == first);
    CHECK_OK(clip_latents_open(path, true, &l, &err), err);
    CHECK(clip_latents_frames(l) == FRAMES);
    clip_latents_close(l);
    free(longer);
    free(values);
    remove(path);
}

TESTS(T(another_recipe), T(valid_after_every_chunk), T(resumed_file_is_the_same_file), T(ends_early), T(one_writer),
      T(what_is_not_ours_is_refused), T(every_call_may_fail), T(killed_at_every_call))
