/* making: see making.h */
#include "ui/studio/making.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/option_value.h"
#include "ui/studio/prompt_grid.h"

const struct link_job *making_running_job(const struct studio *s)
{
    size_t count;
    const struct link_job *jobs = link_jobs(s->link, &count);
    for (size_t i = 0; i < count; i++)
        if (jobs[i].state == JOB_RUNNING)
            return &jobs[i];
    return NULL;
}

static void make_paths_absolute(struct request *r)
{
    char why[OPTION_WHY_SIZE];
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_rows[i];
        char *value = o->type == OPTION_PATH ? option_get(o, r) : NULL;
        char *whole = value && value[0] ? realpath(value, NULL) : NULL;
        if (whole)
            option_set(o, r, whole, why);
        free(whole);
        free(value);
    }
}

static const struct option *row_of(const char *name)
{
    return option_find(option_rows, option_count, name);
}

/* One clip of prompt with the seed number in the request. */
static bool send_one(struct studio *s, const char *prompt, bool next, int tag, struct dn_error *err)
{
    struct request r;
    char why[OPTION_WHY_SIZE];
    request_copy(&r, &s->settings->request);
    r.count = 1;
    make_paths_absolute(&r);
    bool ok = option_set(row_of("prompt"), &r, prompt, why) ||
              option_complain(err, "", "prompt", prompt, why);
    ok = ok && option_set(row_of("output"), &r, NULL, why);
    ok = ok && option_set(row_of("save-latents"), &r, NULL, why);
    ok = ok && request_validate(&r, err);
    if (ok) {
        char *json = request_to_json(&r);
        link_send_enqueue(s->link, &(struct link_enqueue){.request_json = json, .next = next,
                                                          .tag = tag});
        free(json);
    }
    request_done(&r);
    return ok;
}

/* count seeds of one prompt; *made counts what was sent. */
static bool send_seeds(struct studio *s, const struct making *m, const char *prompt, int *made,
                       struct dn_error *err)
{
    struct request *settings = &s->settings->request;
    char why[OPTION_WHY_SIZE];
    bool ok = true;
    if (m->seed_mode == SEED_RANDOM)
        option_set(row_of("seed"), settings, "random", why);
    for (int64_t k = 0; ok && k < m->count; k++) {
        ok = send_one(s, prompt, m->next, making_running_job(s) || *made > 0, err);
        *made += ok;
        if (ok && (m->seed_mode == SEED_NEXT || k + 1 < m->count))
            settings->seed = (settings->seed + 1) & INT64_MAX;
    }
    return ok;
}

bool making_send(struct studio *s, const struct making *m, struct dn_error *err)
{
    struct prompt_grid grid = {0};
    int made = 0;
    if (m->prompt[strspn(m->prompt, " \t\n")] == '\0')
        return dn_fail(err, DN_E_ARG, "the prompt is empty: type what you want to see");
    if (link_state(s->link) != LINK_UP)
        return dn_fail(err, DN_E_IO, "the engine is not ready yet");
    bool ok = prompt_grid_expand(m->prompt, &grid, err);
    for (size_t i = 0; ok && i < grid.count; i++)
        ok = send_seeds(s, m, grid.prompts[i], &made, err);
    prompt_grid_done(&grid);
    return ok;
}
