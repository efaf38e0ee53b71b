/* cmd_watch: follow jobs in plain text. */
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/safetext.h"
#include "commands/command.h"
#include "commands/engine_session.h"
#include "commands/job.h"
#include "store/catalog_clips.h"

struct watch_args {
    bool json;
};

#define AT(field) .offset = offsetof(struct watch_args, field)
static const struct option own_rows[] = {
    {.name = "json", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(json), .fallback = "false",
     .help = "Events as they come, as JSON, one a line; see danaus-protocol(7)."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "watch", .own = own_rows, .own_count = OWN_COUNT, .max_words = 1};

/* --- one event as a line --- */

static void print_state(const json_t *m)
{
    char text[256];
    const char *state = protocol_text(m, "state"), *path = protocol_text(m, "path");
    const char *more = protocol_text(m, "reason") ? protocol_text(m, "reason")
                       : path ? path : protocol_text(m, "prompt");
    dn_safetext(text, sizeof text, more ? more : "", more ? strlen(more) : 0);
    printf("%s: %s\n", state, text);
}

static void print_event(enum message_type type, const json_t *m)
{
    if (type != MESSAGE_STATE && type != MESSAGE_STARTED && type != MESSAGE_STEP &&
        type != MESSAGE_FRAMES)
        return;
    printf("job %lld ", (long long)protocol_int(m, "job", 0));
    if (type == MESSAGE_STATE)
        print_state(m);
    else if (type == MESSAGE_STARTED)
        printf("started: %lld frames %lldx%lld, %lld chunks, %lld of them done before\n",
               (long long)protocol_int(m, "frames", 0), (long long)protocol_int(m, "width", 0),
               (long long)protocol_int(m, "height", 0), (long long)protocol_int(m, "chunks", 0),
               (long long)protocol_int(m, "chunks_done", 0));
    else if (type == MESSAGE_STEP)
        printf("step %lld of %lld, chunk %lld, %.1f s\n", (long long)protocol_int(m, "done", 0),
               (long long)protocol_int(m, "total", 0), (long long)protocol_int(m, "chunk", 0) + 1,
               protocol_number(m, "seconds", 0));
    else
        printf("frames to %lld, %.1f s\n",
               (long long)(protocol_int(m, "start", 0) + protocol_int(m, "count", 0)),
               protocol_number(m, "seconds", 0));
}

/* --- until it is over --- */

/* Without a job: does anything still wait or run? */
static bool is_idle(struct client *c, bool *idle, struct dn_error *err)
{
    json_t *reply;
    if (!client_ask(c, protocol_new(MESSAGE_STATUS), &reply, err))
        return false;
    *idle = protocol_int(reply, "queued", 0) + protocol_int(reply, "running", 0) == 0;
    json_decref(reply);
    return true;
}

static bool follow(struct client *c, int64_t job, bool json, struct dn_error *err)
{
    bool over = false;
    if (!session_watch(c, job, NULL, err) || (!job && !is_idle(c, &over, err)))
        return false;
    while (!over && !*command_stop()) {
        enum message_type type;
        json_t *m;
        if (!client_next(c, -1, &type, &m, err))
            return false;
        if (!m)
            continue;
        if (json) {
            json_dumpf(m, stdout, JSON_COMPACT);
            putchar('\n');
        } else {
            print_event(type, m);
        }
        fflush(stdout);
        const char *state = type == MESSAGE_STATE ? protocol_text(m, "state") : NULL;
        bool ended = session_is_over(state);
        enum job_state is;
        bool failed = ended && job && job_state_parse(state, &is) && job_state_is_failure(is);
        json_decref(m);
        if (failed) {
            dn_fail(err, DN_E_FORMAT, "job %lld: %s", (long long)job, job_state_name(is));
            return dn_error_hint(err, "danaus queue retry %lld makes it again", (long long)job);
        }
        over = ended && job;
        if (ended && !job && !is_idle(c, &over, err))
            return false;
    }
    return true;
}

static int run_watch(int argc, char **argv)
{
    struct watch_args args = {0};
    struct settings settings;
    struct dn_error err;
    struct client *c = NULL;
    int words = 0;
    int64_t job = 0;
    option_defaults(own_rows, OWN_COUNT, &args);
    settings_init(&settings, NULL, NULL);
    command_catch_signals();
    bool ok = options_parse_argv(&settings, &usage, &args, argc, argv, 1, &words, &err);
    if (ok && words && (!dn_parse_int(argv[1], &job) || job < 1))
        ok = dn_fail(&err, DN_E_ARG, "\"%s\" is no job's number", argv[1]);
    ok = ok && session_connect("watch", true, &c, &err) && follow(c, job, args.json, &err);
    client_close(c);
    settings_done(&settings);
    return ok ? EXIT_DONE : command_fail("watch", &err);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_watch_entry = {
    .name = "watch",
    .summary = "Follow a job, or the whole queue, in plain text",
    .synopsis = "[JOB] [--json]",
    .details = "Prints a line for each step until the job is over; without JOB, until nothing waits\n"
               "or runs any more. Ctrl-C ends only the watching. The status is 1 when JOB failed.",
    .print_options = print_options,
    .run = run_watch,
};
