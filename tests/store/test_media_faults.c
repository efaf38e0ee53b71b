/* Media under bad luck and bad will: full disks, hostile names, killed writers. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"
#include "media_fixture.h"
#include "store/atomic_file.h"
#include "store/fault.h"
#include "store/media_import.h"
#include "store/media_probe.h"

static const char *const outputs[] = {"clip.mp4", "clip.webm", "clip.gif",
                                      "clip.mov", "clip.apng", "clip.webp",
                                      "clip.safetensors", "clip/"};
enum { OUTPUTS = sizeof outputs / sizeof outputs[0], FRAMES = 30, W = 64, H = 48 };

static bool is_one_line(const char *text)
{
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            return false;
    return text[0] != '\0';
}

/* Largest file that a clip needs. */
static int64_t needed(const char *path, const struct media_options *options, const uint8_t *rgb)
{
    struct dn_error err;
    struct media_result result = {0};
    CHECK_OK(fixture_write(path, options, rgb, FRAMES, &result, &err), err);
    struct stat st;
    int64_t size = result.bytes;
    if (media_is_directory(path))
        size = 0;
    for (int i = 1; media_is_directory(path) && i <= FRAMES; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s/frame-%05d.png", path, i);
        CHECK(stat(name, &st) == 0);
        size = st.st_size > size ? st.st_size : size;
    }
    fixture_clear(".");
    return size;
}

/* The file may grow to limit bytes and no further, as on a disk that is full then. */
static void write_limited(const char *path, const struct media_options *options,
                          const uint8_t *rgb, int64_t limit, int64_t whole)
{
    struct dn_error err = {0};
    struct rlimit old, small;
    getrlimit(RLIMIT_FSIZE, &old);
    small = (struct rlimit){(rlim_t)limit, old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    bool ok = fixture_write(path, options, rgb, FRAMES, NULL, &err);
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK_MSG(ok == (limit >= whole), "%s with %lld of %lld bytes: %s", path, (long long)limit,
              (long long)whole, err.message);
    if (!ok) {
        CHECK_MSG(fixture_count(".") == 0, "%s with %lld bytes leaves something", path,
                  (long long)limit);
        CHECK_MSG(err.code == DN_E_IO && is_one_line(err.message), "%s: %s", path, err.message);
    }
    fixture_clear(".");
}

/* Is what stands under its name all of it? size = of an undisturbed one, where it cannot be read. */
static bool is_whole(const char *path, int64_t size)
{
    struct media_info info;
    struct dn_error err;
    struct stat st;
    if (media_is_directory(path))
        return fixture_count(path) == FRAMES + 1;
    bool readable = !strstr(path, ".webp") && !strstr(path, ".safetensors");
    return readable ? media_probe(path, &info, &err) && info.frames == FRAMES
                    : stat(path, &st) == 0 && st.st_size == size;
}

TEST(full_disk_at_sixteen_sizes)
{
    signal(SIGXFSZ, SIG_IGN);
    uint8_t *rgb = fixture_scene(FRAMES, W, H);
    struct media_options options = fixture_options(W, H);
    options.recipe_json = "{\"prompt\": \"a fox\"}";
    for (int i = 0; i < OUTPUTS; i++) {
        int64_t whole = needed(outputs[i], &options, rgb);
        for (int k = 0; k < 16; k++)
            write_limited(outputs[i], &options, rgb, whole * k / 16, whole);
        /* the trailer's last bytes */
        for (int k = 1; k <= 16; k++)
            write_limited(outputs[i], &options, rgb, whole - k * k, whole);
        write_limited(outputs[i], &options, rgb, whole + 4096, whole);
    }
    free(rgb);
}

/* One clip on a file system of pages pages of 4 KiB, in a mount namespace of its own. Returns the
 * child's verdict: 0 written, 1 refused as it should be, 2 something is wrong, 77 not allowed. */
static int write_to_small_disk(const char *path, const struct media_options *options,
                               const uint8_t *rgb, int64_t whole, int pages)
{
    pid_t child = fork();
    if (child == 0) {
        char size[64];
        struct dn_error err = {0};
        snprintf(size, sizeof size, "size=%dk", pages * 4);
        mkdir("disk", 0777);
        if (unshare(CLONE_NEWNS) != 0 ||
            mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("disk", "disk", "tmpfs", 0, size) != 0 || chdir("disk") != 0)
            _exit(77);
        if (fixture_write(path, options, rgb, FRAMES, NULL, &err))
            _exit(is_whole(path, whole) ? 0 : 2);
        bool right = fixture_count(".") == 0 && err.code == DN_E_IO && is_one_line(err.message) &&
                     strstr(err.message, "No space left") && strstr(err.message, "free");
        if (!right)
            fprintf(stderr, "%s, %d pages, %d files left: %s\n", path, pages, fixture_count("."),
                    err.message);
        _exit(right ? 1 : 2);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

/* A real file system that is full, where we may mount one. */
TEST(small_disks)
{
    uint8_t *rgb = fixture_scene(FRAMES, 96, 96);
    for (int64_t i = 0; i < (int64_t)FRAMES * 96 * 96 * 3; i++)
        rgb[i] = (uint8_t)(rgb[i] + i * 2654435761u % 61); /* grain, so that it takes some pages */
    struct media_options options = fixture_options(96, 96);
    options.recipe_json = "{\"prompt\": \"a fox\"}";
    for (int i = 0; i < OUTPUTS; i++) {
        int written = 0, refused = 0;
        int64_t whole = needed(outputs[i], &options, rgb);
        int64_t pages = (media_is_directory(outputs[i]) ? FRAMES : 1) * (whole / 4096 + 1);
        for (int k = 0; k < 16; k++) {
            int verdict = write_to_small_disk(outputs[i], &options, rgb, whole,
                                              (int)(1 + k * k * pages / 100));
            if (verdict == 77) {
                printf("small_disks skipped: no right to mount here\n");
                free(rgb);
                fixture_clear(".");
                return;
            }
            CHECK(verdict == 0 || verdict == 1);
            written += verdict == 0;
            refused += verdict == 1;
        }
        CHECK_MSG(written > 0 && refused > 0, "%s %d %d", outputs[i], written, refused);
    }
    free(rgb);
    fixture_clear(".");
}

/* Each must make the file of that very name and nothing else. */
TEST(hostile_names)
{
    static const char *const names[] = {
        "-i",           "-y.mp4",          "--force.mp4",       "concat:a.mp4|b.mp4",
        "http:x.mp4",   "file:x.mp4",      "pipe:1.mp4",        "data:text,x.mp4",
        "%03d.mp4",     "a%d.gif",         "frame-%05d.webm",   "a\nb.mp4",
        "a'b\".mp4",    " .mp4",           "a b .gif",          "|ls;$(x)`y`.mp4",
        "\377\376.mp4", "\033[2Jx.webm",   "*?[a].mp4",         "a\\b.mp4",
        "crypto:a.gif", "subfile,,1:.mp4", "\342\200\256x.mp4", "%s%n.mp4",
        "a.mp4.mp4",    "tcp:__1.webm",    "MIXED.Mp4",         "~.mp4",
    };
    struct dn_error err;
    uint8_t *rgb = fixture_scene(3, 32, 32);
    struct media_options options = fixture_options(32, 32);
    int count = (int)(sizeof names / sizeof names[0]);
    for (int i = 0; i < count; i++) {
        CHECK_OK(fixture_write(names[i], &options, rgb, 3, NULL, &err), err);
        CHECK_MSG(access(names[i], F_OK) == 0, "%d", i);
        CHECK(fixture_count(".") == 1);
        struct media_frames *frames = NULL;
        if (i > 0) {
            CHECK_OK(media_import(names[i], &(struct media_import_options){0}, &frames, &err), err);
            CHECK(frames && frames->count == 3);
        }
        media_frames_free(frames);
        struct media_writer *writer = NULL;
        CHECK(!media_writer_open(names[i], &options, &writer, &err) && is_one_line(err.message));
        fixture_clear(".");
    }
    free(rgb);
}

TEST(long_names)
{
    struct dn_error err;
    uint8_t *rgb = fixture_scene(3, 32, 32);
    struct media_options options = fixture_options(32, 32);
    char name[300];
    memset(name, 'n', sizeof name);
    strcpy(name + 251, ".mp4");
    CHECK_OK(fixture_write(name, &options, rgb, 3, NULL, &err), err);
    CHECK(access(name, F_OK) == 0 && fixture_count(".") == 1);
    memset(name + 251, 'n', 4);
    name[255] = '\0';
    CHECK_OK(fixture_write(name, &options, rgb, 3, NULL, &err), err);
    CHECK(fixture_count(name) == 3 && fixture_count(".") == 2);
    fixture_clear(".");
    struct media_writer *writer = NULL;
    strcpy(name + 252, ".mp4");
    CHECK(!media_writer_open(name, &options, &writer, &err) && err.code == DN_E_ARG);
    /* no room for the name of the recipe beside it */
    strcpy(name + 251, ".gif");
    options.recipe_json = "{}";
    CHECK(!media_writer_open(name, &options, &writer, &err) && err.code == DN_E_ARG);
    CHECK(fixture_count(".") == 0);
    free(rgb);
}

/* Symbolic links at the target or at the directory lead nowhere unexpected. */
TEST(links_are_not_followed)
{
    struct dn_error err;
    uint8_t *rgb = fixture_scene(3, 32, 32);
    struct media_options options = fixture_options(32, 32);
    struct media_writer *writer = NULL;
    CHECK(symlink("victim.mp4", "link.mp4") == 0);
    CHECK(!media_writer_open("link.mp4", &options, &writer, &err) && err.code == DN_E_EXISTS);
    options.force = true;
    CHECK_OK(fixture_write("link.mp4", &options, rgb, 3, NULL, &err), err);
    struct stat st;
    CHECK(access("victim.mp4", F_OK) != 0);
    CHECK(lstat("link.mp4", &st) == 0 && S_ISREG(st.st_mode));
    free(rgb);
    fixture_clear(".");
}

static int64_t count_calls(const char *path, const struct media_options *options,
                           const uint8_t *rgb, int64_t *size)
{
    struct dn_error err;
    struct media_result result = {0};
    fault_arm(FAULT_NONE, 0, 0);
    CHECK_OK(fixture_write(path, options, rgb, FRAMES, &result, &err), err);
    int64_t calls = fault_calls();
    *size = result.bytes;
    fixture_clear(".");
    return calls;
}

/* Every write, sync and rename of every format fails in turn: nothing under the name, or all. */
TEST(every_call_failed)
{
    static const int errors[] = {EIO, ENOSPC, EDQUOT};
    static const enum fault_mode modes[] = {FAULT_ONCE, FAULT_AFTER, FAULT_SHORT};
    int64_t step = getenv("FAULT_STEP") ? atoll(getenv("FAULT_STEP")) : 13, tried = 0;
    uint8_t *rgb = fixture_scene(FRAMES, W, H);
    struct media_options options = fixture_options(W, H);
    options.recipe_json = "{\"prompt\": \"a fox\"}";
    for (int i = 0; i < OUTPUTS; i++) {
        int64_t size, calls = count_calls(outputs[i], &options, rgb, &size);
        for (int64_t n = 1; n <= calls; n += step)
            for (int k = 0; k < 9; k++, tried++) {
                struct dn_error err = {0};
                fault_arm(modes[k / 3], n, errors[k % 3]);
                bool ok = fixture_write(outputs[i], &options, rgb, FRAMES, NULL, &err);
                fault_arm(FAULT_NONE, 0, 0);
                bool there = access(outputs[i], F_OK) == 0;
                CHECK_MSG(ok ? there && is_whole(outputs[i], size) : is_one_line(err.message),
                          "%s, call %lld: %s", outputs[i], (long long)n, err.message);
                /* a folder that cannot be synced any more keeps the whole file, and it is said */
                CHECK_MSG(ok || !there || (is_whole(outputs[i], size) && err.code == DN_E_IO),
                          "%s, call %lld", outputs[i], (long long)n);
                fixture_clear(".");
            }
    }
    printf("%lld calls failed\n", (long long)tried);
    free(rgb);
}

/* A writer in a child that ends at the n-th call (0 = never); after delay_us it is killed. */
static void kill_writer(const char *path, const struct media_options *options, const uint8_t *rgb,
                        int64_t n, int64_t delay_us, int64_t size, int *published)
{
    pid_t child = fork();
    if (child == 0) {
        struct dn_error err;
        fault_arm(n ? FAULT_KILL : FAULT_NONE, n, 0);
        fixture_write(path, options, rgb, FRAMES, NULL, &err);
        _exit(0);
    }
    if (n == 0) {
        usleep((useconds_t)delay_us);
        kill(child, SIGKILL);
    }
    waitpid(child, NULL, 0);
    if (access(path, F_OK) == 0) {
        CHECK_MSG(is_whole(path, size), "%s killed at call %lld or after %lld us", path,
                  (long long)n, (long long)delay_us);
        ++*published;
    }
    fixture_clear(".");
}

/* A writer killed at any moment leaves no final name that is not a whole clip: at its calls, and
 * at moments between. EXPORT_KILLS tells how many of these. */
TEST(killed_writers_leave_no_final_name)
{
    int64_t kills = getenv("EXPORT_KILLS") ? atoll(getenv("EXPORT_KILLS")) : 24;
    int64_t step = getenv("FAULT_STEP") ? atoll(getenv("FAULT_STEP")) : 13;
    uint8_t *rgb = fixture_scene(FRAMES, W, H);
    struct media_options options = fixture_options(W, H);
    int published = 0, at_calls = 0;
    options.recipe_json = "{\"prompt\": \"a fox\"}";
    for (int i = 0; i < OUTPUTS; i++) {
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        int64_t size, calls = count_calls(outputs[i], &options, rgb, &size);
        clock_gettime(CLOCK_MONOTONIC, &end);
        int64_t us = (end.tv_sec - start.tv_sec) * 1000000 + (end.tv_nsec - start.tv_nsec) / 1000;
        for (int64_t n = 1; n <= calls; n += step, at_calls++)
            kill_writer(outputs[i], &options, rgb, n, 0, size, &published);
        /* the last call: the name is there by then */
        kill_writer(outputs[i], &options, rgb, calls, 0, size, &published);
        for (int64_t k = 0; k < kills / OUTPUTS; k++)
            kill_writer(outputs[i], &options, rgb, 0, 1000 + us * k * OUTPUTS / kills, size,
                        &published);
    }
    printf("killed at %d calls and %lld moments, %d had published\n", at_calls + OUTPUTS,
           (long long)(kills / OUTPUTS * OUTPUTS), published);
    CHECK(published >= OUTPUTS);
    free(rgb);
}

TEST(atomic_files)
{
    struct dn_error err;
    size_t size = 0;
    CHECK_OK(atomic_file_write("a", "one", 3, false, &err), err);
    CHECK(!atomic_file_write("a", "two", 3, false, &err) && err.code == DN_E_EXISTS);
    CHECK_OK(atomic_file_write("a", "three", 5, true, &err), err);
    uint8_t *bytes = fixture_read("a", &size);
    CHECK(bytes && size == 5 && memcmp(bytes, "three", 5) == 0);
    free(bytes);
    CHECK_OK(atomic_file_write("empty", "", 0, false, &err), err);
    struct atomic_file *file = NULL;
    CHECK_OK(atomic_file_open("b", false, &file, &err), err);
    CHECK(fixture_count(".") == 3 && access("b", F_OK) != 0);
    atomic_file_abort(file);
    CHECK(fixture_count(".") == 2);
    static const char *const nowhere[] = {"", ".", "..", "/", "a/b", "none/b", "d/"};
    for (size_t i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++)
        CHECK(!atomic_file_open(nowhere[i], true, &file, &err) && !file &&
              is_one_line(err.message));
    mkdir("dir", 0777);
    CHECK(!atomic_file_open("dir", true, &file, &err) && err.code == DN_E_ARG);
    fixture_clear(".");
}

static void enter(void)
{
    fixture_enter();
}

TESTS(T(enter), T(full_disk_at_sixteen_sizes), T(small_disks), T(hostile_names),
      T(long_names), T(links_are_not_followed), T(every_call_failed),
      T(killed_writers_leave_no_final_name), T(atomic_files), T(fixture_leave))
