/* server_internal: what the engine's files share. Private to src/engine/server*.c. */
#ifndef DANAUS_ENGINE_SERVER_INTERNAL_H
#define DANAUS_ENGINE_SERVER_INTERNAL_H

#include <stdint.h>
#include <sys/types.h>

#include "engine/channel.h"
#include "engine/engine_paths.h"
#include "engine/frame_ring.h"
#include "engine/protocol.h"
#include "engine/server.h"
#include "store/clip_files.h"

enum {
    MAX_PEERS = 200,
    MAX_WORKERS = 64,
    MAX_DEATHS = 3,            /* of a job's workers, then it is set aside */
    GREET_MS = 10000,          /* a client that has not said hello by then is dropped */
    STOP_MS = 30000,           /* a worker that does not stop by then is killed */
    GPU_MS = 10000,            /* what a worker told of its GPU is old by then */
    IMAGE_MS = 200,            /* between two inline pictures for one client */
    EVENT_QUEUE = 256 * 1024,  /* bytes that wait for a client: more events are dropped */
    REPLY_QUEUE = 4096 * 1024, /* more than this: the client is dropped */
};

enum frames_mode { FRAMES_NONE, FRAMES_SHARED, FRAMES_JPEG };

/* A client's connection. */
struct peer {
    struct peer *next;
    struct channel channel;
    bool greeted, closing; /* closing: goes when what is queued is written */
    char name[32];
    int64_t number; /* never given twice */
    int64_t since_ms, closing_ms;
    bool watches_all;
    int64_t *watched; /* [watched_count] jobs */
    size_t watched_count;
    enum frames_mode mode;
    int image_px;
    int64_t lost, image_ms;
};

/* Why a worker was told to stop its job. */
enum stop_reason { STOP_NONE, STOP_CANCEL, STOP_PAUSE, STOP_LATER };

/* A change of prompt that a worker was asked about; its answers come in the order of asking. */
struct steering {
    struct steering *next;
    int64_t peer; /* who waits for the reply, if it is still there */
    json_t *id;   /* of the request, NULL = it had none */
    char *prompt;
};

/* A worker process, or the place for one. */
struct worker_slot {
    int number;
    mode_t umask; /* of what it writes */
    pid_t pid; /* 0 = none runs */
    struct channel channel;
    int64_t job; /* 0 = idle */
    enum stop_reason stopping;
    bool requeue; /* the job that is being stopped is to be queued again then */
    int64_t stop_ms, idle_ms, not_before_ms;
    int failures; /* starts in a row that came to nothing */
    int64_t starts;
    int ring_fd; /* -1 = none yet */
    struct frame_ring *ring;
    json_t *ring_message, *started; /* for clients that come later; NULL = not yet */
    struct steering *steering; /* oldest first */
    json_t *gpu; /* what it told last of its GPU, at gpu_ms; NULL = nothing */
    int64_t gpu_ms;
    char *model;
    char fault[1024]; /* its last words */
};

struct server {
    struct engine_paths paths;
    struct server_options options;
    mode_t user_umask; /* ours lets nobody else in; what a user asked for by name is as theirs says */
    struct catalog *catalog;
    char boot[33]; /* this engine's own name: who owns a running job */
    int socket_lock, library_lock, listen_fd, signal_fd, spare_fd;
    ino_t socket_inode;
    int64_t started_ms, checked_ms, refused_ms;
    int64_t dispatch_due_ms; /* until then clients go before waiting jobs; 0 = nobody asked */
    bool stopping, worked;   /* worked: a job ran at the last turn */
    struct peer *peers;
    int peer_count;
    int64_t peer_numbers;
    struct worker_slot workers[MAX_WORKERS];
    int worker_count;
};

/* --- server_socket: how clients come in --- */
/* Makes the socket under its name in one step; whatever had the name is replaced, which only the
 * holder of the lock may do. */
bool server_listen(struct server *s, struct dn_error *err);
/* Makes it again if its name is gone or another's (a runtime directory goes at logout). */
void server_check_socket(struct server *s);
void server_accept(struct server *s);

/* --- server_peers: what goes to clients --- */
void peer_free(struct server *s, struct peer *p); /* also takes it out of the list */
void peer_reply(struct peer *p, const json_t *id, json_t *reply);
void peer_close_soon(struct peer *p);
bool peer_watches(const struct peer *p, int64_t job);
/* Everything a client that begins to watch needs to know: states, what runs, rings. */
void peer_catch_up(struct server *s, struct peer *p, int64_t job);
/* Sends message (decrefs it) to all that watch job; unless lasting, slow clients miss it. */
void server_tell(struct server *s, int64_t job, json_t *message, bool lasting);
void server_tell_ring(struct server *s, struct worker_slot *w);
/* Frames of job are in w's ring: small pictures for those that want them. */
void server_tell_images(struct server *s, struct worker_slot *w, int64_t job);

/* --- server_requests: what clients ask --- */
/* Handles every line that p has sent. */
void peer_read(struct server *s, struct peer *p);

/* --- server_steer: prompts of running jobs --- */
/* Asks the job's worker; the reply goes to p later. False: err, there will be none. */
bool server_steer(struct server *s, struct peer *p, const json_t *message, struct dn_error *err);
/* The worker says from which chunk on. */
void worker_steers(struct server *s, struct worker_slot *w, const json_t *message);
/* The job is over or its worker gone: who waits is told. */
void steering_ends(struct server *s, struct worker_slot *w);

/* --- server_edit: what the catalog says of clips --- */
bool server_edit(struct server *s, const json_t *message, struct dn_error *err);

/* --- server_import: videos from outside --- */
bool server_import(struct server *s, const json_t *message, int64_t *clip, struct dn_error *err);

/* --- server_jobs: jobs as rows --- */
enum { MAX_FILES = 8 };
/* The files that a message tells of, at most MAX_FILES; texts are the message's. */
size_t message_files(const json_t *message, struct clip_file *files);
/* The job as clients see it. NULL: err, there is none. */
json_t *job_describe(struct server *s, int64_t id, struct dn_error *err);
/* Adds clip and job from an enqueue message. */
bool job_enqueue(struct server *s, const json_t *message, int64_t *id, struct dn_error *err);
/* The message that makes a worker run a job. NULL: err. */
json_t *job_order(struct server *s, int64_t id, struct dn_error *err);
/* Tells all that watch in which state it is now. */
void job_tell_state(struct server *s, int64_t id);
/* A worker's word about its files: rows for them; done: the job is. */
bool job_keep_files(struct server *s, int64_t id, const json_t *message, bool done,
                    struct dn_error *err);

/* --- server_sweep: what killed workers left --- */
/* Removes the temporary files of the job, whose worker is gone. */
void job_sweep(struct server *s, int64_t id);
/* The same for all that the last engine may have left; before they are queued again. */
bool jobs_sweep(struct server *s, struct dn_error *err);

/* --- server_workers: the worker processes --- */
int workers_default_count(void);
void workers_init(struct server *s);
/* Starts waiting jobs where a worker is free. */
void workers_dispatch(struct server *s);
void worker_read(struct server *s, struct worker_slot *w);
/* After SIGCHLD: workers that are gone. */
void workers_reap(struct server *s);
bool workers_have_work(const struct server *s);
/* Once in a while: idle workers end, ones that do not obey are killed. */
void workers_tick(struct server *s, int64_t now_ms);
/* The slot that has the job, NULL = none. */
struct worker_slot *worker_of_job(struct server *s, int64_t job);
void worker_stop_job(struct worker_slot *w, enum stop_reason why);
/* Ends all: false while some still have to stop. */
bool workers_stopped(struct server *s);
void workers_done(struct server *s);

/* --- server_log --- */
/* dn_log goes to path (kept under 20 MiB: path and path.1), with times. */
bool server_log_open(const char *path, bool also_stderr, struct dn_error *err);

#endif
