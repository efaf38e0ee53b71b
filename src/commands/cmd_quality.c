/* cmd_quality: the demo model judged on prompts that it never saw (`make demo-quality`). */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "commands/command.h"
#include "commands/job.h"
#include "config/option_value.h"
#include "pipeline/pipeline.h"
#include "train/scene_judge.h"

struct quality_args {
    int64_t clips;
    bool misses;
};

#define AT(field) .offset = offsetof(struct quality_args, field)
static const struct option own_rows[] = {
    {.name = "clips", .letter = 'n', .type = OPTION_INT, .group = GROUP_COMMAND, AT(clips),
     .min = 1, .max = 100000, .fallback = "200", .argument = "N",
     .help = "Held-out prompts to generate and judge, each in every attention mode."},
    {.name = "misses", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(misses),
     .fallback = "false", .help = "Name every clip that misses, and what was seen in it."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "quality",
    .groups = 1u << GROUP_MODEL | 1u << GROUP_SAMPLER | 1u << GROUP_MACHINE,
    .own = own_rows,
    .own_count = OWN_COUNT,
    .config = true,
};

static const struct {
    const char *name;
    struct attention_choice choice;
} modes[] = {
    {"dense", {ATTENTION_DENSE, 1, 1, 1, 1}},
    {"monarch h1", {ATTENTION_MONARCH, 1, 1, 1, 1}},
    {"monarch h2", {ATTENTION_MONARCH, 1, 2, 1, 1}},
};
#define MODES (sizeof modes / sizeof modes[0])

/* What is counted, and how many of 100 clips must have it right. */
static const struct {
    const char *name;
    double bar;
    size_t offset; /* in struct scene_verdict */
} criteria[] = {
    {"colour", 95, offsetof(struct scene_verdict, colour_right)},
    {"direction", 90, offsetof(struct scene_verdict, motion_right)},
    {"shape", 80, offsetof(struct scene_verdict, shape_right)},
    {"background", 95, offsetof(struct scene_verdict, background_right)},
};
#define CRITERIA (sizeof criteria / sizeof criteria[0])
#define MONARCH_MAY_LOSE 3.0 /* points, against dense */

struct clip {
    uint8_t *rgb;
    int64_t frames, width, height;
};

static bool keep_frames(void *user, const struct event_frames *e, struct dn_error *err)
{
    struct clip *clip = user;
    size_t frame = (size_t)(e->width * e->height * 3);
    (void)err;
    clip->rgb = dn_realloc(clip->rgb, (size_t)(e->start + e->count), frame);
    memcpy(clip->rgb + (size_t)e->start * frame, e->rgb, (size_t)e->count * frame);
    clip->frames = e->start + e->count;
    clip->width = e->width;
    clip->height = e->height;
    return true;
}

static bool right(const struct scene_verdict *verdict, size_t criterion)
{
    return *(const bool *)((const char *)verdict + criteria[criterion].offset);
}

static void print_miss(const struct scene *scene, const struct scene_verdict *v, const char *mode,
                       int32_t index, const char *caption)
{
    bool all = true;
    for (size_t c = 0; c < CRITERIA; c++)
        all = all && right(v, c);
    if (all)
        return;
    printf("%d %s \"%s\":", (int)index, mode, caption);
    for (size_t c = 0; c < CRITERIA; c++)
        if (!right(v, c))
            printf(" %s", criteria[c].name);
    printf("; seen on %s", v->background < 0 ? "?" : scene_background_name(v->background));
    for (int32_t i = 0; i < scene->count; i++)
        printf(", %s %s %s", v->colour[i] < 0 ? "?" : scene_colour_name(v->colour[i]),
               v->shape[i] < 0 ? "?" : scene_shape_name(v->shape[i]),
               v->motion[i] < 0 ? "?" : scene_motion_name(v->motion[i]));
    putchar('\n');
}

struct quality {
    struct job job;
    struct quality_args args;
    struct pipeline *pipeline;
    int64_t hits[MODES][CRITERIA];
};

static bool judge_one(struct quality *q, int32_t index, size_t mode, struct dn_error *err)
{
    struct request *r = &q->job.settings.request;
    const struct pipeline_inputs none = {0};
    struct clip clip = {0};
    const struct pipeline_events events = {.user = &clip, .frames = keep_frames};
    struct scene scene;
    char caption[512];
    scene_heldout(index, &scene);
    scene_caption(&scene, (uint32_t)index, caption, sizeof caption, NULL);
    free(r->prompt);
    r->prompt = dn_strdup(caption);
    r->seed = (uint64_t)index;
    r->attention = modes[mode].choice;
    bool ok = pipeline_run(q->pipeline, r, &none, &events, command_stop(), err);
    if (ok) {
        struct scene_verdict verdict;
        scene_judge_clip(&scene, clip.rgb, (int)clip.frames, (int)clip.width, (int)clip.height,
                         &verdict);
        for (size_t c = 0; c < CRITERIA; c++)
            q->hits[mode][c] += right(&verdict, c);
        if (q->args.misses)
            print_miss(&scene, &verdict, modes[mode].name, index, caption);
    }
    free(clip.rgb);
    return ok;
}

/* Prints the table; true when every bar is met. */
static bool report(const struct quality *q)
{
    bool good = true;
    printf("%lld held-out prompts, right in %%\n%-12s", (long long)q->args.clips, "");
    for (size_t c = 0; c < CRITERIA; c++)
        printf(" %10s", criteria[c].name);
    putchar('\n');
    for (size_t m = 0; m < MODES; m++) {
        printf("%-12s", modes[m].name);
        for (size_t c = 0; c < CRITERIA; c++) {
            double share = 100.0 * (double)q->hits[m][c] / (double)q->args.clips;
            double dense = 100.0 * (double)q->hits[0][c] / (double)q->args.clips;
            bool met = share >= criteria[c].bar && share >= dense - MONARCH_MAY_LOSE;
            printf(" %9.1f%c", share, met ? ' ' : '!');
            good = good && met;
        }
        putchar('\n');
    }
    printf("%-12s", "wanted");
    for (size_t c = 0; c < CRITERIA; c++)
        printf(" %9.0f ", criteria[c].bar);
    printf("\n%s\n", good ? "every bar is met" : "! misses its bar, or is 3 points behind dense");
    return good;
}

static int run_quality(int argc, char **argv)
{
    struct quality q = {0};
    struct dn_error err;
    const struct pipeline_needs needs = {.text = true};
    int words = 0;
    bool good = false;
    command_catch_signals();
    option_defaults(own_rows, OWN_COUNT, &q.args);
    bool ok = job_settings(&q.job, &usage, &q.args, argc, argv, &words, &err) &&
              job_open(&q.job, MODEL_NEEDS_ALL, &err) &&
              pipeline_open(&q.job.dir, &needs, q.job.ops, q.job.ex, &q.pipeline, &err);
    for (int32_t i = 0; ok && i < q.args.clips; i++)
        for (size_t m = 0; ok && m < MODES; m++)
            ok = judge_one(&q, i, m, &err);
    if (ok)
        good = report(&q);
    pipeline_close(q.pipeline);
    option_free(own_rows, OWN_COUNT, &q.args);
    job_close(&q.job);
    if (!ok)
        return command_fail("quality", &err);
    return good ? EXIT_DONE : EXIT_FAILED;
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_quality_entry = {
    .name = "quality",
    .summary = "Judge the demo model on prompts that it never saw",
    .synopsis = "[--clips N] [OPTIONS]",
    .details =
        "Generates a clip for each of N held-out prompts with dense attention and with Monarch\n"
        "attention at h_reduce 1 and 2, looks at the pixels, and counts how often colour, direction\n"
        "of motion, shape and background are as the prompt says. The exit status is 1 when a count\n"
        "is below its bar. Only models trained on the drawn scenes can be judged so.",
    .print_options = print_options,
    .computes = true,
    .run = run_quality,
};
