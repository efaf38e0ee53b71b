/* client: the caller's side of the engine: connect (starting an engine when there is none), ask, and
 * hear what happens.
 *
 * Belongs to one thread. Nothing here waits longer than its deadline; a program with its own event
 * loop polls client_fd() and calls client_next with timeout 0. */
#ifndef DANAUS_ENGINE_CLIENT_H
#define DANAUS_ENGINE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/frame_ring.h"
#include "engine/protocol.h"

struct client;

struct client_options {
    const char *library; /* the folder whose engine is meant (store's library_find) */
    const char *name;    /* who asks, for the engine's log */
    bool start;          /* start an engine when none runs, or an older build's that is idle ends */
    int timeout_ms;      /* for all of it; 0 = 15 s */
};

/* False: no engine and none could be started, one of another build (that works, or has clients, or
 * is newer) or for another library. The caller closes. */
bool client_connect(const struct client_options *options, struct client **out,
                    struct dn_error *err);
void client_close(struct client *c); /* NULL allowed */

/* The process that listens for this user, whatever its version and library; 0 = none. For stopping
 * one that cannot be talked to. */
int64_t client_find_engine(const char *library);

/* To be polled for reading. */
int client_fd(const struct client *c);
int64_t client_engine_pid(const struct client *c);

/* Sends request (which it decrefs) and waits at most 30 s for its reply, *reply; NULL: the reply is
 * thrown away. Events that come meanwhile wait for client_next. False: the engine refused (its
 * words), or is gone (DN_E_IO). The caller decrefs *reply. */
bool client_ask(struct client *c, json_t *request, json_t **reply, struct dn_error *err);
/* Only sends; the reply comes through client_next. Returns its id. */
int64_t client_send(struct client *c, json_t *request);

/* The next event (or reply to client_send), waiting at most timeout_ms (-1: for ever). *message is
 * NULL when none came in time or a signal did; else the caller decrefs it. False: the engine is
 * gone, or sent what is no message. */
bool client_next(struct client *c, int timeout_ms, enum message_type *type, json_t **message,
                 struct dn_error *err);

/* The shared frames of a worker (the number in frames events), NULL when none came; borrowed until
 * the next client_next. */
const struct frame_ring *client_ring(const struct client *c, int64_t worker);

/* The common case of asking: {"type": type, "job": job} (job 0: without). */
bool client_order(struct client *c, enum message_type type, int64_t job, struct dn_error *err);

/* Another prompt for a running job from its next chunk on; *chunk and *frame become its number and its
 * first frame. Who must not wait sends {"type": "steer", "job", "prompt"} by client_send and gets MESSAGE_STEERED. */
bool client_steer(struct client *c, int64_t job, const char *prompt, int64_t *chunk,
                  int64_t *frame, struct dn_error *err);

#endif
