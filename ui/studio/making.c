/* making: see making.h */
#include "ui/studio/making.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/option_value.h"
#include "ui/studio/parameter_grid.h"
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

void making_paths(struct request *r)
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

/* The orders of a making, as JSON. */
struct orders {
    char *requests[MAKING_MAX];
    size_t count;
};

static void orders_done(struct orders *o)
{
    for (size_t i = 0; i < o->count; i++)
        free(o->requests[i]);
}

/* One clip: settings, prompt and combination number of the grid. */
static bool add_one(struct orders *orders, const struct request *settings, const char *prompt,
                    const struct parameter_grid *grid, size_t number, struct dn_error *err)
{
    struct request r;
    char why[OPTION_WHY_SIZE];
    if (orders->count == MAKING_MAX)
        return dn_fail(err, DN_E_ARG, "these are more than %d clips", MAKING_MAX);
    request_copy(&r, settings);
    r.count = 1;
    parameter_grid_apply(grid, number, &r);
    making_paths(&r);
    bool ok = option_set(row_of("prompt"), &r, prompt, why) ||
              option_complain(err, "", "prompt", prompt, why);
    ok = ok && option_set(row_of("output"), &r, NULL, why);
    ok = ok && option_set(row_of("save-latents"), &r, NULL, why);
    ok = ok && request_validate(&r, err);
    if (ok)
        orders->requests[orders->count++] = request_to_json(&r);
    request_done(&r);
    return ok;
}

/* Every prompt with every combination of parameters and every seed, which varies fastest. */
static bool add_all(struct studio *s, const struct making *m, const struct parameter_grid *grid,
                    struct orders *orders, struct dn_error *err)
{
    struct request *settings = &s->settings->request;
    struct prompt_grid prompts;
    char why[OPTION_WHY_SIZE];
    bool own_seeds = parameter_grid_has(grid, "seed");
    size_t parameters = parameter_grid_size(grid);
    if (!prompt_grid_expand(m->prompt, &prompts, err))
        return false;
    if (m->seed_mode == SEED_RANDOM)
        option_set(row_of("seed"), settings, "random", why);
    uint64_t first = settings->seed;
    int64_t count = own_seeds ? 1 : m->count;
    bool ok = true;
    for (size_t i = 0; ok && i < prompts.count; i++)
        for (size_t k = 0; ok && k < parameters; k++)
            for (int64_t n = 0; ok && n < count; n++) {
                settings->seed = (first + (uint64_t)n) & INT64_MAX;
                ok = add_one(orders, settings, prompts.prompts[i], grid, k, err);
            }
    bool next = ok && m->seed_mode == SEED_NEXT && !own_seeds;
    settings->seed = (first + (next ? (uint64_t)count : 0)) & INT64_MAX;
    prompt_grid_done(&prompts);
    return ok;
}

static void send_all(struct studio *s, const struct orders *orders, bool next, const char *sheet)
{
    bool waits = making_running_job(s) != NULL;
    enum queued_words words = sheet[0] ? QUEUED_QUIETLY : waits ? QUEUED_WAITS : QUEUED_AT_ONCE;
    for (size_t i = 0; i < orders->count; i++) { /* of those put first the last one comes first */
        size_t number = next ? orders->count - 1 - i : i;
        link_send_enqueue(s->link, &(struct link_enqueue){.request_json = orders->requests[number],
                                                          .next = next, .tag = words,
                                                          .collection = sheet[0] ? sheet : NULL});
    }
}

bool making_send(struct studio *s, const struct making *m, char sheet[SHEET_NAME_SIZE],
                 struct dn_error *err)
{
    struct parameter_grid grid;
    struct orders orders = {.count = 0};
    sheet[0] = '\0';
    if (m->prompt[strspn(m->prompt, " \t\n")] == '\0')
        return dn_fail(err, DN_E_ARG, "the prompt is empty: type what you want to see");
    if (link_state(s->link) != LINK_UP)
        return dn_fail(err, DN_E_IO, "the engine is not ready yet");
    if (!parameter_grid_parse(m->parameters ? m->parameters : "", &grid, err))
        return false;
    bool ok = add_all(s, m, &grid, &orders, err) &&
              (orders.count < 2 || sheet_names_new(studio_catalog(s), m->prompt, sheet, err));
    if (ok)
        send_all(s, &orders, m->next, sheet);
    orders_done(&orders);
    parameter_grid_done(&grid);
    return ok;
}
