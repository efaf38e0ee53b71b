/* server_steer: another prompt for a running job. The worker names the chunk, which it then does not
 * begin before the engine has said that the change is stored: so the catalog never lacks a change
 * that a chunk was made with, and never has one that it was made without. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "config/prompt_changes.h"
#include "config/request.h"
#include "engine/server_internal.h"
#include "engine/worker.h"

static bool check(struct server *s, int64_t id, const struct worker_slot *w, const char *prompt,
                  struct dn_error *err)
{
    struct job job;
    if (!catalog_get_job(s->catalog, id, &job, err))
        return false;
    enum job_state state = job.state;
    job_done(&job);
    if (!prompt[strspn(prompt, " \t\r\n")])
        return dn_fail(err, DN_E_ARG, "the prompt is empty");
    if (w && w->stopping == STOP_NONE && state == JOB_RUNNING)
        return true;
    dn_fail(err, DN_E_ARG, "job %lld is %s: only one that runs can be steered", (long long)id,
            w && state == JOB_RUNNING ? "being stopped" : job_state_name(state));
    return dn_error_hint(err, "danaus branch CLIP@CHUNK --prompt TEXT goes on differently");
}

/* A context that was given instead of the prompt has nothing to go over from. */
static bool check_request(struct server *s, int64_t id, struct dn_error *err)
{
    struct clip clip;
    if (!catalog_get_clip(s->catalog, id, &clip, err))
        return false;
    json_t *request = json_loads(clip.request_json, 0, NULL);
    bool given = protocol_text(request, "context") != NULL;
    json_decref(request);
    clip_done(&clip);
    return !given || dn_fail(err, DN_E_ARG, "job %lld is made from a given context, not a prompt",
                             (long long)id);
}

bool server_steer(struct server *s, struct peer *p, const json_t *message, struct dn_error *err)
{
    int64_t id = protocol_int(message, "job", 0);
    const char *prompt = protocol_text(message, "prompt");
    struct worker_slot *w = worker_of_job(s, id);
    json_t *request_id = json_object_get(message, "id");
    if (!check(s, id, w, prompt, err) || !check_request(s, id, err))
        return false;
    struct steering *new = dn_calloc(1, sizeof *new), **link = &w->steering;
    *new = (struct steering){
        .peer = p->number, .id = request_id ? json_incref(request_id) : NULL,
        .prompt = dn_strdup(prompt)};
    while (*link)
        link = &(*link)->next;
    *link = new;
    channel_send(&w->channel, json_pack("{s:s, s:I}", "type", "steer", "job", (json_int_t)id), -1);
    return true;
}

/* Takes the oldest one off; reply goes to whoever asked. */
static void answer(struct server *s, struct worker_slot *w, json_t *reply)
{
    struct steering *old = w->steering;
    w->steering = old->next;
    struct peer *p = s->peers;
    while (p && p->number != old->peer)
        p = p->next;
    if (p)
        peer_reply(p, old->id, reply);
    else
        json_decref(reply);
    json_decref(old->id);
    free(old->prompt);
    free(old);
}

static void refuse(struct server *s, struct worker_slot *w, const struct dn_error *err)
{
    answer(s, w, protocol_error(err));
}

static bool add_change(struct request *r, int64_t chunk, const char *prompt, struct dn_error *err)
{
    char *changes = prompt_changes_add(r->prompt_changes, chunk, prompt);
    free(r->prompt_changes);
    r->prompt_changes = changes;
    return request_validate(r, err);
}

/* Durable when it returns true. */
static bool store(struct server *s, int64_t id, int64_t chunk, const char *prompt,
                  struct dn_error *err)
{
    struct clip clip;
    struct request r;
    if (!catalog_get_clip(s->catalog, id, &clip, err))
        return false;
    request_init(&r);
    bool ok = request_from_json(&r, clip.request_json, err) && add_change(&r, chunk, prompt, err);
    char *json = ok ? request_to_json(&r) : NULL;
    ok = ok && catalog_set_request(s->catalog, id, json, err);
    free(json);
    request_done(&r);
    clip_done(&clip);
    return ok;
}

static bool store_or_say_why(struct server *s, const struct worker_slot *w, int64_t chunk,
                             const char *prompt, struct dn_error *err)
{
    if (chunk == WORKER_NOT_BEGUN)
        dn_fail(err, DN_E_ARG, "job %lld has not begun yet: its model is being loaded",
                (long long)w->job);
    else if (chunk == WORKER_NOTHING_LEFT)
        dn_fail(err, DN_E_ARG, "the last chunk of job %lld is begun: nothing is left to steer",
                (long long)w->job);
    else
        return store(s, w->job, chunk, prompt, err);
    return dn_error_hint(err, chunk == WORKER_NOT_BEGUN
                                  ? "try again in a moment"
                                  : "danaus extend or danaus branch go on from it");
}

void worker_steers(struct server *s, struct worker_slot *w, const json_t *message)
{
    struct dn_error err;
    int64_t chunk = protocol_int(message, "chunk", WORKER_NOTHING_LEFT);
    if (!w->steering)
        return;
    bool ok = store_or_say_why(s, w, chunk, w->steering->prompt, &err);
    if (chunk >= 0) /* it waits for this */
        channel_send(&w->channel,
                     json_pack("{s:s, s:I, s:b, s:I, s:s}", "type", "steered", "job",
                               (json_int_t)w->job, "stored", ok, "chunk", (json_int_t)chunk,
                               "prompt", w->steering->prompt),
                     -1);
    if (!ok) {
        refuse(s, w, &err);
        return;
    }
    json_t *reply = protocol_new(MESSAGE_STEERED);
    json_object_set_new(reply, "job", json_integer(w->job));
    json_object_set_new(reply, "chunk", json_integer(chunk));
    json_object_set_new(reply, "frame", json_integer(protocol_int(message, "frame", 0)));
    answer(s, w, reply);
    job_tell_state(s, w->job);
}

void steering_ends(struct server *s, struct worker_slot *w)
{
    struct dn_error err;
    dn_fail(&err, DN_E_IO, "job %lld stopped meanwhile and was not steered", (long long)w->job);
    while (w->steering)
        refuse(s, w, &err);
}
