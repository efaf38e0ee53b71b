/* The queue: its order, what may follow what, and that nothing is lost or run twice. */
#define _GNU_SOURCE
#include "catalog_fixture.h"
#include "check.h"
#include "store/catalog_internal.h"
#include "store/catalog_jobs.h"
#include "store/clip_files.h"

static struct dn_error err;

static int64_t enqueue(struct catalog *c, uint64_t seed, enum job_place place)
{
    struct clip in = fixture_clip("a fox", seed);
    int64_t id = 0;
    CHECK_OK(catalog_enqueue(c, &in, place, &id, &err), err);
    return id;
}

static enum job_state state_of(struct catalog *c, int64_t id)
{
    struct job job;
    struct clip clip;
    CHECK_OK(catalog_get_job(c, id, &job, &err), err);
    CHECK_OK(catalog_get_clip(c, id, &clip, &err), err);
    enum job_state state = job.state;
    CHECK(clip.status == state);
    job_done(&job);
    clip_done(&clip);
    return state;
}

/* The waiting jobs' seeds as text: "1 3 2". */
static const char *order(struct catalog *c)
{
    static char text[256];
    struct job_list list;
    unsigned states = 1u << JOB_QUEUED | 1u << JOB_PAUSED | 1u << JOB_RUNNING;
    text[0] = '\0';
    CHECK_OK(catalog_list_jobs(c, states, 100, &list, &err), err);
    for (size_t i = 0; i < list.count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d", i ? " " : "",
                 (int)list.items[i].seed);
    job_list_done(&list);
    return text;
}

TEST(places_in_the_queue)
{
    struct catalog *c = fixture_open(CATALOG_WRITE);
    int64_t id[8];
    for (int i = 1; i <= 4; i++)
        id[i] = enqueue(c, (uint64_t)i, JOB_LAST);
    CHECK_STR(order(c), "1 2 3 4");
    id[5] = enqueue(c, 5, JOB_FIRST);
    CHECK_STR(order(c), "5 1 2 3 4");
    CHECK_OK(catalog_move_job(c, id[4], JOB_BEFORE, id[2], &err), err);
    CHECK_STR(order(c), "5 1 4 2 3");
    CHECK_OK(catalog_move_job(c, id[5], JOB_AFTER, id[3], &err), err);
    CHECK_STR(order(c), "1 4 2 3 5");
    CHECK_OK(catalog_move_job(c, id[2], JOB_FIRST, 0, &err), err);
    CHECK_STR(order(c), "2 1 4 3 5");
    CHECK_OK(catalog_move_job(c, id[1], JOB_LAST, 0, &err), err);
    CHECK_STR(order(c), "2 4 3 5 1");
    CHECK_OK(catalog_move_job(c, id[2], JOB_AFTER, id[2], &err), err);
    CHECK_STR(order(c), "2 4 3 5 1");
    CHECK(!catalog_move_job(c, 99, JOB_FIRST, 0, &err) && err.code == DN_E_ARG);
    CHECK(!catalog_move_job(c, id[1], JOB_BEFORE, 99, &err) && err.code == DN_E_ARG);
    CHECK_STR(order(c), "2 4 3 5 1");
    /* far more moves into one gap than it has places */
    for (int i = 0; i < 60; i++) {
        CHECK_OK(catalog_move_job(c, id[i % 2 ? 4 : 3], JOB_AFTER, id[2], &err), err);
        CHECK_STR(order(c), i % 2 ? "2 4 3 5 1" : "2 3 4 5 1");
    }
    catalog_close(c);
    fixture_clear();
}

/* A job brought into a state by the shortest way. */
static int64_t job_in(struct catalog *c, enum job_state state)
{
    int64_t id = enqueue(c, 1, JOB_FIRST);
    struct job job;
    bool found = false;
    if (state == JOB_PAUSED || state == JOB_CANCELLED)
        CHECK_OK(catalog_set_job(c, id, state, NULL, &err), err);
    if (state == JOB_RUNNING || state == JOB_DONE || state == JOB_FAILED ||
        state == JOB_SET_ASIDE) {
        CHECK_OK(catalog_claim_job(c, "me", &job, &found, &err), err);
        CHECK(found && job.id == id && job.state == JOB_RUNNING && job.attempts == 1);
        job_done(&job);
    }
    struct clip_result result = {.frames = 81};
    if (state == JOB_DONE)
        CHECK_OK(catalog_finish_job(c, id, &result, &err), err);
    if (state == JOB_FAILED || state == JOB_SET_ASIDE)
        CHECK_OK(catalog_set_job(c, id, state, "why", &err), err);
    CHECK(state_of(c, id) == state);
    return id;
}

TEST(every_transition_does_what_the_table_says)
{
    /* The header's table, written once more: rows from, columns to. */
    static const char *const table[JOB_STATES] = {
        [JOB_QUEUED] = ".xx..x.", [JOB_PAUSED] = "x....x.",    [JOB_RUNNING] = "xx.xxxx",
        [JOB_DONE] = ".......",   [JOB_FAILED] = "x......",    [JOB_CANCELLED] = "x......",
        [JOB_SET_ASIDE] = "x......",
    };
    struct catalog *c = fixture_open(CATALOG_WRITE);
    struct clip_result result = {.frames = 81};
    for (int from = 0; from < JOB_STATES; from++) {
        for (int to = 0; to < JOB_STATES; to++) {
            bool may = table[from][to] == 'x';
            CHECK(job_may_go((enum job_state)from, (enum job_state)to) == may);
            int64_t id = job_in(c, (enum job_state)from);
            err = (struct dn_error){0};
            bool went = to == JOB_DONE ? catalog_finish_job(c, id, &result, &err)
                                       : catalog_set_job(c, id, (enum job_state)to, NULL, &err);
            CHECK_MSG(went == may, "%s to %s: %s", job_state_name((enum job_state)from),
                      job_state_name((enum job_state)to), err.message);
            CHECK(may || err.code == DN_E_ARG);
            CHECK(state_of(c, id) == (enum job_state)(went ? to : from));
        }
    }
    CHECK_OK(catalog_check(c, &err), err);
    catalog_close(c);
    fixture_clear();
}

TEST(a_job_is_claimed_once_and_in_order)
{
    struct catalog *c = fixture_open(CATALOG_WRITE);
    int64_t a = enqueue(c, 1, JOB_LAST), b = enqueue(c, 2, JOB_LAST);
    struct job job;
    bool found = false;
    CHECK_OK(catalog_pause_queue(c, true, &err), err);
    CHECK_OK(catalog_claim_job(c, "e1", &job, &found, &err), err);
    CHECK(!found);
    CHECK_OK(catalog_pause_queue(c, false, &err), err);
    CHECK_OK(catalog_claim_job(c, "e1", &job, &found, &err), err);
    CHECK(found && job.id == a && job.started_ms > 0);
    CHECK_STR(job.owner, "e1");
    job_done(&job);
    CHECK_OK(catalog_claim_job(c, "e1", &job, &found, &err), err);
    CHECK(found && job.id == b);
    job_done(&job);
    CHECK_OK(catalog_claim_job(c, "e1", &job, &found, &err), err);
    CHECK(!found);
    /* another engine: both go back to their places, in order */
    int64_t count = 0;
    CHECK_OK(catalog_recover_jobs(c, "e1", &count, &err), err);
    CHECK(count == 0);
    CHECK_OK(catalog_recover_jobs(c, "e2", &count, &err), err);
    CHECK(count == 2);
    CHECK_STR(order(c), "1 2");
    CHECK(state_of(c, a) == JOB_QUEUED);
    catalog_close(c);
    fixture_clear();
}

TEST(a_job_that_kills_its_worker_is_set_aside)
{
    struct catalog *c = fixture_open(CATALOG_WRITE);
    int64_t poison = enqueue(c, 1, JOB_LAST);
    struct job job;
    bool found;
    enum job_state now = JOB_DONE;
    CHECK(!catalog_interrupt_job(c, poison, "no", true, 3, &now, &err) && err.code == DN_E_ARG);
    for (int i = 1; i <= 5; i++) { /* 1 and 3 were not the job's fault */
        CHECK_OK(catalog_claim_job(c, "e", &job, &found, &err), err);
        CHECK(found && job.attempts == i);
        job_done(&job);
        CHECK_OK(catalog_interrupt_job(c, poison, "worker killed by signal 11", i != 1 && i != 3,
                                       3, &now, &err), err);
        CHECK(now == (i < 5 ? JOB_QUEUED : JOB_SET_ASIDE));
    }
    CHECK(state_of(c, poison) == JOB_SET_ASIDE);
    CHECK_OK(catalog_get_job(c, poison, &job, &err), err);
    CHECK_STR(job.reason, "worker killed by signal 11");
    CHECK(job.deaths == 3 && job.finished_ms > 0);
    job_done(&job);
    CHECK_OK(catalog_set_job(c, poison, JOB_QUEUED, NULL, &err), err);
    CHECK_OK(catalog_get_job(c, poison, &job, &err), err);
    CHECK(job.deaths == 0 && job.attempts == 5 && job.finished_ms == 0);
    job_done(&job);
    catalog_close(c);
    fixture_clear();
}

TEST(finishing_commits_files_and_states_together)
{
    struct catalog *c = fixture_open(CATALOG_WRITE);
    int64_t id = job_in(c, JOB_RUNNING);
    struct clip clip;
    CHECK_OK(catalog_get_clip(c, id, &clip, &err), err);
    CHECK_OK(clip_folder_make(c, &clip, &err), err);
    char *path = clip_file_path(c, &clip, "video.mp4");
    FILE *f = fopen(path, "w");
    CHECK(f && fputs("abc", f) >= 0);
    fclose(f);
    struct clip_file file;
    CHECK_OK(clip_file_describe(c, &clip, CLIP_VIDEO, "video.mp4", 80, &file, &err), err);
    CHECK(file.bytes == 3);
    CHECK_STR(file.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_OK(catalog_set_progress(c, id, 3, &err), err);
    struct clip_result result = {
        .frames = 80, .timings_json = "{\"denoise\": 1.5}", .files = &file, .file_count = 1};
    /* a row that cannot be written undoes all of it */
    struct clip_file bad[2] = {file, file};
    strcpy(bad[1].sha256, "short");
    struct clip_result wrong = {.frames = 80, .files = bad, .file_count = 2};
    struct clip_file_list files;
    CHECK(!catalog_finish_job(c, id, &wrong, &err));
    CHECK(state_of(c, id) == JOB_RUNNING);
    CHECK_OK(catalog_list_files(c, id, &files, &err), err);
    CHECK(files.count == 0);
    clip_file_list_done(&files);
    CHECK_OK(catalog_finish_job(c, id, &result, &err), err);
    CHECK(!catalog_finish_job(c, id, &result, &err) && err.code == DN_E_ARG);
    clip_done(&clip);
    CHECK_OK(catalog_get_clip(c, id, &clip, &err), err);
    CHECK(clip.status == JOB_DONE && clip.frames == 80 && clip.finished_ms > 0);
    CHECK_STR(clip.timings_json, "{\"denoise\": 1.5}");
    CHECK_OK(catalog_list_files(c, id, &files, &err), err);
    CHECK(files.count == 1 && files.items[0].bytes == 3 && files.items[0].frames == 80);
    CHECK_STR(files.items[0].sha256, file.sha256);
    CHECK_STR(files.items[0].kind, "video");
    clip_file_list_done(&files);
    clip_file_done(&file);
    clip_done(&clip);
    free(path);
    catalog_close(c);
    fixture_clear();
}

TEST(thousands_of_ended_jobs_cost_nothing)
{
    enum { ENDED = 3000 };
    struct catalog *c = fixture_open(CATALOG_WRITE);
    CHECK_OK(catalog_begin(c, &err), err);
    for (int i = 0; i < ENDED; i++)
        job_in(c, JOB_DONE);
    CHECK_OK(catalog_commit(c, &err), err);
    catalog_close(c); /* forgets the statements and what they took */
    c = fixture_open(CATALOG_WRITE);
    struct job_list list;
    struct job job;
    bool found;
    int64_t a = enqueue(c, 1, JOB_LAST), b = enqueue(c, 2, JOB_FIRST);
    CHECK_OK(catalog_recover_jobs(c, "e", NULL, &err), err);
    CHECK_OK(catalog_claim_job(c, "e", &job, &found, &err), err);
    CHECK(found && job.id == b);
    job_done(&job);
    CHECK_OK(catalog_set_job(c, b, JOB_FAILED, "no", &err), err);
    CHECK_OK(catalog_set_job(c, b, JOB_QUEUED, NULL, &err), err);
    CHECK_OK(catalog_move_job(c, b, JOB_BEFORE, a, &err), err);
    CHECK_OK(catalog_move_job(c, b, JOB_AFTER, a, &err), err);
    CHECK_OK(catalog_list_jobs(c, 1u << JOB_QUEUED, 10, &list, &err), err);
    CHECK(list.count == 2);
    job_list_done(&list);
    CHECK_OK(catalog_list_jobs(c, 1u << JOB_FAILED | 1u << JOB_CANCELLED, 10, &list, &err), err);
    CHECK(list.count == 0);
    job_list_done(&list);
    CHECK_OK(catalog_list_jobs(c, ~0u, 10, &list, &err), err);
    CHECK(list.count == 10 && list.items[2].state == JOB_DONE &&
          list.items[2].id > list.items[3].id);
    job_list_done(&list);
    CHECK_OK(clip_files_sweep(c, NULL, &err), err);
    for (int i = 0; i < c->cached; i++) {
        sqlite3_stmt *s = c->cache[i].statement;
        int steps = sqlite3_stmt_status(s, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0) +
                    sqlite3_stmt_status(s, SQLITE_STMTSTATUS_SORT, 0);
        CHECK_MSG(steps < 50, "%d rows looked at by %s", steps, c->cache[i].sql);
    }
    catalog_close(c);
    fixture_clear();
}

/* G2: random operations against a model of the queue that is an array. */
enum { JOBS = 40 };
struct model {
    int64_t id[JOBS];
    enum job_state state[JOBS];
    int line[JOBS]; /* indices of those that wait or run, first to last */
    int waiting, jobs;
};

static int find(const struct model *m, int index)
{
    for (int i = 0; i < m->waiting; i++)
        if (m->line[i] == index)
            return i;
    return -1;
}

static void leave(struct model *m, int index)
{
    int at = find(m, index);
    for (int i = at; at >= 0 && i + 1 < m->waiting; i++)
        m->line[i] = m->line[i + 1];
    m->waiting -= at >= 0;
}

static void enter(struct model *m, int index, int at)
{
    for (int i = m->waiting; i > at; i--)
        m->line[i] = m->line[i - 1];
    m->line[at] = index;
    m->waiting++;
}

static bool ended(enum job_state s)
{
    return s != JOB_QUEUED && s != JOB_PAUSED && s != JOB_RUNNING;
}

static void set_both(struct catalog *c, struct model *m, int index, enum job_state to)
{
    static const struct clip_result result = {.frames = 81};
    enum job_state from = m->state[index];
    bool may = job_may_go(from, to);
    bool went = to == JOB_DONE ? catalog_finish_job(c, m->id[index], &result, &err)
                               : catalog_set_job(c, m->id[index], to, "", &err);
    CHECK(went == may);
    if (!may)
        return;
    m->state[index] = to;
    if (ended(to))
        leave(m, index);
    else if (ended(from))
        enter(m, index, m->waiting);
}

static void move_both(struct catalog *c, struct model *m, int index, enum job_place place,
                      int other)
{
    bool beside = place == JOB_BEFORE || place == JOB_AFTER;
    bool may = (m->state[index] == JOB_QUEUED || m->state[index] == JOB_PAUSED) &&
               (!beside || !ended(m->state[other]));
    may = may || (beside && index == other);
    bool went = catalog_move_job(c, m->id[index], place, m->id[other], &err);
    CHECK_MSG(went == may, "%s", err.message);
    if (!may || (beside && index == other))
        return;
    leave(m, index);
    int at = place == JOB_FIRST ? 0
             : place == JOB_LAST ? m->waiting
                                 : find(m, other) + (place == JOB_AFTER);
    enter(m, index, at);
}

static void claim_both(struct catalog *c, struct model *m)
{
    struct job job;
    bool found;
    int first = -1;
    for (int i = m->waiting - 1; i >= 0; i--)
        first = m->state[m->line[i]] == JOB_QUEUED ? m->line[i] : first;
    CHECK_OK(catalog_claim_job(c, "e", &job, &found, &err), err);
    CHECK(found == (first >= 0));
    if (!found)
        return;
    CHECK(first >= 0 && job.id == m->id[first]);
    job_done(&job);
    m->state[first] = JOB_RUNNING;
}

static bool agree(struct catalog *c, const struct model *m)
{
    struct job_list list;
    unsigned states = 1u << JOB_QUEUED | 1u << JOB_PAUSED | 1u << JOB_RUNNING;
    bool same = true;
    size_t at = 0;
    CHECK_OK(catalog_list_jobs(c, states, 1000, &list, &err), err);
    for (int pass = 0; pass < 2; pass++) /* the list has running jobs first */
        for (int i = 0; i < m->waiting; i++) {
            int index = m->line[i];
            if ((m->state[index] == JOB_RUNNING) != (pass == 0))
                continue;
            same = same && at < list.count && list.items[at].id == m->id[index] &&
                   list.items[at].state == m->state[index];
            at++;
        }
    same = same && at == list.count;
    job_list_done(&list);
    return same;
}

TEST(random_operations_agree_with_a_model)
{
    const char *text = getenv("QUEUE_OPERATIONS");
    int64_t operations = text ? atoll(text) : 6000;
    uint64_t random = 12345;
    struct model m = {0};
    struct catalog *c = fixture_open(CATALOG_WRITE);
    CHECK_OK(catalog_begin(c, &err), err);
    for (int64_t n = 0; n < operations; n++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        unsigned r = (unsigned)(random >> 33);
        int index = m.jobs ? (int)(r / 16 % (unsigned)m.jobs) : 0;
        int other = m.jobs ? (int)(r / 1024 % (unsigned)m.jobs) : 0;
        if (m.jobs < JOBS && (m.jobs == 0 || r % 16 == 0)) {
            bool first = r & 64;
            m.id[m.jobs] = enqueue(c, 1, first ? JOB_FIRST : JOB_LAST);
            m.state[m.jobs] = JOB_QUEUED;
            enter(&m, m.jobs, first ? 0 : m.waiting);
            m.jobs++;
        } else if (r % 16 < 7) {
            set_both(c, &m, index, (enum job_state)(r / 65536 % JOB_STATES));
        } else if (r % 16 < 13) {
            move_both(c, &m, index, (enum job_place)(r / 65536 % 4), other);
        } else if (r % 16 < 15) {
            claim_both(c, &m);
        } else if (r / 65536 % 4 == 0) { /* a restart */
            CHECK_OK(catalog_commit(c, &err), err);
            catalog_close(c);
            c = fixture_open(CATALOG_WRITE);
            CHECK_OK(catalog_recover_jobs(c, "other", NULL, &err), err);
            for (int i = 0; i < m.jobs; i++)
                m.state[i] = m.state[i] == JOB_RUNNING ? JOB_QUEUED : m.state[i];
            CHECK_OK(catalog_begin(c, &err), err);
        }
        if (!agree(c, &m)) {
            CHECK_MSG(false, "they differ after operation %lld", (long long)n);
            break;
        }
        if (m.jobs == JOBS && m.waiting == 0)
            m.jobs = 0; /* all ended: go on with new ones */
    }
    CHECK_OK(catalog_commit(c, &err), err);
    CHECK_OK(catalog_check(c, &err), err);
    catalog_close(c);
    fixture_clear();
}

TESTS(T(places_in_the_queue), T(every_transition_does_what_the_table_says),
      T(a_job_is_claimed_once_and_in_order), T(a_job_that_kills_its_worker_is_set_aside),
      T(finishing_commits_files_and_states_together), T(thousands_of_ended_jobs_cost_nothing),
      T(random_operations_agree_with_a_model))
