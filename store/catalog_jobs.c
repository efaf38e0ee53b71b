/* catalog_jobs: see catalog_jobs.h */
#include "store/catalog_jobs.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/catalog_internal.h"

/* Between two neighbours there is room for 20 moves into the same gap before all are renumbered. */
#define POSITION_GAP ((int64_t)1 << 20)

#define TO(state) (1u << (state))
static const unsigned may_go[JOB_STATES] = {
    [JOB_QUEUED] = TO(JOB_PAUSED) | TO(JOB_RUNNING) | TO(JOB_CANCELLED),
    [JOB_PAUSED] = TO(JOB_QUEUED) | TO(JOB_CANCELLED),
    [JOB_RUNNING] = TO(JOB_QUEUED) | TO(JOB_PAUSED) | TO(JOB_DONE) | TO(JOB_FAILED) |
                    TO(JOB_CANCELLED) | TO(JOB_SET_ASIDE),
    [JOB_FAILED] = TO(JOB_QUEUED),
    [JOB_CANCELLED] = TO(JOB_QUEUED),
    [JOB_SET_ASIDE] = TO(JOB_QUEUED),
    [JOB_DONE] = 0,
};

bool job_may_go(enum job_state from, enum job_state to)
{
    return (may_go[from] & TO(to)) != 0;
}

static bool has_ended(enum job_state state)
{
    return state != JOB_QUEUED && state != JOB_PAUSED && state != JOB_RUNNING;
}

void job_done(struct job *job)
{
    free(job->owner);
    free(job->reason);
    free(job->prompt);
    *job = (struct job){0};
}

void job_list_done(struct job_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        job_done(&list->items[i]);
    free(list->items);
    *list = (struct job_list){0};
}

static bool no_job(int64_t id, struct dn_error *err)
{
    dn_fail(err, DN_E_ARG, "there is no job %" PRId64, id);
    return dn_error_hint(err, "danaus queue shows the numbers");
}

#define JOB_COLUMNS                                                                                \
    "j.clip_id, j.state, j.position, j.attempts, j.deaths, j.owner, j.reason, c.prompt, c.seed, "  \
    "c.created_ms, c.started_ms, c.finished_ms, c.chunks, c.chunks_done "
/* The jobs that wait or run, and the index that holds them alone: SQLite takes a partial index only
 * when the statement repeats its condition. */
#define WAITING "state IN ('queued', 'paused', 'running')"

static bool job_from_row(sqlite3_stmt *s, struct job *out, struct dn_error *err)
{
    enum job_state state;
    const char *name = (const char *)sqlite3_column_text(s, 1);
    if (!name || !job_state_parse(name, &state))
        return dn_fail(err, DN_E_FORMAT, "the catalog's job %lld has the state \"%s\"",
                       (long long)sqlite3_column_int64(s, 0), name ? name : "");
    *out = (struct job){
        .id = sqlite3_column_int64(s, 0),
        .state = state,
        .position = sqlite3_column_int64(s, 2),
        .attempts = sqlite3_column_int64(s, 3),
        .deaths = sqlite3_column_int64(s, 4),
        .owner = column_dup(s, 5),
        .reason = column_dup(s, 6),
        .prompt = column_dup(s, 7),
        .seed = (uint64_t)sqlite3_column_int64(s, 8),
        .created_ms = sqlite3_column_int64(s, 9),
        .started_ms = sqlite3_column_int64(s, 10),
        .finished_ms = sqlite3_column_int64(s, 11),
        .chunks = sqlite3_column_int64(s, 12),
        .chunks_done = sqlite3_column_int64(s, 13),
    };
    return true;
}

bool catalog_get_job(struct catalog *c, int64_t id, struct job *out, struct dn_error *err)
{
    bool row = false;
    *out = (struct job){0};
    sqlite3_stmt *s = statement_begin(c, "SELECT " JOB_COLUMNS "FROM jobs j JOIN clips c"
                                      " ON c.id = j.clip_id WHERE j.clip_id = ?",
                                      VALUES(value_int(id)), err);
    bool ok = s && statement_step(c, s, &row, err) && (row || no_job(id, err)) &&
              job_from_row(s, out, err);
    statement_end(s);
    return ok;
}

/* Where a job at the end or the beginning of the queue goes. The running ones keep their place
 * in line, so they count too. */
static bool end_position(struct catalog *c, enum job_place place, int64_t *out,
                         struct dn_error *err)
{
    bool last = place == JOB_LAST;
    const char *sql =
        last ? "SELECT max(position) FROM jobs INDEXED BY jobs_waiting WHERE " WAITING
             : "SELECT min(position) FROM jobs INDEXED BY jobs_waiting WHERE " WAITING;
    int64_t edge = 0;
    if (!catalog_read_int(c, sql, NO_VALUES, &edge, NULL, err))
        return false;
    *out = last ? edge + POSITION_GAP : edge - POSITION_GAP;
    return true;
}

bool catalog_enqueue(struct catalog *c, const struct clip *clip, enum job_place place, int64_t *id,
                     struct dn_error *err)
{
    assert(place == JOB_FIRST || place == JOB_LAST);
    struct clip queued = *clip;
    int64_t new_id = 0, position = 0;
    queued.status = JOB_QUEUED;
    if (!catalog_enter(c, err))
        return false;
    bool ok = catalog_add_clip(c, &queued, &new_id, err) &&
              end_position(c, place, &position, err) &&
              catalog_run(c, "INSERT INTO jobs(clip_id, state, position) VALUES (?, 'queued', ?)",
                          VALUES(value_int(new_id), value_int(position)), NULL, err);
    if (!catalog_leave(c, ok, err))
        return false;
    *id = new_id;
    return true;
}

/* Appends what s gives, ended here, to out. */
static bool append_jobs(struct catalog *c, sqlite3_stmt *s, struct job_list *out,
                        struct dn_error *err)
{
    bool row = true, ok = s != NULL;
    while (ok && (ok = statement_step(c, s, &row, err)) && row) {
        if (out->count % 16 == 0)
            out->items = dn_realloc(out->items, out->count + 16, sizeof *out->items);
        ok = job_from_row(s, &out->items[out->count], err);
        out->count += ok;
    }
    statement_end(s);
    return ok;
}

/* A state's name when it was asked for, else nothing. */
static struct value wanted(unsigned states, enum job_state state)
{
    return states & TO(state) ? value_text(job_state_name(state))
                              : (struct value){.type = VALUE_NULL};
}

static sqlite3_stmt *waiting_jobs(struct catalog *c, unsigned states, int limit,
                                  struct dn_error *err)
{
    return statement_begin(c,
                           "SELECT " JOB_COLUMNS "FROM jobs j INDEXED BY jobs_waiting CROSS JOIN"
                           " clips c ON c.id = j.clip_id WHERE j." WAITING
                           " AND j.state IN (?, ?, ?) ORDER BY j.state = 'running' DESC,"
                           " j.position, j.clip_id LIMIT ?",
                           VALUES(wanted(states, JOB_QUEUED), wanted(states, JOB_PAUSED),
                                  wanted(states, JOB_RUNNING), value_int(limit)),
                           err);
}

/* Nearly all jobs are done: with those among the wanted the newest are near, without them an index
 * holds the others. */
static sqlite3_stmt *ended_jobs(struct catalog *c, unsigned states, int limit,
                                struct dn_error *err)
{
    const char *sql =
        states & TO(JOB_DONE)
            ? "SELECT " JOB_COLUMNS "FROM jobs j NOT INDEXED CROSS JOIN clips c ON c.id = j.clip_id"
              " WHERE j.state IN (?, ?, ?, ?) ORDER BY j.clip_id DESC LIMIT ?"
            : "SELECT " JOB_COLUMNS "FROM clips c INDEXED BY clips_status CROSS JOIN jobs j"
              " ON j.clip_id = c.id WHERE c.status <> 'done' AND c.status IN (?, ?, ?, ?)"
              " ORDER BY c.id DESC LIMIT ?";
    return statement_begin(c, sql,
                           VALUES(wanted(states, JOB_DONE), wanted(states, JOB_FAILED),
                                  wanted(states, JOB_CANCELLED), wanted(states, JOB_SET_ASIDE),
                                  value_int(limit)),
                           err);
}

bool catalog_list_jobs(struct catalog *c, unsigned states, int limit, struct job_list *out,
                       struct dn_error *err)
{
    const unsigned waiting = TO(JOB_QUEUED) | TO(JOB_PAUSED) | TO(JOB_RUNNING);
    bool ok = true;
    *out = (struct job_list){0};
    if (states & waiting)
        ok = append_jobs(c, waiting_jobs(c, states, limit, err), out, err);
    int left = limit - (int)out->count;
    if (ok && left > 0 && states & ~waiting)
        ok = append_jobs(c, ended_jobs(c, states, left, err), out, err);
    if (!ok)
        job_list_done(out);
    return ok;
}

/* The row's state, which the table of transitions starts from. */
static bool read_state(struct catalog *c, int64_t id, enum job_state *out, struct dn_error *err)
{
    struct job job;
    if (!catalog_get_job(c, id, &job, err))
        return false;
    *out = job.state;
    job_done(&job);
    return true;
}

static bool write_state(struct catalog *c, int64_t id, enum job_state from, enum job_state to,
                        const char *reason, struct dn_error *err)
{
    if (!job_may_go(from, to)) {
        dn_fail(err, DN_E_ARG, "job %" PRId64 " is %s: it cannot become %s", id,
                job_state_name(from), job_state_name(to));
        return dn_error_hint(err, from == JOB_DONE ? "danaus redo makes the clip again"
                                                   : "danaus queue shows what each job does");
    }
    struct value when = value_int_or_null(has_ended(to) ? catalog_now_ms() : 0);
    return catalog_run(c, "UPDATE jobs SET state = ?, reason = ? WHERE clip_id = ?",
                       VALUES(value_text(job_state_name(to)), value_text(reason), value_int(id)),
                       NULL, err) &&
           catalog_run(c, "UPDATE clips SET finished_ms = ? WHERE id = ?",
                       VALUES(when, value_int(id)), NULL, err);
}

bool catalog_set_job(struct catalog *c, int64_t id, enum job_state to, const char *reason,
                     struct dn_error *err)
{
    assert(to != JOB_DONE); /* its files go with it: catalog_finish_job */
    enum job_state from;
    int64_t position = 0;
    if (!catalog_enter(c, err))
        return false;
    bool ok = read_state(c, id, &from, err) && write_state(c, id, from, to, reason, err);
    if (ok && has_ended(from))
        ok = end_position(c, JOB_LAST, &position, err) &&
             catalog_run(c, "UPDATE jobs SET position = ?, deaths = 0 WHERE clip_id = ?",
                         VALUES(value_int(position), value_int(id)), NULL, err);
    return catalog_leave(c, ok, err);
}

bool catalog_claim_job(struct catalog *c, const char *owner, struct job *out, bool *found,
                       struct dn_error *err)
{
    int64_t id = 0;
    bool paused = false, ok;
    *found = false;
    if (!catalog_enter(c, err))
        return false;
    ok = catalog_queue_paused(c, &paused, err) &&
         (paused || catalog_read_int(c,
                                     "SELECT clip_id FROM jobs INDEXED BY jobs_waiting WHERE "
                                     WAITING " AND state = 'queued'"
                                     " ORDER BY position, clip_id LIMIT 1",
                                     NO_VALUES, &id, found, err));
    if (ok && *found)
        ok = catalog_run(c,
                         "UPDATE jobs SET state = 'running', owner = ?, reason = '',"
                         " attempts = attempts + 1 WHERE clip_id = ?",
                         VALUES(value_text(owner), value_int(id)), NULL, err) &&
             catalog_run(c,
                         "UPDATE clips SET started_ms = coalesce(started_ms, ?),"
                         " finished_ms = NULL WHERE id = ?",
                         VALUES(value_int(catalog_now_ms()), value_int(id)), NULL, err);
    ok = catalog_leave(c, ok, err) && (!*found || catalog_get_job(c, id, out, err));
    *found = *found && ok;
    return ok;
}

bool catalog_interrupt_job(struct catalog *c, int64_t id, const char *reason, bool blame,
                           int max_deaths, enum job_state *now, struct dn_error *err)
{
    struct job job = {0};
    if (!catalog_enter(c, err))
        return false;
    bool ok = catalog_get_job(c, id, &job, err);
    bool aside = ok && blame && job.deaths + 1 >= max_deaths;
    enum job_state to = aside ? JOB_SET_ASIDE : JOB_QUEUED;
    if (ok && job.state != JOB_RUNNING)
        ok = dn_fail(err, DN_E_ARG, "job %" PRId64 " is %s: nothing interrupts it", id,
                     job_state_name(job.state));
    ok = ok && write_state(c, id, job.state, to, reason, err) &&
         catalog_run(c, "UPDATE jobs SET deaths = deaths + ? WHERE clip_id = ?",
                     VALUES(value_int(blame), value_int(id)), NULL, err);
    job_done(&job);
    if (ok && now)
        *now = to;
    return catalog_leave(c, ok, err);
}

bool catalog_recover_jobs(struct catalog *c, const char *owner, int64_t *count,
                          struct dn_error *err)
{
    return catalog_run(c,
                       "UPDATE jobs INDEXED BY jobs_waiting SET state = 'queued',"
                       " reason = 'the engine ended meanwhile' WHERE " WAITING
                       " AND state = 'running' AND owner <> ?",
                       VALUES(value_text(owner)), count, err);
}

bool catalog_set_progress(struct catalog *c, int64_t id, int64_t chunks_done,
                          struct dn_error *err)
{
    int64_t changed = 0;
    return catalog_run(c, "UPDATE clips SET chunks_done = ? WHERE id = ?",
                       VALUES(value_int(chunks_done), value_int(id)), &changed, err) &&
           (changed > 0 || no_job(id, err));
}

/* Gives all that wait or run places that are far apart, in their order. */
static bool renumber(struct catalog *c, struct dn_error *err)
{
    return catalog_run(c,
                       "WITH line AS (SELECT clip_id, row_number() OVER"
                       " (ORDER BY position, clip_id) AS place FROM jobs INDEXED BY"
                       " jobs_waiting WHERE " WAITING ")"
                       " UPDATE jobs SET position = (SELECT place FROM line WHERE line.clip_id ="
                       " jobs.clip_id) * ? WHERE clip_id IN (SELECT clip_id FROM line)",
                       VALUES(value_int(POSITION_GAP)), NULL, err);
}

/* A free position beside other; *found = false: the gap is full. */
static bool position_beside(struct catalog *c, enum job_place place, int64_t other, int64_t *out,
                            bool *found, struct dn_error *err)
{
    struct job job;
    int64_t neighbour = 0;
    bool any = false;
    if (!catalog_get_job(c, other, &job, err))
        return false;
    int64_t at = job.position;
    bool waits = !has_ended(job.state);
    job_done(&job);
    if (!waits)
        return dn_fail(err, DN_E_ARG, "job %" PRId64 " does not wait any more", other);
    if (place == JOB_BEFORE) {
        if (!catalog_read_int(c,
                              "SELECT position FROM jobs INDEXED BY jobs_waiting WHERE " WAITING
                              " AND position < ? ORDER BY position DESC LIMIT 1",
                              VALUES(value_int(at)), &neighbour, &any, err))
            return false;
        neighbour = any ? neighbour : at - 2 * POSITION_GAP;
    } else {
        if (!catalog_read_int(c,
                              "SELECT position FROM jobs INDEXED BY jobs_waiting WHERE " WAITING
                              " AND position > ? ORDER BY position LIMIT 1",
                              VALUES(value_int(at)), &neighbour, &any, err))
            return false;
        neighbour = any ? neighbour : at + 2 * POSITION_GAP;
    }
    *out = at + (neighbour - at) / 2;
    *found = *out != at && *out != neighbour;
    return true;
}

static bool new_position(struct catalog *c, enum job_place place, int64_t other, int64_t *out,
                         struct dn_error *err)
{
    bool found = false;
    if (place == JOB_FIRST || place == JOB_LAST)
        return end_position(c, place, out, err);
    if (!position_beside(c, place, other, out, &found, err))
        return false;
    return found || (renumber(c, err) && position_beside(c, place, other, out, &found, err));
}

bool catalog_move_job(struct catalog *c, int64_t id, enum job_place place, int64_t other,
                      struct dn_error *err)
{
    enum job_state state;
    int64_t position = 0;
    if ((place == JOB_BEFORE || place == JOB_AFTER) && id == other)
        return true;
    if (!catalog_enter(c, err))
        return false;
    bool ok = read_state(c, id, &state, err);
    if (ok && state != JOB_QUEUED && state != JOB_PAUSED)
        ok = dn_fail(err, DN_E_ARG, "job %" PRId64 " is %s: only one that waits can be moved", id,
                     job_state_name(state));
    ok = ok && new_position(c, place, other, &position, err) &&
         catalog_run(c, "UPDATE jobs SET position = ? WHERE clip_id = ?",
                     VALUES(value_int(position), value_int(id)), NULL, err);
    return catalog_leave(c, ok, err);
}

bool catalog_pause_queue(struct catalog *c, bool paused, struct dn_error *err)
{
    return catalog_set_setting(c, "queue paused", paused ? "yes" : "no", err);
}

bool catalog_queue_paused(struct catalog *c, bool *out, struct dn_error *err)
{
    char *value;
    if (!catalog_get_setting(c, "queue paused", &value, err))
        return false;
    *out = value && strcmp(value, "yes") == 0;
    free(value);
    return true;
}
