/* catalog_jobs: the queue. A job has its clip's number; its state is also the clip's status.
 *
 *   from \ to    queued  paused  running  done  failed  cancelled  set aside
 *   queued          .       x       x       .      .        x          .
 *   paused          x       .       .       .      .        x          .
 *   running         x       x       .       x      x        x          x
 *   failed          x       .       .       .      .        .          .
 *   cancelled       x       .       .       .      .        .          .
 *   set aside       x       .       .       .      .        .          .
 *   done            .       .       .       .      .        .          .
 *
 * Anything else is refused with DN_E_ARG and changes nothing. running -> queued is an interruption:
 * the job keeps its place and goes on at its last whole chunk. */
#ifndef DANAUS_STORE_CATALOG_JOBS_H
#define DANAUS_STORE_CATALOG_JOBS_H

#include "store/catalog_clips.h"

bool job_may_go(enum job_state from, enum job_state to);

struct job {
    int64_t id; /* the clip's */
    enum job_state state;
    int64_t position;  /* lower runs earlier */
    int64_t attempts;  /* times it was started */
    int64_t deaths;    /* times its worker died since it was last queued by hand */
    char *owner;       /* the engine that runs or last ran it */
    char *reason;      /* why it is in this state, "" = nothing to say */
    char *prompt;
    uint64_t seed;
    int64_t created_ms, started_ms, finished_ms;
    int64_t chunks, chunks_done;
};

void job_done(struct job *job);

struct job_list {
    struct job *items;
    size_t count;
};

void job_list_done(struct job_list *list);

enum job_place { JOB_LAST, JOB_FIRST, JOB_BEFORE, JOB_AFTER };

/* Adds a clip and its queued job. Durable when it returns true (unless in a transaction). */
bool catalog_enqueue(struct catalog *catalog, const struct clip *clip, enum job_place first_or_last,
                     int64_t *id, struct dn_error *err);

/* DN_E_ARG: "no job 17". The caller calls job_done. */
bool catalog_get_job(struct catalog *catalog, int64_t id, struct job *out, struct dn_error *err);

/* Jobs of the states whose bits (1u << JOB_QUEUED ...) are set: running first, then by place, then
 * ended ones newest first; at most limit. */
bool catalog_list_jobs(struct catalog *catalog, unsigned states, int limit, struct job_list *out,
                       struct dn_error *err);

/* The first queued job becomes running, owned by owner (the engine's boot id). *found = false, out
 * untouched, when none waits or the queue is paused. */
bool catalog_claim_job(struct catalog *catalog, const char *owner, struct job *out, bool *found,
                       struct dn_error *err);

/* One step of the table above. reason may be NULL. To JOB_QUEUED from an ended state: a retry by
 * hand, at the end of the queue, deaths forgotten. Not to JOB_DONE: see catalog_finish_job(). */
bool catalog_set_job(struct catalog *catalog, int64_t id, enum job_state to, const char *reason,
                     struct dn_error *err);

/* A running job has stopped by no wish of the user's. With blame its worker died: one more death,
 * and with max_deaths of them it is set aside, else queued in its old place. *now may be NULL. */
bool catalog_interrupt_job(struct catalog *catalog, int64_t id, const char *reason, bool blame,
                           int max_deaths, enum job_state *now, struct dn_error *err);

/* At an engine's start: jobs that another engine left running are queued again; *count (may be
 * NULL) of them. */
bool catalog_recover_jobs(struct catalog *catalog, const char *owner, int64_t *count,
                          struct dn_error *err);

/* Whole chunks that are safe on disk. */
bool catalog_set_progress(struct catalog *catalog, int64_t id, int64_t chunks_done,
                          struct dn_error *err);

/* Moves a queued or paused job: first, last, or before or after another one that waits. */
bool catalog_move_job(struct catalog *catalog, int64_t id, enum job_place place, int64_t other,
                      struct dn_error *err);

/* Kept across restarts. */
bool catalog_pause_queue(struct catalog *catalog, bool paused, struct dn_error *err);
bool catalog_queue_paused(struct catalog *catalog, bool *out, struct dn_error *err);

#endif
