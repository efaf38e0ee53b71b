/* studio: what `danaus` opens: prompt, preview, library, player, queue in one terminal window. */
#ifndef DANAUS_UI_STUDIO_STUDIO_H
#define DANAUS_UI_STUDIO_STUDIO_H

#include "config/settings.h"
#include "ui/studio/studio_config.h"

struct studio_options {
    struct settings *settings;  /* borrowed: what a new clip begins with */
    const char *library;        /* folder of the catalog and the clips */
    const char *prompt;         /* ready to be made; NULL = the draft of the last time */
    const struct studio_config *config;
    const struct keymap *keys;
    bool random_seed;           /* a new seed for each clip */
};

/* Runs until the user leaves. False: there is no terminal that could show it. */
bool studio_run(const struct studio_options *options, struct dn_error *err);

#endif
