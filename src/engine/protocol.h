/* protocol: the messages between the engine and its clients: one table, drawn on by both ends and by
 * the manual page danaus-protocol(7).
 *
 * A message is a JSON object on one line. `type` names it; a request may carry an `id`, which comes
 * back in its reply. Unknown fields are ignored (not those inside `request`), unknown messages
 * refused by name. The first message each way is `hello` with the protocol's number. */
#ifndef DANAUS_ENGINE_PROTOCOL_H
#define DANAUS_ENGINE_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"

/* Raised with all that an engine or a client of another build would refuse or misread: a message, a
 * field, a choice, an option of the request. tests/engine/test_other_build.c tells when. What hello,
 * status and stop mean never changes: an engine of another build is found out, asked and ended by
 * them. */
enum { PROTOCOL_NUMBER = 3 };
/* A longer line ends the connection. */
enum { PROTOCOL_MAX_LINE = 1024 * 1024 };

enum message_direction {
    MESSAGE_REQUEST, /* client to engine */
    MESSAGE_REPLY,   /* engine to client, one for each request */
    MESSAGE_EVENT    /* engine to clients that watch */
};

enum message_type {
    /* requests; the engine has a handler for each, in this order */
    MESSAGE_HELLO,
    MESSAGE_STATUS,
    MESSAGE_ENQUEUE,
    MESSAGE_JOBS,
    MESSAGE_CANCEL,
    MESSAGE_PAUSE,
    MESSAGE_RESUME,
    MESSAGE_RETRY,
    MESSAGE_MOVE,
    MESSAGE_STEER,
    MESSAGE_WATCH,
    MESSAGE_UNWATCH,
    MESSAGE_EDIT,
    MESSAGE_IMPORT,
    MESSAGE_STOP,
    MESSAGE_REQUEST_COUNT,
    /* replies */
    MESSAGE_WELCOME = MESSAGE_REQUEST_COUNT,
    MESSAGE_ERROR,
    MESSAGE_DONE,
    MESSAGE_STATUS_REPLY,
    MESSAGE_QUEUED,
    MESSAGE_STEERED,
    MESSAGE_JOBS_REPLY,
    MESSAGE_IMPORTED,
    /* events */
    MESSAGE_STATE,
    MESSAGE_STARTED,
    MESSAGE_STEP,
    MESSAGE_CHUNK,
    MESSAGE_FRAMES,
    MESSAGE_IMAGE,
    MESSAGE_RING,
    MESSAGE_CHANGED,
    MESSAGE_LOST,
    MESSAGE_COUNT
};

enum field_kind { FIELD_INT, FIELD_NUMBER, FIELD_TEXT, FIELD_BOOL, FIELD_OBJECT, FIELD_LIST };

struct message_field {
    const char *name;
    enum field_kind kind;
    bool optional;
    int64_t min, max;    /* of FIELD_INT when max > min */
    const char *choices; /* of FIELD_TEXT: "a|b", NULL = any */
    const char *help;
};

enum { MESSAGE_MAX_FIELDS = 16 };

struct message {
    const char *name; /* its `type` */
    enum message_direction direction;
    const char *help;
    struct message_field fields[MESSAGE_MAX_FIELDS]; /* ends at a name NULL */
};

extern const struct message message_table[MESSAGE_COUNT];
/* What a job looks like in state, jobs and queued. */
extern const struct message_field message_job_fields[];
/* The states of a job, NULL-terminated pairs of name and meaning. */
extern const char *const message_job_states[][2];

/* Reads one line (without its newline) that came from a client (requests) or from the engine
 * (replies and events) and checks it against the table. *out: the object, the caller
 * json_decref()s. False: err says what is wrong with it; *id, when not NULL, is then still the `id`
 * of the line if it had one (the caller decrefs), else NULL. */
bool protocol_read(const char *line, size_t length, bool from_client, enum message_type *type,
                   json_t **out, json_t **id, struct dn_error *err);

/* {"type": name}, to be filled. */
json_t *protocol_new(enum message_type type);
/* An error reply, and back. */
json_t *protocol_error(const struct dn_error *err);
void protocol_error_read(const json_t *message, struct dn_error *err);

/* Numbers and texts of a message that protocol_read has checked; fallback when it is not there. */
int64_t protocol_int(const json_t *message, const char *key, int64_t fallback);
double protocol_number(const json_t *message, const char *key, double fallback);
bool protocol_bool(const json_t *message, const char *key);
const char *protocol_text(const json_t *message, const char *key); /* NULL when not there */

#endif
