/* derive_clip: see derive_clip.h */
#include "commands/derive_clip.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "commands/command.h"
#include "commands/generate_engine.h"
#include "commands/job.h"
#include "config/config_files.h"
#include "config/option_value.h"
#include "config/recipe.h"

static struct option_usage usage_of(const struct derivation *d)
{
    return (struct option_usage){.command = d->name,
                                 .groups = d->groups,
                                 .without = d->without,
                                 .own = d->own,
                                 .own_count = d->own_count,
                                 .max_words = 1};
}

static const struct option *row_of(const char *name)
{
    return option_find(option_rows, option_count, name);
}

/* What the command line says goes over it. */
static bool apply_command(const struct settings *settings, struct request *r, struct dn_error *err)
{
    char why[OPTION_WHY_SIZE];
    for (size_t i = 0; i < option_count; i++) {
        if (settings_level_of(settings, &option_rows[i]) != LEVEL_COMMAND)
            continue;
        char *text = option_get(&option_rows[i], &settings->request);
        bool ok = option_set(&option_rows[i], r, text, why);
        free(text);
        if (!ok)
            return dn_fail(err, DN_E_ARG, "--%s %s", option_rows[i].name, why);
    }
    return true;
}

/* r = the parent's request with the command line over it. What a clip from elsewhere does not tell
 * comes from the config files, as with generate; they are nobody's business otherwise. */
static bool merge(struct settings *settings, const struct clip *parent, struct request *r,
                  struct dn_error *err)
{
    if (!request_from_json(r, parent->request_json, err))
        return dn_error_while(err, "reading the request of clip %lld", (long long)parent->id);
    if (!r->model_dir && !(config_load(settings, err) &&
                           recipe_again(parent->request_json, parent->prompt, &settings->request, r,
                                        err)))
        return false;
    return apply_command(settings, r, err);
}

/* Where the parent's copy went is not where its children go. */
static void forget_outputs(struct settings *settings, struct request *r)
{
    char why[OPTION_WHY_SIZE];
    static const char *const names[] = {"output", "save-latents"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (settings_level_of(settings, row_of(names[i])) != LEVEL_COMMAND)
            option_set(row_of(names[i]), r, NULL, why);
}

static bool set_seed(const struct derivation *d, struct settings *settings, struct request *r,
                     struct dn_error *err)
{
    char why[OPTION_WHY_SIZE];
    if (!d->new_seeds || settings_level_of(settings, row_of("seed")) == LEVEL_COMMAND)
        return true;
    return option_set(row_of("seed"), r, "random", why) || dn_fail(err, DN_E_IO, "seed: %s", why);
}

static bool has_chunks(const struct clip *parent, struct dn_error *err)
{
    if (parent->chunks_done > 0)
        return true;
    dn_fail(err, DN_E_ARG, "clip %lld has no chunk to go on from", (long long)parent->id);
    return dn_error_hint(err, "danaus vary and danaus redo make it anew from its settings");
}

static bool make(const struct derivation *d, struct job *job, const struct derive_args *args,
                 const struct clip *parent, const struct clip_word *named, struct dn_error *err)
{
    struct engine_plan plan = {.job = job,
                               .next = args->next,
                               .detach = args->detach,
                               .parent = parent->id,
                               .relation = d->name};
    struct request r;
    struct prompt_list prompts = {0};
    int64_t count = job->settings.request.count; /* not that of a config file */
    request_init(&r);
    bool ok = merge(&job->settings, parent, &r, err);
    r.count = count;
    forget_outputs(&job->settings, &r);
    ok = ok && set_seed(d, &job->settings, &r, err) &&
         d->change(&r, parent, named, args, &plan.parent_chunk, err) && request_validate(&r, err);
    if (ok) {
        request_done(&job->settings.request);
        request_copy(&job->settings.request, &r);
        prompt_list_add(&prompts, r.prompt);
        plan.prompts = &prompts;
        plan.kind = progress_choose(args->json, args->quiet);
        ok = generate_in_engine(&plan, err);
    }
    prompt_list_done(&prompts);
    request_done(&r);
    return ok;
}

static bool derive(const struct derivation *d, struct job *job, const struct derive_args *args,
                   const char *word, struct dn_error *err)
{
    struct catalog *catalog = NULL;
    struct clip_word named;
    struct clip parent;
    if (!library_read(&catalog, err))
        return false;
    bool ok = clip_word_read(catalog, word, d->with_chunk, &named, err) &&
              catalog_get_clip(catalog, named.clip, &parent, err);
    catalog_close(catalog);
    if (!ok)
        return false;
    ok = (!d->keeps || has_chunks(&parent, err)) && make(d, job, args, &parent, &named, err);
    clip_done(&parent);
    return ok;
}

static void print_warning(void *context, const char *line)
{
    const struct derivation *d = context;
    fprintf(stderr, "danaus %s: warning: %s\n", d->name, line);
}

int derive_clip_run(const struct derivation *d, int argc, char **argv)
{
    const struct option_usage usage = usage_of(d);
    struct derive_args args = {0};
    struct job job = {0};
    struct dn_error err;
    int words = 0;
    command_catch_interrupt();
    option_defaults(d->own, d->own_count, &args);
    settings_init(&job.settings, print_warning, (void *)(uintptr_t)d);
    bool ok = options_parse_argv(&job.settings, &usage, &args, argc, argv, 1, &words, &err);
    if (ok && words == 0) {
        ok = dn_fail(&err, DN_E_ARG, "%s which clip?", d->name);
        dn_error_hint(&err, "danaus list shows them; \"last\" is the newest");
    }
    ok = ok && derive(d, &job, &args, argv[1], &err);
    option_free(d->own, d->own_count, &args);
    job_close(&job);
    return ok ? EXIT_DONE : command_fail(d->name, &err);
}

void derive_clip_print_options(const struct derivation *d, FILE *out, bool man)
{
    const struct option_usage usage = usage_of(d);
    job_print_options(out, man, &usage);
}
