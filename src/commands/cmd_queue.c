/* cmd_queue: look at the queue and change it. */
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/safetext.h"
#include "commands/command.h"
#include "commands/engine_session.h"
#include "commands/job.h"

struct queue_args {
    bool json, all;
};

#define AT(field) .offset = offsetof(struct queue_args, field)
static const struct option own_rows[] = {
    {.name = "all", .letter = 'a', .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(all),
     .fallback = "false", .help = "Also jobs that are over."},
    {.name = "json", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(json), .fallback = "false",
     .help = "The list as JSON, one job a line."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "queue", .own = own_rows, .own_count = OWN_COUNT, .max_words = 1000};

static bool parse_job(const char *word, int64_t *job, struct dn_error *err)
{
    return (dn_parse_int(word, job) && *job > 0) ||
           dn_fail(err, DN_E_ARG, "\"%s\" is no job's number", word);
}

/* --- list --- */

static void print_job(const json_t *job)
{
    char prompt[128], reason[256];
    const char *text = protocol_text(job, "prompt"), *why = protocol_text(job, "reason");
    int64_t chunks = protocol_int(job, "chunks", 0);
    char progress[64] = "";
    dn_safetext(prompt, 61, text ? text : "", text ? strlen(text) : 0);
    dn_safetext(reason, sizeof reason, why ? why : "", why ? strlen(why) : 0);
    if (chunks)
        snprintf(progress, sizeof progress, "%lld/%lld",
                 (long long)protocol_int(job, "chunks_done", 0), (long long)chunks);
    printf("%6lld  %-9s  %7s  %lldx%lldx%lld  %s%s%s\n", (long long)protocol_int(job, "job", 0),
           protocol_text(job, "state"), progress, (long long)protocol_int(job, "width", 0),
           (long long)protocol_int(job, "height", 0), (long long)protocol_int(job, "frames", 0),
           prompt, reason[0] ? ": " : "", reason);
}

static bool do_list(struct client *c, const struct queue_args *args, struct dn_error *err)
{
    json_t *request = protocol_new(MESSAGE_JOBS), *reply, *job;
    size_t i;
    json_object_set_new(request, "all", json_boolean(args->all));
    if (!client_ask(c, request, &reply, err))
        return false;
    json_array_foreach(json_object_get(reply, "jobs"), i, job)
    {
        if (args->json) {
            json_dumpf(job, stdout, JSON_COMPACT);
            putchar('\n');
        } else {
            print_job(job);
        }
    }
    if (!args->json && json_array_size(json_object_get(reply, "jobs")) == 0)
        puts("no job waits or runs");
    if (!args->json && protocol_bool(reply, "paused"))
        puts("the queue is paused (danaus queue resume)");
    json_decref(reply);
    return true;
}

/* --- changes --- */

static bool do_move(struct client *c, char **words, int count, struct dn_error *err)
{
    int64_t job, other = 0;
    const char *to = count > 1 ? words[1] : "";
    bool before = strcmp(to, "before") == 0;
    if (count != (before ? 3 : 2) || !*to) {
        dn_fail(err, DN_E_ARG, "move what, and where to?");
        return dn_error_hint(err, "danaus queue move JOB next|last|before OTHER");
    }
    if (!parse_job(words[0], &job, err) || (before && !parse_job(words[2], &other, err)))
        return false;
    json_t *request = protocol_new(MESSAGE_MOVE);
    json_object_set_new(request, "job", json_integer(job));
    json_object_set_new(request, "to", json_string(to));
    if (other)
        json_object_set_new(request, "other", json_integer(other));
    return client_ask(c, request, NULL, err);
}

static const struct {
    const char *name;
    enum message_type type;
    bool needs_job;
} orders[] = {{"pause", MESSAGE_PAUSE, false},
              {"resume", MESSAGE_RESUME, false},
              {"cancel", MESSAGE_CANCEL, true},
              {"retry", MESSAGE_RETRY, true}};

static bool do_orders(struct client *c, size_t which, char **words, int count,
                      struct dn_error *err)
{
    int64_t job = 0;
    if (count == 0 && orders[which].needs_job)
        return dn_fail(err, DN_E_ARG, "%s which job?", orders[which].name);
    if (count == 0)
        return client_order(c, orders[which].type, 0, err);
    for (int i = 0; i < count; i++)
        if (!parse_job(words[i], &job, err) || !client_order(c, orders[which].type, job, err))
            return false;
    return true;
}

static bool act(struct client *c, const struct queue_args *args, char **words, int count,
                struct dn_error *err)
{
    const char *name = count ? words[0] : "list";
    if (strcmp(name, "list") == 0)
        return command_words_fit(name, 0, words + 1, count - 1, err) && do_list(c, args, err);
    if (strcmp(name, "move") == 0)
        return do_move(c, words + 1, count - 1, err);
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        if (strcmp(name, orders[i].name) == 0)
            return do_orders(c, i, words + 1, count - 1, err);
    dn_fail(err, DN_E_ARG, "there is no action \"%s\"", name);
    return dn_error_hint(err, "danaus queue list, move, pause, resume, cancel or retry");
}

static int run_queue(int argc, char **argv)
{
    struct queue_args args = {0};
    struct settings settings;
    struct dn_error err;
    struct client *c = NULL;
    int words = 0;
    option_defaults(own_rows, OWN_COUNT, &args);
    settings_init(&settings, NULL, NULL);
    bool ok = options_parse_argv(&settings, &usage, &args, argc, argv, 1, &words, &err) &&
              session_connect("queue", true, &c, &err) && act(c, &args, argv + 1, words, &err);
    client_close(c);
    settings_done(&settings);
    return ok ? EXIT_DONE : command_fail("queue", &err);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_queue_entry = {
    .name = "queue",
    .summary = "Look at the queue and change it",
    .synopsis = "[list | move JOB WHERE | pause|resume|cancel|retry JOB...] [OPTIONS]",
    .details =
        "A job has the number of its clip. list prints number, state, chunks that are done, size,\n"
        "frames and prompt, in the order in which they run. move takes next, last, or before OTHER.\n"
        "pause stops a job after its current step and keeps what it has; without a JOB the whole\n"
        "queue stands still until resume. cancel stops a job for good and leaves a shorter clip;\n"
        "retry queues a job again that failed, was cancelled or was set aside because its worker\n"
        "died three times. Both resume and retry go on behind the last whole chunk.",
    .print_options = print_options,
    .run = run_queue,
};
