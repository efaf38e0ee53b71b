/* latency N MODEL: how soon the first frames come with a warm worker, and what queueing adds to a
 * clip: N small clips one after another, medians in milliseconds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/client.h"
#include "store/library.h"

enum { MAX_CLIPS = 1000 };

struct sample {
    double first;    /* enqueue to the first frames event */
    double before;   /* of that, before the pipeline began */
    double after;    /* the pipeline's end to the state done */
    double whole;    /* enqueue to done */
};

static double since(int64_t start_ns)
{
    return (double)(dn_now_ns() - start_ns) / 1e6;
}

static bool make_clip(struct client *c, const char *model, int64_t seed, struct sample *s,
                      struct dn_error *err)
{
    json_t *request = json_pack("{s:s, s:s, s:I, s:i, s:s}", "prompt", "a red butterfly", "model",
                                model, "seed", (json_int_t)seed, "frames", 33, "size", "64x64");
    json_t *message = protocol_new(MESSAGE_ENQUEUE);
    json_object_set_new(message, "request", request);
    int64_t start = dn_now_ns();
    bool over = !client_ask(c, message, NULL, err), ok = !over;
    while (!over) {
        enum message_type type;
        json_t *m;
        if (!client_next(c, 60000, &type, &m, err) || !m)
            return false;
        if (type == MESSAGE_FRAMES && protocol_int(m, "start", 0) == 0) {
            s->first = since(start);
            s->before = s->first - protocol_number(m, "seconds", 0) * 1e3;
        }
        const char *state = type == MESSAGE_STATE ? protocol_text(m, "state") : NULL;
        over = state && (strcmp(state, "done") == 0 || strcmp(state, "failed") == 0);
        if (over) {
            s->whole = since(start);
            s->after = s->whole - s->before - protocol_number(m, "seconds", 0) * 1e3;
        }
        json_decref(m);
    }
    return ok;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void tell(const char *what, const struct sample *samples, int count, size_t offset)
{
    double values[MAX_CLIPS];
    for (int i = 0; i < count; i++)
        values[i] = *(const double *)((const char *)&samples[i] + offset);
    qsort(values, (size_t)count, sizeof values[0], ascending);
    printf("%-36s min %7.1f  median %7.1f  p95 %7.1f ms\n", what, values[0], values[count / 2],
           values[count * 95 / 100]);
}

int main(int argc, char **argv)
{
    static struct sample samples[MAX_CLIPS];
    struct client *c = NULL;
    struct dn_error err;
    char *library = library_find(NULL, &err);
    struct client_options options = {.library = library, .name = "latency"};
    int count = argc == 3 ? atoi(argv[1]) : 0;
    if (count < 1 || count > MAX_CLIPS) {
        fputs("usage: latency N MODEL (an engine must run)\n", stderr);
        return 2;
    }
    bool ok = library && client_connect(&options, &c, &err) &&
              client_order(c, MESSAGE_WATCH, 0, &err) &&
              make_clip(c, argv[2], 0, &samples[0], &err); /* loads the model */
    for (int i = 0; ok && i < count; i++)
        ok = make_clip(c, argv[2], i, &samples[i], &err);
    if (ok) {
        tell("enqueue to the pipeline's start", samples, count, offsetof(struct sample, before));
        tell("enqueue to the first frames", samples, count, offsetof(struct sample, first));
        tell("the pipeline's end to done", samples, count, offsetof(struct sample, after));
        tell("enqueue to done", samples, count, offsetof(struct sample, whole));
    } else {
        fprintf(stderr, "%s\n", err.message);
    }
    client_close(c);
    free(library);
    return ok ? 0 : 1;
}
