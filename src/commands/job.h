/* job: what the commands that run a model share: settings from files and the command line, a
 * backend, the model's parts. */
#ifndef DANAUS_COMMANDS_JOB_H
#define DANAUS_COMMANDS_JOB_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "commands/print_usage.h"
#include "config/option_argv.h"
#include "config/settings.h"
#include "kernels/ops.h"
#include "model/model_dir.h"
#include "model/vae.h"

struct job {
    struct settings settings;
    const struct ops *ops;
    struct exec *ex;
    struct model_dir dir;
};

/* settings_init with warnings to stderr, then the command line (usage, own_base as in
 * options_parse_argv), then the config files. job_close in every case. */
bool job_settings(struct job *job, const struct option_usage *usage, void *own_base, int argc,
                  char **argv, int *words, struct dn_error *err);
/* The backend, with the request's dtype and threads, and the model's directory, of which parts
 * (enum model_parts) must be there. */
bool job_open(struct job *job, unsigned parts, struct dn_error *err);
void job_close(struct job *job);

/* Are the backend's calls queued (a GPU), or done when they return? */
bool job_queues(const struct ops *ops);

/* Makes prompt the request's, with the checks of the option table. */
bool job_set_prompt(struct job *job, const char *prompt, struct dn_error *err);
/* Loads the VAE of the job's model. The caller frees. */
bool job_load_vae(struct job *job, enum vae_parts parts, struct vae **out, struct dn_error *err);

#endif
