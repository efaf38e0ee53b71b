/* verify_scheduler: scheduler.json, the tables of timesteps and noise levels and what is computed
 * from them. Distances are in units of the last float32 place. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "commands/verify.h"
#include "commands/verify_model.h"
#include "model/schedule.h"

#define MAX_JSON (8 << 20)
#define ULP 1.0
/* loss weights go through exp and a sum of 1000: one last place of exp is 6e-8, scaled by 5.3 */
#define WEIGHT_MAX 1e-6

/* How many float32 values lie between a and b, which have one sign or are 0. */
static double ulps(float a, float b)
{
    int32_t x, y;
    memcpy(&x, &a, 4);
    memcpy(&y, &b, 4);
    if (isnan(a) || isnan(b))
        return NAN;
    if ((x < 0) != (y < 0))
        return a == b ? 0 : INFINITY;
    return fabs((double)x - (double)y);
}

static void ulp_row(struct verify_run *run, const char *what, const float *got, const float *want,
                    int64_t count)
{
    double worst = 0;
    for (int64_t i = 0; i < count && !isnan(worst); i++) {
        double distance = ulps(got[i], want[i]);
        worst = distance <= worst ? worst : distance; /* keeps a NaN */
    }
    verify_row(run, what, "ulp", worst, ULP);
}

struct numbers {
    float *data;
    int64_t count;
};

/* object[key], an array of numbers; empty when it is none. The caller frees data. */
static struct numbers read_numbers(const json_t *object, const char *key)
{
    const json_t *array = json_object_get(object, key);
    struct numbers n = {.count = (int64_t)json_array_size(array)};
    n.data = dn_calloc((size_t)n.count + 1, sizeof *n.data);
    for (int64_t i = 0; i < n.count; i++)
        n.data[i] = (float)json_number_value(json_array_get(array, (size_t)i));
    return n;
}

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void flow_match(struct verify_run *run, const json_t *section, struct schedule *s)
{
    struct numbers sigmas = read_numbers(section, "sigmas");
    struct numbers timesteps = read_numbers(section, "timesteps");
    struct numbers weights = read_numbers(section, "training_weights");
    if (sigmas.count == SCHEDULE_TRAIN_STEPS && timesteps.count == SCHEDULE_TRAIN_STEPS &&
        weights.count == SCHEDULE_TRAIN_STEPS) {
        ulp_row(run, "flow_match sigmas", s->sigmas, sigmas.data, sigmas.count);
        ulp_row(run, "flow_match timesteps", s->timesteps, timesteps.data, timesteps.count);
        verify_max(run, "flow_match training_weights", s->weights, weights.data, weights.count,
                   WEIGHT_MAX);
    } else {
        verify_exact(run, "flow_match table of 1000", false);
    }
    free(sigmas.data);
    free(timesteps.data);
    free(weights.data);
}

static void warped(struct verify_run *run, const json_t *section, const struct schedule *s)
{
    for (size_t k = 0; k < json_array_size(section); k++) {
        const json_t *item = json_array_get(section, k);
        struct numbers steps = read_numbers(item, "steps"), want = read_numbers(item, "timesteps");
        float *got = dn_calloc((size_t)steps.count + 1, sizeof *got);
        char what[48];
        for (int64_t i = 0; i < steps.count; i++) {
            bool valid = steps.data[i] >= 0 && steps.data[i] <= SCHEDULE_TRAIN_STEPS;
            got[i] = valid ? schedule_warp(s, (int64_t)steps.data[i]) : NAN;
        }
        snprintf(what, sizeof what, "warped list %zu", k);
        if (steps.count == want.count)
            ulp_row(run, what, got, want.data, want.count);
        else
            verify_exact(run, what, false);
        free(got);
        free(steps.data);
        free(want.data);
    }
}

static void nearest(struct verify_run *run, const json_t *section, const struct schedule *s)
{
    bool indices = true;
    double weight = 0, sigma = 0;
    for (size_t k = 0; k < json_array_size(section); k++) {
        const json_t *item = json_array_get(section, k);
        int64_t index = schedule_nearest(s, (float)number(item, "t"));
        indices = indices && index == (int64_t)number(item, "index");
        sigma = fmax(sigma, ulps(s->sigmas[index], (float)number(item, "sigma")));
        weight = fmax(weight, fabs((double)s->weights[index] - number(item, "weight")));
    }
    verify_exact(run, "nearest_index index", indices);
    verify_row(run, "nearest_index sigma", "ulp", sigma, ULP);
    verify_row(run, "nearest_index weight", "max", weight, WEIGHT_MAX);
}

typedef void mix_fn(const struct schedule *, float, const float *, const float *, float *, int64_t);

/* want = mix(a, b) at each of the section's timesteps, arrays [timesteps, values]. */
static void mixed(struct verify_run *run, const json_t *section, const struct schedule *s,
                  mix_fn *mix, const char *a_key, const char *b_key, const char *want_key)
{
    struct numbers t = read_numbers(section, "timesteps"), a = read_numbers(section, a_key);
    struct numbers b = read_numbers(section, b_key), want = read_numbers(section, want_key);
    float *got = dn_calloc((size_t)want.count + 1, sizeof *got);
    int64_t each = t.count ? want.count / t.count : 0;
    if (each > 0 && a.count == want.count && b.count == want.count &&
        each * t.count == want.count) {
        for (int64_t i = 0; i < t.count; i++)
            mix(s, t.data[i], a.data + i * each, b.data + i * each, got + i * each, each);
        verify_max(run, want_key, got, want.data, want.count, 5e-7);
    } else {
        verify_exact(run, want_key, false);
    }
    free(got);
    free(t.data);
    free(a.data);
    free(b.data);
    free(want.data);
}

static void dmd_timestep(struct verify_run *run, const json_t *section, double shift)
{
    struct numbers draw = read_numbers(section, "draw");
    struct numbers want = read_numbers(section, "shifted");
    float *got = dn_calloc((size_t)draw.count + 1, sizeof *got);
    for (int64_t i = 0; i < draw.count; i++)
        got[i] = schedule_shift_timestep(shift, draw.data[i]);
    if (draw.count == want.count)
        ulp_row(run, "dmd_timestep shifted", got, want.data, want.count);
    else
        verify_exact(run, "dmd_timestep shifted", false);
    free(got);
    free(draw.data);
    free(want.data);
}

static void other_shift(struct verify_run *run, const json_t *section, struct schedule *s)
{
    struct numbers sigmas = read_numbers(section, "every_100th_sigma");
    struct numbers weights = read_numbers(section, "every_100th_weight");
    float sigma[10], weight[10], last = (float)number(section, "last_sigma");
    schedule_init(s, number(section, "shift"));
    for (int i = 0; i < 10; i++) {
        sigma[i] = s->sigmas[100 * i];
        weight[i] = s->weights[100 * i];
    }
    if (sigmas.count == 10 && weights.count == 10) {
        ulp_row(run, "other shift sigmas", sigma, sigmas.data, 10);
        verify_max(run, "other shift weights", weight, weights.data, 10, WEIGHT_MAX);
        ulp_row(run, "other shift last sigma", &s->sigmas[SCHEDULE_TRAIN_STEPS - 1], &last, 1);
    } else {
        verify_exact(run, "other shift tables of 10", false);
    }
    free(sigmas.data);
    free(weights.data);
}

static void unipc(struct verify_run *run, const json_t *section)
{
    for (size_t k = 0; k < json_array_size(section); k++) {
        const json_t *item = json_array_get(section, k);
        struct numbers t = read_numbers(item, "timesteps"), want = read_numbers(item, "sigmas");
        float *sigmas = dn_calloc((size_t)t.count + 1, sizeof *sigmas);
        float *timesteps = dn_calloc((size_t)t.count + 1, sizeof *timesteps);
        char what[64];
        schedule_unipc(number(item, "shift"), t.count, sigmas, timesteps);
        snprintf(what, sizeof what, "unipc %zu timesteps", k);
        verify_max(run, what, timesteps, t.data, t.count, 0);
        snprintf(what, sizeof what, "unipc %zu sigmas", k);
        if (want.count == t.count + 1)
            ulp_row(run, what, sigmas, want.data, want.count);
        else
            verify_exact(run, what, false);
        free(sigmas);
        free(timesteps);
        free(t.data);
        free(want.data);
    }
}

static void run_scheduler(struct verify_run *run, const struct verify_file *file)
{
    struct dn_error err;
    json_t *root = dn_json_load(file->path, MAX_JSON, &err);
    if (!root) {
        verify_error(run, "scheduler", &err);
        return;
    }
    struct schedule *s = dn_malloc(sizeof *s);
    const json_t *table = json_object_get(root, "flow_match");
    double shift = number(table, "shift");
    schedule_init(s, shift);
    flow_match(run, table, s);
    warped(run, json_object_get(root, "warped"), s);
    nearest(run, json_object_get(root, "nearest_index"), s);
    const json_t *add = json_object_get(root, "add_noise");
    const json_t *x0 = json_object_get(root, "flow_to_x0");
    mixed(run, add, s, schedule_add_noise, "x0", "noise", "x_t");
    mixed(run, x0, s, schedule_flow_to_x0, "x_t", "flow", "x0");
    mixed(run, x0, s, schedule_x0_to_flow, "x_t", "x0", "flow_back");
    dmd_timestep(run, json_object_get(root, "dmd_timestep"), shift);
    other_shift(run, json_object_get(root, "flow_match_other_shift"), s);
    unipc(run, json_object_get(root, "unipc"));
    free(s);
    json_decref(root);
}

static enum verify_claim claim(const struct verify_file *file)
{
    size_t length = strlen(file->name);
    if (length < 5 || strcmp(file->name + length - 5, ".json") != 0)
        return VERIFY_NOT_MINE;
    json_t *root = dn_json_load(file->path, MAX_JSON, NULL);
    bool mine = json_is_object(json_object_get(root, "flow_match")) &&
                json_is_array(json_object_get(root, "unipc"));
    json_decref(root);
    return mine ? VERIFY_RUN : VERIFY_NOT_MINE;
}

const struct verify_kind verify_scheduler_entry = {
    .name = "scheduler", .claim = claim, .run = run_scheduler};
