/* Where the library is, and moving it: whole in one place whatever happens. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "base/paths.h"
#include "catalog_fixture.h"
#include "check.h"
#include "store/atomic_file.h"
#include "store/clip_files.h"
#include "store/fault.h"
#include "store/library.h"

static struct dn_error err;
static char home[256], other_disk[256];

static char *below(const char *base, const char *name)
{
    return dn_asprintf("%s/%s", base, name);
}

static void enter(void)
{
    char *config = below(home, "config"), *data = below(home, "data");
    CHECK(mkdir(home, 0700) == 0 && mkdir(other_disk, 0700) == 0);
    setenv("XDG_CONFIG_HOME", config, 1);
    setenv("XDG_DATA_HOME", data, 1);
    unsetenv("DANAUS_LIBRARY");
    free(config);
    free(data);
}

static void leave(void)
{
    nftw(home, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    nftw(other_disk, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void expect_place(const char *want)
{
    char *place = library_find(NULL, &err);
    CHECK(place != NULL);
    CHECK_STR(place ? place : "", want);
    free(place);
}

/* A library with three clips and their files in the place that library_find tells. */
static void fill(void)
{
    char *place = library_find(NULL, &err);
    struct catalog *c;
    CHECK_OK(catalog_open(place, CATALOG_WRITE, &c, &err), err);
    for (int i = 0; i < 3; i++) {
        struct clip in = fixture_clip("a fox", (uint64_t)i), clip;
        struct clip_file file;
        int64_t id;
        CHECK_OK(catalog_add_clip(c, &in, &id, &err), err);
        CHECK_OK(catalog_get_clip(c, id, &clip, &err), err);
        CHECK_OK(clip_folder_make(c, &clip, &err), err);
        char *path = clip_file_path(c, &clip, "video.mp4");
        CHECK_OK(atomic_file_write(path, "a video", 7, false, &err), err);
        CHECK_OK(clip_file_describe(c, &clip, CLIP_VIDEO, "video.mp4", 9, &file, &err), err);
        CHECK_OK(catalog_put_file(c, id, &file, &err), err);
        clip_file_done(&file);
        clip_done(&clip);
        free(path);
    }
    catalog_close(c);
    free(place);
}

/* Where library_find leads there is a whole library: three clips, their files. */
static bool whole(void)
{
    char *place = library_find(NULL, &err);
    struct catalog *c = NULL;
    int64_t faults = -1;
    struct catalog_totals totals = {0};
    bool ok = place && catalog_open(place, CATALOG_WRITE, &c, &err) && catalog_check(c, &err) &&
              catalog_get_totals(c, &totals, &err) && totals.clips == 3 &&
              clip_files_verify(c, 0, true, NULL, NULL, &faults, &err) && faults == 0;
    catalog_close(c);
    free(place);
    return ok;
}

TEST(where_it_is)
{
    enter();
    char *data = below(home, "data/danaus");
    expect_place(data);
    free(data);
    setenv("DANAUS_LIBRARY", "/somewhere", 1);
    expect_place("/somewhere");
    char *given = library_find("/given", &err);
    CHECK_STR(given, "/given");
    free(given);
    leave();
}

TEST(moving_on_one_disk)
{
    enter();
    fill();
    char *from = library_find(NULL, &err), *to = below(home, "new/place"), *busy = below(home, "b");
    struct stat st;
    CHECK_OK(library_move(from, to, &err), err);
    expect_place(to);
    CHECK(whole() && access(from, F_OK) != 0);
    CHECK(stat(to, &st) == 0 && (st.st_mode & 0777) == 0700);
    /* back, into an empty folder, named with a slash at its end */
    char *back = dn_asprintf("%s/", from);
    CHECK(mkdir(from, 0700) == 0);
    CHECK_OK(library_move(to, back, &err), err);
    expect_place(from);
    CHECK(whole());
    free(back);
    /* not over something, not into itself, not while a writer holds it */
    CHECK(mkdir(busy, 0700) == 0);
    char *inside = below(busy, "x");
    CHECK(mkdir(inside, 0700) == 0);
    CHECK(!library_move(from, busy, &err) && err.code == DN_E_EXISTS);
    free(inside);
    inside = below(from, "inner");
    CHECK(!library_move(from, inside, &err) && err.code == DN_E_ARG);
    CHECK(!library_move(busy, to, &err) && err.code == DN_E_ARG);
    struct catalog *c;
    CHECK_OK(catalog_open(from, CATALOG_WRITE, &c, &err), err);
    CHECK(!library_move(from, to, &err) && err.code == DN_E_EXISTS);
    catalog_close(c);
    expect_place(from);
    CHECK(whole());
    free(from), free(to), free(busy), free(inside);
    leave();
}

TEST(moving_to_another_disk)
{
    enter();
    fill();
    char *from = library_find(NULL, &err), *to = below(other_disk, "library");
    struct stat a, b;
    bool two_disks = stat(home, &a) == 0 && stat(other_disk, &b) == 0 && a.st_dev != b.st_dev;
    CHECK_MSG(two_disks, "%s and %s are one disk: nothing is tested", home, other_disk);
    CHECK_OK(library_move(from, to, &err), err);
    expect_place(to);
    CHECK(whole() && access(from, F_OK) != 0);
    free(from), free(to);
    leave();
}

/* Moves between disks with the n-th call failing, or killed there: no clip is lost, and the next
 * move works. */
static void interrupted(const char *base, enum fault_mode mode)
{
    for (int64_t n = 1;; n++) {
        int status = 0;
        enter();
        fill();
        char *from = library_find(NULL, &err), *to = below(base, "library");
        pid_t pid = fork();
        if (pid == 0) {
            fault_arm(mode, n, ENOSPC);
            bool ok = library_move(from, to, &err);
            _exit(fault_calls() < n ? 2 : ok);
        }
        waitpid(pid, &status, 0);
        bool done = WIFEXITED(status) && WEXITSTATUS(status) == 2;
        CHECK_MSG(done || (mode == FAULT_KILL) == WIFSIGNALED(status), "call %lld", (long long)n);
        CHECK_MSG(whole(), "call %lld: %s", (long long)n, err.message);
        char *now = library_find(NULL, &err), *third = below(home, "third");
        CHECK_MSG(library_move(now, third, &err) && whole(), "call %lld: %s", (long long)n,
                  err.message);
        free(from), free(to), free(now), free(third);
        leave();
        if (done || n > 200) {
            CHECK(done && n > 5);
            return;
        }
    }
}

TEST(interrupted_moves)
{
    interrupted(home, FAULT_ONCE);
    interrupted(home, FAULT_KILL);
    interrupted(other_disk, FAULT_ONCE);
    interrupted(other_disk, FAULT_KILL);
}

TEST(free_space)
{
    int64_t here = 0, below_nothing = 0;
    CHECK_OK(library_free_bytes("/tmp", &here, &err), err);
    CHECK_OK(library_free_bytes("/tmp/is/not/there", &below_nothing, &err), err);
    CHECK(here > 0 && below_nothing > 0);
}

__attribute__((constructor(300))) static void begin(void)
{
    snprintf(home, sizeof home, "%s/danaus-home-%d", test_place(), (int)getpid());
    snprintf(other_disk, sizeof other_disk, "/tmp/danaus-other-%d", (int)getpid());
}

TESTS(T(where_it_is), T(moving_on_one_disk), T(moving_to_another_disk), T(interrupted_moves),
      T(free_space))
