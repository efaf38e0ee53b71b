/* cmd_steer: another prompt for a clip that is just being made. */
#include <stdlib.h>

#include "base/number.h"
#include "commands/command.h"
#include "commands/engine_session.h"
#include "commands/job.h"

struct steer_args {
    bool json;
};

static const struct option own_rows[] = {
    {.name = "json", .type = OPTION_BOOL, .group = GROUP_COMMAND,
     .offset = offsetof(struct steer_args, json), .fallback = "false",
     .help = "Chunk and frame as JSON."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "steer", .own = own_rows, .own_count = OWN_COUNT, .max_words = 2};

static bool steer(const char *word, const char *prompt, const struct steer_args *args,
                  struct dn_error *err)
{
    struct client *c;
    int64_t job, chunk, frame;
    if (!dn_parse_int(word, &job) || job < 1)
        return dn_fail(err, DN_E_ARG, "\"%s\" is no job's number", word);
    if (!session_connect("steer", false, &c, err))
        return false;
    bool ok = client_steer(c, job, prompt, &chunk, &frame, err);
    client_close(c);
    if (ok)
        printf(args->json ? "{\"job\":%lld,\"chunk\":%lld,\"frame\":%lld}\n"
                          : "job %lld goes on with it from chunk %lld, frame %lld\n",
               (long long)job, (long long)chunk, (long long)frame);
    return ok;
}

static int run_steer(int argc, char **argv)
{
    struct steer_args args = {0};
    struct settings settings;
    struct dn_error err;
    int words = 0;
    option_defaults(own_rows, OWN_COUNT, &args);
    settings_init(&settings, NULL, NULL);
    bool ok = options_parse_argv(&settings, &usage, &args, argc, argv, 1, &words, &err);
    if (ok && words < 2) {
        ok = dn_fail(&err, DN_E_ARG, words ? "steer it where to?" : "steer which job?");
        dn_error_hint(&err, "danaus steer JOB \"a blue butterfly\"");
    }
    ok = ok && steer(argv[1], argv[2], &args, &err);
    settings_done(&settings);
    return ok ? EXIT_DONE : command_fail("steer", &err);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_steer_entry = {
    .name = "steer",
    .summary = "Give a clip another prompt while it is being made",
    .synopsis = "JOB PROMPT [OPTIONS]",
    .details =
        "The job, which must be running, goes on with PROMPT from the next chunk that is not begun\n"
        "yet; which one is printed, counted from 0, when the change is safely stored. The clip is\n"
        "then the same as one made with generate --at CHUNK:PROMPT, and show lists its changes. Those\n"
        "that were still to come are dropped.\n"
        "A transition that the clip was asked for with --transition holds for this change too.",
    .print_options = print_options,
    .run = run_steer,
};
