/* progress: see progress.h */
#include "commands/progress.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/safetext.h"

enum progress_kind progress_choose(bool json, bool quiet)
{
    if (json)
        return PROGRESS_JSON;
    return !quiet && isatty(STDERR_FILENO) ? PROGRESS_LINE : PROGRESS_NONE;
}

/* Prints and releases event. */
static void print_event(const struct progress *p, json_t *event)
{
    json_object_set_new(event, "clip", json_integer(p->clip));
    json_dumpf(event, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(event);
}

static void draw_line(struct progress *p)
{
    if (p->kind != PROGRESS_LINE)
        return;
    char left[32] = "";
    if (p->step.done > 0 && p->step.total > p->step.done) {
        double rate = p->step.seconds / (double)p->step.done;
        snprintf(left, sizeof left, ", %.0f s left",
                 rate * (double)(p->step.total - p->step.done));
    }
    char clip[64] = "";
    if (p->clips > 1)
        snprintf(clip, sizeof clip, "clip %" PRId64 "/%" PRId64 ", ", p->clip + 1, p->clips);
    char step[64] = "";
    if (p->step.steps > 1)
        snprintf(step, sizeof step, "step %" PRId64 "/%" PRId64 ", ",
                 p->step.step < p->step.steps ? p->step.step + 1 : p->step.steps, p->step.steps);
    fprintf(stderr, "\r\033[K%schunk %" PRId64 "/%" PRId64 ", %s%" PRId64 "/%" PRId64
                    " frames, %.1f frames/s%s",
            clip, p->step.chunk + 1, p->started.chunks, step, p->frames, p->started.frames, p->seconds > 0 ? (double)p->frames / p->seconds : 0.0,
            left);
    fflush(stderr);
    p->line_open = true;
}

void progress_clear(struct progress *p)
{
    if (p->line_open)
        fputs("\r\033[K", stderr);
    p->line_open = false;
}

void progress_started(struct progress *p, const struct event_started *e)
{
    p->started = *e;
    p->frames = 0;
    p->seconds = 0;
    p->step = (struct event_step){0};
    if (p->kind == PROGRESS_JSON)
        print_event(p, json_pack("{s:s, s:s?, s:I, s:I, s:I, s:I, s:I}", "event", "started",
                                 "sampler", e->sampler, "width", (json_int_t)e->width, "height",
                                 (json_int_t)e->height, "frames", (json_int_t)e->frames, "chunks",
                                 (json_int_t)e->chunks, "steps", (json_int_t)e->steps_total));
    draw_line(p);
}

void progress_step(struct progress *p, const struct event_step *e)
{
    p->step = *e;
    if (p->kind == PROGRESS_JSON)
        print_event(p, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:f}", "event", "step", "chunk",
                                 (json_int_t)e->chunk, "step", (json_int_t)e->step, "steps",
                                 (json_int_t)e->steps, "done", (json_int_t)e->done, "total",
                                 (json_int_t)e->total, "seconds", e->seconds));
    draw_line(p);
}

void progress_frames(struct progress *p, const struct event_frames *e)
{
    p->frames = e->start + e->count;
    p->seconds = e->seconds;
    if (p->kind == PROGRESS_JSON)
        print_event(p, json_pack("{s:s, s:I, s:I, s:f}", "event", "frames", "start",
                                 (json_int_t)e->start, "count", (json_int_t)e->count, "seconds",
                                 e->seconds));
    draw_line(p);
}

void progress_latents(struct progress *p, const struct event_latents *e)
{
    p->latents = e->start + e->count;
    if (p->kind == PROGRESS_JSON)
        print_event(p, json_pack("{s:s, s:I, s:I}", "event", "latents", "start",
                                 (json_int_t)e->start, "count", (json_int_t)e->count));
}

static void finished_json(struct progress *p, const struct progress_result *r)
{
    char *path = r->path ? dn_safetext_dup(r->path, strlen(r->path)) : NULL;
    char *latents = r->latents_path ? dn_safetext_dup(r->latents_path, strlen(r->latents_path)) : NULL;
    json_t *event = json_pack("{s:s, s:s?, s:s?, s:I, s:I, s:f, s:f, s:b}", "event", "finished",
                              "path", path, "latents", latents, "frames", (json_int_t)r->frames,
                              "bytes", (json_int_t)r->bytes, "seconds", r->seconds,
                              "first_frame_seconds", r->first_seconds, "complete", r->complete);
    if (r->prompt) {
        json_object_set_new(event, "prompt", json_string(r->prompt));
        json_object_set_new(event, "seed", json_integer((json_int_t)r->seed));
    }
    print_event(p, event);
    free(path);
    free(latents);
}

void progress_finished(struct progress *p, const struct progress_result *r)
{
    progress_clear(p);
    if (p->kind == PROGRESS_JSON) {
        finished_json(p, r);
        return;
    }
    if (r->path) {
        char *path = dn_safetext_dup(r->path, strlen(r->path));
        char seed[32] = "";
        if (r->prompt)
            snprintf(seed, sizeof seed, "seed %" PRIu64 ", ", r->seed);
        printf("%s: %" PRId64 " frames %" PRId64 "x%" PRId64 ", %s%.2f s (%.1f frames/s)%s\n", path,
               r->frames, p->started.width, p->started.height, seed, r->seconds,
               r->seconds > 0 ? (double)r->frames / r->seconds : 0.0,
               r->complete ? "" : ", stopped early");
        free(path);
    }
    if (r->latents_path) {
        char *path = dn_safetext_dup(r->latents_path, strlen(r->latents_path));
        printf("%s: %" PRId64 " latents%s\n", path, r->latents,
               r->complete || r->path ? "" : ", stopped early");
        free(path);
    }
    fflush(stdout);
}
