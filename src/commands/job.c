/* job: see job.h */
#include "commands/job.h"

#include <string.h>

#include "config/config_files.h"
#include "config/option_print.h"
#include "format/weights.h"
#include "pipeline/pipeline.h"

static void print_warning(void *context, const char *line)
{
    const struct option_usage *usage = context;
    fprintf(stderr, "danaus %s: warning: %s\n", usage->command, line);
}

bool job_settings(struct job *job, const struct option_usage *usage, void *own_base, int argc,
                  char **argv, int *words, struct dn_error *err)
{
    *job = (struct job){0};
    settings_init(&job->settings, print_warning, (void *)usage);
    return options_parse_argv(&job->settings, usage, own_base, argc, argv, 1, words, err) &&
           config_load(&job->settings, err);
}

bool job_open(struct job *job, unsigned parts, struct dn_error *err)
{
    const struct request *r = &job->settings.request;
    struct exec_options options;
    if (!r->model_dir) {
        dn_fail(err, DN_E_MODEL, "no model: none is given and the demo model is not installed");
        return dn_error_hint(err, "name one with -m DIR");
    }
    return model_dir_open(r->model_dir, r->checkpoint, &job->dir, err) &&
           model_dir_require(&job->dir, parts, err) && ops_select(r->backend, &job->ops, err) &&
           pipeline_exec_options(r, job->ops, &options, err) &&
           job->ops->open(&options, &job->ex, err);
}

void job_close(struct job *job)
{
    if (job->ops)
        job->ops->close(job->ex);
    model_dir_done(&job->dir);
    settings_done(&job->settings);
}

bool job_queues(const struct ops *ops)
{
    return strcmp(ops->name, "cpu") != 0;
}

bool job_set_prompt(struct job *job, const char *prompt, struct dn_error *err)
{
    static const char name[] = "prompt";
    char why[OPTION_WHY_SIZE];
    const struct option *row = option_find(option_rows, option_count, name);
    if (!settings_set(&job->settings, row, prompt, LEVEL_COMMAND, why))
        return option_complain(err, "the ", name, prompt, why);
    return request_validate(&job->settings.request, err);
}

bool job_load_vae(struct job *job, enum vae_parts parts, struct vae **out, struct dn_error *err)
{
    struct weights *w = NULL;
    *out = NULL;
    bool ok = weights_open(job->dir.vae, &w, err) &&
              vae_load(w, parts, job->ops, job->ex, out, err);
    weights_close(w);
    return ok;
}

void job_print_options(FILE *out, bool man, const struct option_usage *usage)
{
    struct strbuf text = {0};
    (man ? option_usage_print_man : option_print_help)(&text, usage);
    const char *start = strbuf_text(&text);
    fputs(*start == '\n' ? start + 1 : start, out);
    strbuf_done(&text);
}
