/* catalog_clips: one row a clip, with where it came from and what was asked for. */
#ifndef DANAUS_STORE_CATALOG_CLIPS_H
#define DANAUS_STORE_CATALOG_CLIPS_H

#include <stddef.h>

#include "store/catalog.h"

/* Of a clip and of its job alike; see catalog_jobs.h for what may follow what. */
enum job_state {
    JOB_QUEUED,
    JOB_PAUSED, /* waits until it is queued again */
    JOB_RUNNING,
    JOB_DONE,
    JOB_FAILED,
    JOB_CANCELLED,
    JOB_SET_ASIDE, /* killed its worker too often */
};
enum { JOB_STATES = JOB_SET_ASIDE + 1 };

enum clip_origin {
    CLIP_GENERATE,
    CLIP_BRANCH,
    CLIP_EXTEND,
    CLIP_VARY,
    CLIP_REDO,
    CLIP_IMPORT,
};
enum { CLIP_ORIGINS = CLIP_IMPORT + 1 };

/* Has it ended without a whole clip, and nobody wanted that? */
bool job_state_is_failure(enum job_state state);
/* Names as stored and shown: "queued", "set aside", "branch". */
const char *job_state_name(enum job_state state);
bool job_state_parse(const char *name, enum job_state *out);
const char *clip_origin_name(enum clip_origin origin);

/* A clip to be added (strings borrowed, NULL counts as "") or as read (strings its own, never NULL,
 * freed by clip_done). Times are milliseconds since 1970, 0 = not yet. */
struct clip {
    int64_t id; /* 0 when adding = given by catalog_add_clip() and catalog_enqueue() */
    enum job_state status;
    enum clip_origin origin;
    const char *prompt, *negative;
    uint64_t seed;           /* at most 2^63-1 */
    const char *noise;       /* kind: "philox", ... */
    const char *model, *model_sha256;
    int64_t width, height;   /* px */
    int64_t frames;          /* asked for; when done: made */
    double fps;
    int64_t chunks, chunks_done;
    const char *sampler, *attention, *backend;
    int64_t created_ms;      /* 0 when adding = now */
    int64_t started_ms, finished_ms, trashed_ms;
    int64_t parent_id;       /* 0 = none */
    int64_t parent_chunk;    /* first chunk that is not the parent's */
    int rating;              /* 0 (none) to 5 */
    bool favourite;
    const char *notes;
    const char *folder;      /* relative to the library; NULL when adding = chosen */
    const char *request_json, *timings_json; /* "" in lists */
};

void clip_done(struct clip *clip);

struct clip_list {
    struct clip *items;
    size_t count;
};

void clip_list_done(struct clip_list *list);

/* Adds a clip without a job (imports, --local, rebuilt rows); its folder is not made. */
bool catalog_add_clip(struct catalog *catalog, const struct clip *clip, int64_t *id,
                      struct dn_error *err);

/* Everything about one clip. DN_E_ARG when there is none of that number. The caller calls
 * clip_done. Clips in the trash are found too. */
bool catalog_get_clip(struct catalog *catalog, int64_t id, struct clip *out, struct dn_error *err);

/* The clips made from this one, oldest first. With id 0: the clips without a parent. At most limit,
 * numbers over after only. */
bool catalog_children(struct catalog *catalog, int64_t id, int64_t after, int limit,
                      struct clip_list *out, struct dn_error *err);

/* Changes. DN_E_ARG for a number that is none, a rating out of 0..5. */
bool catalog_set_rating(struct catalog *catalog, int64_t id, int rating, struct dn_error *err);
bool catalog_set_favourite(struct catalog *catalog, int64_t id, bool on, struct dn_error *err);
bool catalog_set_notes(struct catalog *catalog, int64_t id, const char *notes,
                       struct dn_error *err);
/* The whole request as JSON: of a clip that was steered while it was made. */
bool catalog_set_request(struct catalog *catalog, int64_t id, const char *request_json,
                         struct dn_error *err);
/* What turned out only when running: the backend, the model's fingerprint, the number of chunks. */
struct clip_facts {
    const char *backend, *model_sha256, *attention; /* NULL = as it was */
    int64_t chunks;                                 /* 0 = as it was */
};
bool catalog_set_facts(struct catalog *catalog, int64_t id, const struct clip_facts *facts,
                       struct dn_error *err);

struct catalog_totals {
    int64_t clips, trashed;
    int64_t by_state[JOB_STATES]; /* outside the trash */
    int64_t bytes;                /* of all files, the trash included */
};
bool catalog_get_totals(struct catalog *catalog, struct catalog_totals *out, struct dn_error *err);

#endif
