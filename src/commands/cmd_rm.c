/* cmd_rm: clips to the trash. */
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "commands/command.h"
#include "commands/edit_clips.h"
#include "commands/engine_session.h"
#include "commands/job.h"

static const struct option_usage usage = {.command = "rm", .max_words = 1000};

static bool act(struct client *c, char **words, int count, struct dn_error *err)
{
    const struct clip_edit edit = {.what = "trash", .number = -1};
    return edit_clips(c, &edit, words, count, err);
}

static int run_rm(int argc, char **argv)
{
    struct settings settings;
    struct client *c = NULL;
    struct dn_error err;
    int words = 0;
    settings_init(&settings, NULL, NULL);
    bool ok = options_parse_argv(&settings, &usage, NULL, argc, argv, 1, &words, &err);
    if (ok && words < 1) {
        ok = dn_fail(&err, DN_E_ARG, "remove which clip?");
        dn_error_hint(&err, "danaus rm 17");
    }
    ok = ok && session_connect("rm", true, &c, &err) && act(c, argv + 1, words, &err);
    client_close(c);
    settings_done(&settings);
    return ok ? EXIT_DONE : command_fail("rm", &err);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_rm_entry = {
    .name = "rm",
    .summary = "Move clips to the trash",
    .synopsis = "CLIP...",
    .details = "Nothing is lost: danaus trash restore CLIP brings a clip back, danaus trash empty "
               "removes for\n"
               "good what lies there.",
    .print_options = print_options,
    .run = run_rm,
};
