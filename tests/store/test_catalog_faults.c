/* The catalog and its files when calls fail or the process is killed at each of them: what was
 * acknowledged is there, nothing is half there, and the next start goes on.
 *
 * One life is a small story: open, sweep, enqueue, claim, latents, a video, finish, trash,
 * restore, trash, empty. It writes down what was acknowledged; checks compare. FAULT_STEP > 1 takes
 * only each so-many-th call; make torture takes all. */
#define _GNU_SOURCE
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "catalog_fixture.h"
#include "check.h"
#include "fault_vfs.h"
#include "store/atomic_file.h"
#include "store/catalog_labels.h"
#include "store/catalog_search.h"
#include "store/clip_files.h"
#include "store/clip_latents.h"
#include "store/clip_trash.h"

static struct dn_error err;
static int step = 11;
static int64_t closing; /* the call after which a life only closes the catalog: that cannot fail */

/* What calls answered "true" for; shared with a child that may die. */
static struct acknowledged {
    int64_t enqueued, finished, trashed, restored, emptied; /* clip numbers, 0 = not yet */
    int64_t started[5];                                     /* attempts of the same */
} *said;

static bool make_files(struct catalog *c, int64_t id, struct clip_file files[2])
{
    static const struct clip_latents_shape shape = {3, 2, 4, 4};
    static const float values[3 * 2 * 4 * 4] = {1, 2, 3};
    struct clip_latents *latents = NULL;
    struct clip clip;
    if (!catalog_get_clip(c, id, &clip, &err))
        return false;
    char *path = clip_file_path(c, &clip, "latents.safetensors");
    char *video = clip_file_path(c, &clip, "video.mp4");
    bool ok = clip_folder_make(c, &clip, &err) &&
              (clip_latents_open(path, true, &latents, &err) ||
               clip_latents_create(path, &shape, NULL, &latents, &err));
    while (ok && clip_latents_frames(latents) < shape.frames)
        ok = clip_latents_append(latents, values, 1, &err);
    clip_latents_close(latents);
    ok = ok && atomic_file_write(video, "a video", 7, true, &err) &&
         clip_file_describe(c, &clip, CLIP_LATENTS, "latents.safetensors", 3, &files[0], &err) &&
         clip_file_describe(c, &clip, CLIP_VIDEO, "video.mp4", 9, &files[1], &err);
    free(path);
    free(video);
    clip_done(&clip);
    return ok;
}

static bool enqueue(struct catalog *c)
{
    struct clip in = fixture_clip("a red fox", 7);
    int64_t id = 0;
    said->started[0]++;
    return catalog_enqueue(c, &in, JOB_LAST, &id, &err) && (said->enqueued = id);
}

/* Everything that is queued is made. */
static bool work(struct catalog *c)
{
    struct job job;
    bool found = true, ok = true;
    while (ok && (ok = catalog_claim_job(c, "e", &job, &found, &err)) && found) {
        struct clip_file files[2] = {0};
        struct clip_result result = {.frames = 9, .files = files, .file_count = 2};
        ok = make_files(c, job.id, files) && catalog_finish_job(c, job.id, &result, &err);
        if (ok)
            said->finished = job.id;
        clip_file_done(&files[0]);
        clip_file_done(&files[1]);
        job_done(&job);
    }
    return ok;
}

static bool start(struct catalog **c)
{
    return catalog_open(fixture_library, CATALOG_WRITE, c, &err) &&
           clip_files_sweep(*c, NULL, &err) && catalog_recover_jobs(*c, "new", NULL, &err);
}

static bool throw_away(struct catalog *c, int64_t id)
{
    said->started[2]++;
    return clip_trash(c, id, &err) && (said->trashed = id) && clip_restore(c, id, &err) &&
           (said->restored = id) && clip_trash(c, id, &err) && (said->started[4] = 1) &&
           clip_trash_empty(c, 0, NULL, &err) && (said->emptied = id);
}

static bool life(void)
{
    struct catalog *c = NULL;
    bool ok = start(&c) && enqueue(c) && work(c) && enqueue(c) && work(c) &&
              catalog_add_tag(c, said->finished, "best", &err) &&
              throw_away(c, said->finished);
    closing = fault_calls();
    catalog_close(c);
    return ok;
}

static int count_parts(const char *path)
{
    DIR *dir = opendir(path);
    int n = 0;
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        char inner[1024];
        snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            n += (strstr(e->d_name, ".part") != NULL) + count_parts(inner);
    }
    if (dir)
        closedir(dir);
    return n;
}

static void print_fault(void *user, const struct clip_fault *fault)
{
    fprintf(stderr, "call %lld: clip %lld: %s %s\n", (long long)*(int64_t *)user,
            (long long)fault->clip, fault->path, fault->what);
}

/* From the moment that it has its name the catalog is one with a write ahead log (bytes 18 and 19):
 * changing that later needs the file alone, and a reader may be there. */
static void check_log_mode(int64_t n)
{
    char path[512], head[20] = "";
    snprintf(path, sizeof path, "%s/catalog.db", fixture_library);
    FILE *f = fopen(path, "rb");
    if (!f)
        return;
    CHECK_MSG(fread(head, 1, sizeof head, f) == sizeof head && head[18] == 2 && head[19] == 2,
              "call %lld", (long long)n);
    fclose(f);
}

/* After a bad end: starts again without faults and checks everything that was promised. */
static void check_promises(int64_t n)
{
    struct catalog *c = NULL;
    struct clip clip;
    int64_t faults = -1, last = said->enqueued;
    check_log_mode(n);
    CHECK_MSG(start(&c), "call %lld: %s", (long long)n, err.message);
    if (!c)
        return;
    CHECK_MSG(catalog_check(c, &err), "call %lld: %s", (long long)n, err.message);
    CHECK_OK(clip_files_verify(c, 0, true, print_fault, &n, &faults, &err), err);
    CHECK_MSG(faults == 0, "call %lld: %lld faults", (long long)n, (long long)faults);
    struct clip_list list;
    struct catalog_page page = {.limit = 100};
    CHECK_OK(catalog_search(c, NULL, &page, &list, &err), err);
    /* at most the one more whose acknowledgement was cut off */
    CHECK_MSG((int64_t)list.count <= said->started[0], "call %lld", (long long)n);
    clip_list_done(&list);
    for (int64_t id = 1; id <= last; id++) {
        bool there = catalog_get_clip(c, id, &clip, &err);
        if (said->emptied == id)
            CHECK_MSG(!there, "call %lld: clip %lld came back", (long long)n, (long long)id);
        else if (!(said->started[4] && id == said->trashed)) /* else emptying had begun */
            CHECK_MSG(there, "call %lld: clip %lld is lost", (long long)n, (long long)id);
        if (there) {
            CHECK_MSG(id > said->finished || clip.status == JOB_DONE, "call %lld", (long long)n);
            clip_done(&clip);
        }
    }
    CHECK_MSG(work(c), "call %lld: %s", (long long)n, err.message);
    CHECK_MSG(enqueue(c) && work(c), "call %lld: %s", (long long)n, err.message);
    CHECK_OK(clip_files_verify(c, 0, true, print_fault, &n, &faults, &err), err);
    CHECK_MSG(faults == 0, "call %lld: %lld faults later", (long long)n, (long long)faults);
    CHECK_MSG(clip_files_sweep(c, NULL, &err), "call %lld: %s", (long long)n, err.message);
    catalog_close(c);
    char path[512];
    snprintf(path, sizeof path, "%s/clips", fixture_library);
    CHECK_MSG(count_parts(path) == 0, "call %lld leaves temporary files", (long long)n);
}

static int64_t calls_of_a_life(void)
{
    fault_arm(FAULT_NONE, 0, 0);
    *said = (struct acknowledged){0};
    CHECK_MSG(life(), "%s", err.message);
    int64_t calls = fault_calls();
    check_promises(0);
    fixture_clear();
    return calls;
}

TEST(calls_fail)
{
    static const int errors[] = {ENOSPC, EIO, EDQUOT};
    int64_t calls = calls_of_a_life(), tried = 0;
    for (int e = 0; e < 3; e++)
        for (enum fault_mode mode = FAULT_ONCE; mode <= FAULT_AFTER; mode++)
            for (int64_t n = 1 + (e * 2 + mode) % step; n <= calls; n += step, tried++) {
                *said = (struct acknowledged){0};
                err = (struct dn_error){0};
                fault_arm(mode, n, errors[e]);
                bool ok = life();
                fault_arm(FAULT_NONE, 0, 0);
                CHECK_MSG(ok || (err.message[0] && !strchr(err.message, '\n')), "call %lld",
                          (long long)n);
                CHECK_MSG(mode == FAULT_ONCE || ok == (n > closing), "call %lld", (long long)n);
                check_promises(n);
                fixture_clear();
            }
    printf("%lld injections over %lld calls\n", (long long)tried, (long long)calls);
}

TEST(killed_at_calls)
{
    int64_t calls = calls_of_a_life(), kills = 0;
    for (int64_t n = 1; n <= calls; n += step, kills++) {
        *said = (struct acknowledged){0};
        pid_t pid = fork();
        if (pid == 0) {
            fault_arm(FAULT_KILL, n, 0);
            life();
            _exit(0);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        fault_arm(FAULT_NONE, 0, 0);
        check_promises(n);
        fixture_clear();
    }
    printf("%lld kills at calls\n", (long long)kills);
}

/* Lives on and on until somebody ends it. */
static void live_on(void)
{
    struct catalog *c = NULL;
    bool ok = start(&c);
    while (ok) {
        ok = enqueue(c) && enqueue(c) && work(c) && throw_away(c, said->finished);
    }
    fprintf(stderr, "%s\n", err.message);
    _exit(1);
}

TEST(killed_at_random_moments)
{
    const char *text = getenv("KILLS");
    int kills = text ? atoi(text) : 15;
    uint64_t random = 4711;
    for (int i = 0; i < kills; i++) {
        *said = (struct acknowledged){0};
        pid_t pid = fork();
        if (pid == 0)
            live_on();
        random = random * 6364136223846793005u + 1442695040888963407u;
        usleep((useconds_t)(1000 + (random >> 33) % 150000));
        kill(pid, SIGKILL);
        int status = 0;
        waitpid(pid, &status, 0);
        CHECK_MSG(WIFSIGNALED(status), "life %d ended by itself", i);
        if (catalog_exists(fixture_library)) {
            struct catalog *c = NULL;
            struct job_list jobs = {0};
            struct clip clip;
            int64_t faults = -1;
            unsigned waiting = 1u << JOB_QUEUED | 1u << JOB_RUNNING;
            CHECK_MSG(start(&c) && catalog_check(c, &err), "kill %d: %s", i, err.message);
            CHECK_OK(clip_files_verify(c, 0, true, NULL, NULL, &faults, &err), err);
            CHECK_MSG(faults == 0, "kill %d: %lld faults", i, (long long)faults);
            /* the newest acknowledged clip is there, or was thrown away by this very life */
            bool there = said->enqueued == 0 || catalog_get_clip(c, said->enqueued, &clip, &err);
            CHECK_MSG(there || said->enqueued == said->finished, "kill %d: clip %lld is lost", i,
                      (long long)said->enqueued);
            if (there && said->enqueued)
                clip_done(&clip);
            CHECK_OK(catalog_list_jobs(c, waiting, 100, &jobs, &err), err);
            CHECK_MSG(jobs.count <= 3, "kill %d: %zu jobs wait", i, jobs.count);
            job_list_done(&jobs);
            CHECK_OK(work(c), err);
            catalog_close(c);
        }
        if (i % 10 == 9)
            fixture_clear();
    }
    printf("%d kills at random moments\n", kills);
    fixture_clear();
}

/* On a file system of so many KiB, in a mount namespace of its own. Exit status: 0 it was enough,
 * 1 it was not and all promises were kept when it grew, 2 something is wrong, 77 not allowed. */
static void live_on_small_disk(int size_kib)
{
    char size[64];
    snprintf(size, sizeof size, "size=%dk,mode=700", size_kib);
    mkdir(fixture_library, 0700);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("disk", fixture_library, "tmpfs", 0, size) != 0)
        _exit(77);
    err = (struct dn_error){0};
    bool ok = life();
    if (!ok && (err.code != DN_E_IO || !err.message[0] || strchr(err.message, '\n'))) {
        fprintf(stderr, "%d KiB: \"%s\"\n", size_kib, err.message);
        _exit(2);
    }
    if (mount("disk", fixture_library, "tmpfs", MS_REMOUNT, "size=64m,mode=700") != 0)
        _exit(77);
    check_promises(size_kib);
    _exit(check_failures ? 2 : !ok);
}

TEST(small_disks)
{
    const char *text = getenv("DISK_SIZES");
    int sizes = text ? atoi(text) : 12, enough = 0, full = 0;
    enum { NEED_KIB = 700 }; /* about what a life takes, log included */
    for (int i = 1; i <= sizes; i++) {
        *said = (struct acknowledged){0};
        pid_t pid = fork();
        if (pid == 0)
            live_on_small_disk(4 + 2 * NEED_KIB * i / sizes);
        int status = 0;
        waitpid(pid, &status, 0);
        fixture_clear();
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
            printf("small_disks skipped: no right to mount here\n");
            return;
        }
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) < 2);
        enough += WIFEXITED(status) && WEXITSTATUS(status) == 0;
        full += WIFEXITED(status) && WEXITSTATUS(status) == 1;
    }
    printf("%d sizes of disk: enough %d times, full %d times\n", sizes, enough, full);
    CHECK(enough > 0 && full > 0);
}

__attribute__((constructor(300))) static void begin(void)
{
    const char *text = getenv("FAULT_STEP");
    step = text ? atoi(text) : step;
    said = mmap(NULL, sizeof *said, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fault_vfs_begin();
}

TESTS(T(calls_fail), T(killed_at_calls), T(killed_at_random_moments), T(small_disks))
