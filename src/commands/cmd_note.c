/* cmd_note: notes on clips. */
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "commands/command.h"
#include "commands/edit_clips.h"
#include "commands/engine_session.h"
#include "commands/job.h"

static const struct option_usage usage = {.command = "note", .max_words = 1000};

static bool act(struct client *c, char **words, int count, struct dn_error *err)
{
    struct clip_edit edit = {.what = "note", .value = count > 1 ? words[1] : "", .number = -1};
    if (count > 2)
        return dn_fail(err, DN_E_ARG, "one clip and one note, in quotes");
    return edit_clips(c, &edit, words, 1, err);
}

static int run_note(int argc, char **argv)
{
    struct settings settings;
    struct client *c = NULL;
    struct dn_error err;
    int words = 0;
    settings_init(&settings, NULL, NULL);
    bool ok = options_parse_argv(&settings, &usage, NULL, argc, argv, 1, &words, &err);
    if (ok && words < 1) {
        ok = dn_fail(&err, DN_E_ARG, "note on which clip?");
        dn_error_hint(&err, "danaus note 17 \"the wings are good\"");
    }
    ok = ok && session_connect("note", true, &c, &err) && act(c, argv + 1, words, &err);
    client_close(c);
    settings_done(&settings);
    return ok ? EXIT_DONE : command_fail("note", &err);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_note_entry = {
    .name = "note",
    .summary = "Write a note on a clip",
    .synopsis = "CLIP [NOTE]",
    .details = "The note replaces the one that was there; without one it is taken away. Search "
               "looks in notes\n"
               "as in prompts.",
    .print_options = print_options,
    .run = run_note,
};
