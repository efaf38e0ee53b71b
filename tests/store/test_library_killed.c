/* Imports and rebuilds that are killed at each call that makes something durable: the next try finds
 * a library that is whole, and nothing is lost. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/paths.h"
#include "catalog_fixture.h"
#include "check.h"
#include "store/clip_import.h"
#include "store/fault.h"
#include "store/library_rebuild.h"
#include "store/media_encode.h"

enum { CLIPS = 3, FRAMES = 5, SIDE = 32, MOST_CALLS = 200 };

static struct dn_error err;

static void write_video(const char *path, int shade)
{
    static uint8_t rgb[FRAMES * SIDE * SIDE * 3];
    struct media_options options = {.width = SIDE, .height = SIDE, .fps_num = 16, .fps_den = 1};
    struct media_result result;
    struct media_writer *writer;
    memset(rgb, shade, sizeof rgb);
    CHECK_OK(media_writer_open(path, &options, &writer, &err) &&
                 media_writer_add(writer, rgb, FRAMES, &err) &&
                 media_writer_finish(writer, &result, &err),
             err);
}

static int64_t count_clips(struct catalog *c)
{
    struct catalog_totals totals = {0};
    CHECK_OK(catalog_get_totals(c, &totals, &err), err);
    return totals.clips;
}

static bool import(struct catalog *c, const char *path, int64_t *id)
{
    struct clip_import staged;
    bool ok = clip_import_stage(c, path, &staged, &err);
    if (ok) {
        struct clip clip = fixture_clip("an import", 1);
        clip.origin = CLIP_IMPORT;
        ok = clip_import_publish(c, staged.folder, &clip, staged.files.items, staged.files.count,
                                 id, &err);
    }
    clip_import_done(c, &staged);
    return ok;
}

/* Runs act in a child that is killed at its n-th call; false: it had none of that number. */
static bool killed_at(int64_t n, void (*act)(const char *path), const char *path)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        fault_arm(FAULT_KILL, n, EIO);
        act(path);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    CHECK_MSG(killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0), "call %lld: status %x",
              (long long)n, (unsigned)status);
    return killed;
}

static void import_one(const char *path)
{
    int64_t id;
    struct catalog *c = fixture_open(CATALOG_WRITE);
    if (!import(c, path, &id))
        _exit(1);
    catalog_close(c);
}

TEST(killed_imports)
{
    char path[300], incoming[300];
    int64_t n = 1, id = 0, there = 0;
    bool killed = true;
    snprintf(path, sizeof path, "%s-from.mp4", fixture_library);
    snprintf(incoming, sizeof incoming, "%s/incoming", fixture_library);
    write_video(path, 200);
    for (; killed && n < MOST_CALLS; n++) {
        fixture_clear();
        catalog_close(fixture_open(CATALOG_WRITE));
        killed = killed_at(n, import_one, path);
        struct catalog *c = fixture_open(CATALOG_WRITE);
        CHECK_OK(clip_files_sweep(c, NULL, &err), err);
        CHECK_OK(clip_import_sweep(c, &err), err);
        CHECK(access(incoming, F_OK) != 0);
        CHECK_OK(catalog_check(c, &err), err);
        int64_t before = count_clips(c), faults = 0;
        there += before;
        bool again = import(c, path, &id);
        CHECK_MSG(again == (before == 0) && (again || err.code == DN_E_EXISTS), "call %lld: %s",
                  (long long)n, err.message);
        CHECK(count_clips(c) == 1);
        CHECK_OK(clip_files_verify(c, 1, true, NULL, NULL, &faults, &err), err);
        CHECK_MSG(faults == 0, "call %lld: %lld faults", (long long)n, (long long)faults);
        catalog_close(c);
    }
    CHECK_MSG(!killed && n > 5, "%lld calls", (long long)n);
    printf("killed at %lld calls, %lld were in already\n", (long long)n - 2, (long long)there - 1);
    remove(path);
    fixture_clear();
}

static void forget(void *user, const struct rebuild_files *files, struct clip *clip)
{
    (void)user, (void)files;
    clip->request_json = strdup("{}");
}

static bool rebuild(void)
{
    struct rebuild r = {.recall = forget};
    bool ok = library_rebuild(fixture_library, &r, &err);
    free(r.snapshot);
    free(r.aside);
    return ok;
}

static void rebuild_one(const char *path)
{
    (void)path;
    if (!rebuild())
        _exit(1);
}

/* Three clips with their files; then their catalog is lost, or only damaged. */
static void make_library(const char *path, bool damaged)
{
    int64_t id;
    char catalog[300];
    fixture_clear();
    struct catalog *c = fixture_open(CATALOG_WRITE);
    for (int i = 0; i < CLIPS; i++) {
        remove(path);
        write_video(path, 60 * i);
        CHECK_OK(import(c, path, &id), err);
    }
    catalog_close(c);
    snprintf(catalog, sizeof catalog, "%s/catalog.db", fixture_library);
    if (!damaged)
        remove(catalog);
    else
        CHECK(truncate(catalog, 50) == 0);
}

static int64_t kill_rebuilds(bool damaged)
{
    char path[300];
    bool killed = true;
    int64_t n = 1;
    snprintf(path, sizeof path, "%s-from.mp4", fixture_library);
    make_library(path, damaged);
    for (; killed && n < MOST_CALLS; n++) {
        make_library(path, damaged);
        killed = killed_at(n, rebuild_one, path);
        bool again = rebuild();
        CHECK_MSG(again || (err.code == DN_E_EXISTS && strstr(err.message, "is sound")),
                  "call %lld: %s", (long long)n, err.message);
        struct catalog *c = fixture_open(CATALOG_WRITE);
        int64_t faults = 0;
        CHECK_OK(catalog_check(c, &err), err);
        CHECK(count_clips(c) == CLIPS);
        CHECK_OK(clip_files_verify(c, 0, true, NULL, NULL, &faults, &err), err);
        CHECK_MSG(faults == 0, "call %lld: %lld faults", (long long)n, (long long)faults);
        catalog_close(c);
    }
    CHECK(!killed && n > 2);
    remove(path);
    fixture_clear();
    return n - 2;
}

TEST(killed_rebuilds)
{
    int64_t lost = kill_rebuilds(false), damaged = kill_rebuilds(true);
    printf("killed at %lld calls, and at %lld with a damaged catalog\n", (long long)lost,
           (long long)damaged);
}

TESTS(T(killed_imports), T(killed_rebuilds))
