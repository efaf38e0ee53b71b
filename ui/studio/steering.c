/* steering: see steering.h */
#include "ui/studio/steering.h"

#include <string.h>

#include "config/prompt_changes.h"
#include "ui/studio/making.h"
#include "ui/studio/prompt_grid.h"

const struct link_job *steering_job(const struct studio *s, int64_t shown)
{
    const struct link_job *job = shown ? link_find_job(s->link, shown) : NULL;
    return job && job->state == JOB_RUNNING ? job : making_running_job(s);
}

/* Its last prompt: a change that is still to come counts too. */
static bool goes_on_with(const struct link_job *job, const char *prompt)
{
    const char *text = job->changes;
    struct prompt_change last = {.prompt = job->prompt, .length = strlen(job->prompt)};
    while (prompt_changes_next(&text, &last))
        continue;
    return strlen(prompt) == last.length && memcmp(prompt, last.prompt, last.length) == 0;
}

bool steering_send(struct studio *s, int64_t shown, const char *prompt, struct dn_error *err)
{
    const struct link_job *job = steering_job(s, shown);
    struct prompt_grid grid;
    if (!job)
        return dn_fail(err, DN_E_ARG, "nothing is being made that could be steered");
    if (prompt[strspn(prompt, " \t\n")] == '\0')
        return dn_fail(err, DN_E_ARG, "the prompt is empty: type what #%lld is to show now",
                       (long long)job->id);
    if (!prompt_grid_expand(prompt, &grid, err))
        return false;
    bool ok = true;
    if (grid.count != 1)
        ok = dn_fail(err, DN_E_ARG, "these are %zu prompts: a clip goes on with one", grid.count);
    else if (goes_on_with(job, grid.prompts[0]))
        ok = dn_fail(err, DN_E_ARG, "#%lld goes on with this prompt already: change it first",
                     (long long)job->id);
    if (ok)
        link_send_steer(s->link, job->id, grid.prompts[0]);
    prompt_grid_done(&grid);
    return ok;
}
