/* studio_config: how the user wants the studio: options, and the section `studio` of danaus.yaml
 * with the same and the keys. */
#ifndef DANAUS_UI_STUDIO_STUDIO_CONFIG_H
#define DANAUS_UI_STUDIO_STUDIO_CONFIG_H

#include "base/error.h"
#include "config/option_table.h"
#include "ui/studio/keymap.h"

struct studio_config {
    char *graphics;    /* "auto" */
    char *passthrough; /* "auto", "on", "off" */
    char *notify;      /* "none", "bell", "osc9" */
    bool mouse;
    bool clipboard;    /* copied prompts also by OSC 52 */
};

/* Rows of struct studio_config, for the command line, --help and the file. */
enum { STUDIO_OPTIONS = 5 };
extern const struct option studio_option_rows[STUDIO_OPTIONS];

/* Takes the section out of YAML bytes; name stands for them in errors ("NAME:LINE:COLUMN: ..."). On
 * false some of it may have been taken. */
bool studio_config_read(struct studio_config *config, struct keymap *keys, const char *bytes,
                        size_t size, const char *name, struct dn_error *err);
/* The user's danaus.yaml if it is there. */
bool studio_config_load(struct studio_config *config, struct keymap *keys, struct dn_error *err);

#endif
