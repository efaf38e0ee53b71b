/* edit_clips: what rate, tag, note, rm and trash share: changes of clips, made by the engine. */
#ifndef DANAUS_COMMANDS_EDIT_CLIPS_H
#define DANAUS_COMMANDS_EDIT_CLIPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "config/option_argv.h"
#include "engine/client.h"

struct clip_edit {
    const char *what;  /* as in the edit message */
    const char *value; /* or NULL */
    int64_t number;    /* -1 = none */
};

/* Makes the edit to each clip that words[0..count) name; stops at the first that fails. */
bool edit_clips(struct client *c, const struct clip_edit *edit, char **words, int count,
                struct dn_error *err);
/* One edit, of clip (0 = none). */
bool edit_send(struct client *c, const struct clip_edit *edit, int64_t clip, struct dn_error *err);

/* What one of the five commands is. */
struct edit_command {
    const struct option_usage *usage;
    const char *no_words, *hint; /* the complaint when no word is given; NULL: none is needed */
    /* args: the struct that the usage's own rows fill. */
    bool (*act)(struct client *c, const void *args, char **words, int count, struct dn_error *err);
};

/* Reads the command line (args zeroed by the caller, NULL without own rows), connects and acts.
 * Returns the exit status. */
int edit_command_run(const struct edit_command *command, void *args, int argc, char **argv);

#endif
