/* option_table: see option_table.h. The names of the sampler's options are the public projects'
 * where those read well as a flag; public_keys.c has the others. */
#include "config/option_table.h"

#include <assert.h>
#include <string.h>

#include "config/request.h"

#define AT(field) .offset = offsetof(struct request, field)
#define SECOND(field) .second = offsetof(struct request, field)
#define FEW_STEP "sampler=self_forcing,few_step"
#define MULTI_STEP "sampler=unipc,euler"

/* One field a line would hide the rows. */
/* clang-format off */
const struct option option_rows[] = {
    {.name = "prompt", .type = OPTION_TEXT, .group = GROUP_WHAT, AT(prompt), .max = 65536,
     .fallback = "", .argument = "TEXT",
     .help = "What to show. On the command line the first argument says it as well."},
    {.name = "negative", .type = OPTION_TEXT, .group = GROUP_WHAT, AT(negative), .max = 65536,
     .fallback = "", .argument = "TEXT", .needs = MULTI_STEP,
     .help = "What to stay away from; counts with guidance above 1."},
    {.name = "seed", .letter = 's', .type = OPTION_SEED, .group = GROUP_WHAT, AT(seed),
     .fallback = "0", .argument = "N",
     .help = "Start of the random numbers: the same request and seed give the same clip. "
             "\"random\" draws one, which is then shown and recorded."},
    {.name = "count", .letter = 'n', .type = OPTION_INT, .group = GROUP_WHAT, AT(count), .min = 1,
     .max = 10000, .fallback = "1", .argument = "N",
     .help = "Clips of each prompt, with the seeds SEED, SEED+1 and so on."},
    {.name = "frames", .type = OPTION_INT, .group = GROUP_WHAT, AT(frames), .min = 1,
     .max = 100001, .step = 4, .fallback = "81", .argument = "N", .unit = "frames",
     .help = "Length of the clip. The first latent frame gives one frame, each further one four."},
    {.name = "size", .type = OPTION_SIZE, .group = GROUP_WHAT, AT(width), SECOND(height), .min = 8,
     .max = 8192, .fallback = "832x480", .argument = "WxH", .unit = "px",
     .help = "Width and height. Both must be multiples of what the model asks for, 16 mostly."},
    {.name = "fps", .type = OPTION_DOUBLE, .group = GROUP_WHAT, AT(fps), .min = 1, .max = 240,
     .fallback = "16", .argument = "X", .unit = "frames/s",
     .help = "Speed at which the clip is to be played; the models are trained for 16."},
    {.name = "prompt-changes", .also = "at", .type = OPTION_CHANGES, .group = GROUP_WHAT,
     AT(prompt_changes), .max = 1 << 20, .fallback = "", .argument = "CHUNK:TEXT",
     .needs = "causal=true",
     .help = "What to show from a chunk on, as in --at \"3: a blue butterfly\". Chunks count from 0; "
             "given again it adds a further change."},
    {.name = "transition", .type = OPTION_INT, .group = GROUP_WHAT, AT(transition), .min = 0,
     .max = 1000, .fallback = "0", .argument = "N", .unit = "chunks", .needs = "causal=true",
     .help = "Chunks on the way from one prompt to the next, which blend both; 0 changes at once."},

    {.name = "model", .letter = 'm', .type = OPTION_PATH, .group = GROUP_MODEL, AT(model_dir),
     .argument = "DIR",
     .help = "Directory of the model. Without it the small model that comes with danaus is used."},
    {.name = "checkpoint", .type = OPTION_PATH, .group = GROUP_MODEL, AT(checkpoint),
     .argument = "FILE",
     .help = "Transformer weights to use instead of the directory's own, .pt or .safetensors."},
    {.name = "use-ema", .type = OPTION_BOOL, .group = GROUP_MODEL, AT(use_ema),
     .fallback = "true", .off = "no-ema",
     .help = "Take the averaged weights (generator_ema) when the checkpoint has them."},

    {.name = "sampler", .type = OPTION_WORD, .group = GROUP_SAMPLER, AT(sampler),
     .fallback = "self_forcing", .argument = "NAME",
     .choices = "self_forcing|few_step|unipc|euler",
     .help = "How noise becomes a clip: self_forcing goes chunk by chunk in few steps, few_step "
             "does the whole clip in few steps, unipc and euler take many steps with guidance."},
    {.name = "step-list", .type = OPTION_STEPS, .group = GROUP_SAMPLER, AT(denoising_steps),
     SECOND(denoising_step_count), .min = 0, .max = REQUEST_MAX_STEPS,
     .fallback = "1000,750,500,250", .argument = "N,N,...", .needs = FEW_STEP,
     .help = "Timesteps of the few-step samplers, falling."},
    {.name = "warp-denoising-step", .type = OPTION_BOOL, .group = GROUP_SAMPLER,
     AT(warp_denoising_step), .fallback = "true", .needs = FEW_STEP,
     .help = "Read the step list as places in the shifted table of timesteps: 750 becomes 937.5 "
             "with shift 5."},
    {.name = "shift", .type = OPTION_DOUBLE, .group = GROUP_SAMPLER, AT(timestep_shift),
     .min = 0.01, .max = 1000, .fallback = "5", .argument = "X",
     .help = "How far the timesteps are moved towards noise."},
    {.name = "steps", .type = OPTION_INT, .group = GROUP_SAMPLER, AT(sampling_steps), .min = 1,
     .max = REQUEST_MAX_STEPS, .fallback = "50", .argument = "N", .needs = MULTI_STEP,
     .help = "Steps of the samplers that take many. (The others walk the step list.)"},
    {.name = "guidance", .type = OPTION_DOUBLE, .group = GROUP_SAMPLER, AT(guidance), .min = 0,
     .max = 100, .fallback = "5", .argument = "X", .needs = MULTI_STEP,
     .help = "Classifier-free guidance of the samplers that take many steps: how strongly the "
             "prompt pulls. 1 is off and twice as fast."},
    {.name = "causal", .type = OPTION_BOOL, .group = GROUP_SAMPLER, AT(causal),
     .fallback = "true",
     .help = "Go chunk by chunk with a cache, for models trained so; otherwise every frame sees "
             "every other."},
    {.name = "frames-per-block", .type = OPTION_INT, .group = GROUP_SAMPLER, AT(frames_per_block),
     .min = 1, .max = 1024, .fallback = "3", .argument = "N", .unit = "latent frames",
     .needs = "causal=true", .help = "Length of a chunk."},
    {.name = "independent-first-frame", .type = OPTION_BOOL, .group = GROUP_SAMPLER,
     AT(independent_first_frame), .fallback = "false", .needs = "causal=true",
     .help = "Make the first latent frame a chunk of its own."},
    {.name = "context-noise", .type = OPTION_DOUBLE, .group = GROUP_SAMPLER, AT(context_noise),
     .min = 0, .max = 1000, .fallback = "0", .argument = "X", .needs = "causal=true",
     .help = "Timestep at which a finished chunk enters the cache."},
    {.name = "local-attn-size", .type = OPTION_INT, .group = GROUP_SAMPLER, AT(local_attn_size),
     .min = -1, .max = 100000, .fallback = "-1", .argument = "N", .unit = "latent frames",
     .needs = "causal=true",
     .help = "Length of the cache, this chunk included; -1 keeps all. Clips longer than it roll."},
    {.name = "sink-size", .type = OPTION_INT, .group = GROUP_SAMPLER, AT(sink_size), .min = 0,
     .max = 100000, .fallback = "0", .argument = "N", .unit = "latent frames",
     .needs = "causal=true", .help = "Frames at the start of the clip that a rolling cache keeps."},

    {.name = "attention", .type = OPTION_ENUM, .group = GROUP_ATTENTION, AT(attention.kind),
     .fallback = "dense", .argument = "KIND", .choices = "dense|monarch",
     .help = "dense is exact; monarch approximates it by two small factors and is faster."},
    {.name = "f-tied", .type = OPTION_INT, .group = GROUP_ATTENTION, AT(attention.f_tied),
     .min = 1, .max = 1024, .fallback = "1", .argument = "N", .unit = "latent frames",
     .needs = "attention=monarch", .help = "Frames that share a Monarch tile."},
    {.name = "h-reduce", .type = OPTION_INT, .group = GROUP_ATTENTION, AT(attention.h_reduce),
     .min = 1, .max = 1024, .fallback = "1", .argument = "N", .needs = "attention=monarch",
     .help = "Bands of rows that a frame's tiles are cut into: more is closer to dense, slower."},
    {.name = "w-reduce", .type = OPTION_INT, .group = GROUP_ATTENTION, AT(attention.w_reduce),
     .min = 1, .max = 1024, .fallback = "1", .argument = "N", .needs = "attention=monarch",
     .help = "Bands of columns, the same way."},
    {.name = "iters", .type = OPTION_INT, .group = GROUP_ATTENTION, AT(attention.num_iters),
     .min = 1, .max = 3, .fallback = "1", .argument = "N", .needs = "attention=monarch",
     .help = "Rounds in which the Monarch factors are refined."},
    {.name = "attention-rules", .type = OPTION_RULES, .group = GROUP_ATTENTION, AT(rules),
     SECOND(rule_count), .fallback = "", .argument = "RULES",
     .help = "Other attention for some steps and layers, as in \"steps 0 layers 0-3: dense; "
             "steps 1-: h2\". A choice is dense, monarch, or letters with numbers: f2h2w1i1 is "
             "Monarch with f-tied 2, h-reduce 2, w-reduce 1, iters 1, and what is not named is 1. "
             "Both count from 0; the pass that fills the cache comes after the last step. The "
             "last rule that matches holds."},

    {.name = "image", .letter = 'i', .type = OPTION_PATH, .group = GROUP_GIVEN, AT(image),
     .argument = "FILE", .help = "Picture to start from."},
    {.name = "extend", .type = OPTION_PATH, .group = GROUP_GIVEN, AT(extend), .argument = "FILE",
     .help = "Latents to go on from, as --save-latents writes them."},
    {.name = "context", .type = OPTION_PATH, .group = GROUP_GIVEN, AT(context),
     .argument = "FILE",
     .help = "Tensor context [text_len, D] that takes the place of the text encoder."},
    {.name = "noise", .type = OPTION_PATH, .group = GROUP_GIVEN, AT(noise), .argument = "FILE",
     .help = "Tensors noise [T,C,h,w] and, if present, renoise [chunks, steps-1, F,C,h,w] that "
             "take the place of the random numbers."},

    {.name = "output", .letter = 'o', .type = OPTION_PATH, .group = GROUP_OUTPUT, AT(output),
     .argument = "OUT",
     .help = "File ending in .mp4, .webm, .mov (ProRes), .gif, .apng, .webp or .safetensors, or a "
             "directory for one png a frame. Without it the name is made from the seed and the "
             "prompt."},
    {.name = "save-latents", .type = OPTION_PATH, .group = GROUP_OUTPUT, AT(save_latents),
     .argument = "FILE", .help = "Write the tensor latents [T,C,h,w] as well."},
    {.name = "force", .type = OPTION_BOOL, .group = GROUP_OUTPUT, AT(force), .fallback = "false",
     .help = "Replace files that exist."},
    {.name = "recipe", .type = OPTION_BOOL, .group = GROUP_OUTPUT, AT(embed_recipe),
     .fallback = "true",
     .help = "Write prompt, seed, model and settings into the file's metadata."},
    {.name = "quality", .type = OPTION_INT, .group = GROUP_OUTPUT, AT(quality), .min = 0,
     .max = 63, .fallback = "0", .argument = "N",
     .help = "The encoder's constant-quality number: lower is better and larger, 0 is the "
             "format's default."},

    {.name = "backend", .type = OPTION_WORD, .group = GROUP_MACHINE, AT(backend),
     .fallback = "auto", .argument = "NAME", .choices = "auto|cpu|cuda",
     .help = "What to compute on; auto is the GPU where there is one."},
    {.name = "dtype", .type = OPTION_WORD, .group = GROUP_MACHINE, AT(dtype), .fallback = "auto",
     .argument = "NAME", .choices = "auto|f32|bf16",
     .help = "Number format of the computation; auto is bf16 where the hardware has it."},
    {.name = "linear", .type = OPTION_WORD, .group = GROUP_MACHINE, AT(linear),
     .fallback = "plain", .argument = "NAME", .choices = "plain|fp8",
     .help = "fp8 halves the weights of the transformer's blocks and is faster on an H100 or H200, but "
             "the clip is a slightly other one: weights and activations are rounded to e4m3, with a "
             "factor a channel and a row. Other GPUs refuse it, a CPU only shows what differs. plain "
             "is as --dtype says."},
    {.name = "threads", .type = OPTION_INT, .group = GROUP_MACHINE, AT(threads), .min = 0,
     .max = 1024, .fallback = "0", .argument = "N", .help = "CPU threads; 0 is one a core."},
};
/* clang-format on */
const size_t option_count = sizeof option_rows / sizeof option_rows[0];
static_assert(sizeof option_rows / sizeof option_rows[0] <= OPTION_MAX, "raise OPTION_MAX");

const char *option_group_title(enum option_group group)
{
    static const char *const titles[GROUP_COUNT] = {
        [GROUP_WHAT] = "What to make",    [GROUP_MODEL] = "Model",
        [GROUP_SAMPLER] = "Sampler",      [GROUP_ATTENTION] = "Attention",
        [GROUP_GIVEN] = "Given material", [GROUP_OUTPUT] = "Output",
        [GROUP_MACHINE] = "Machine",      [GROUP_COMMAND] = "This command",
    };
    return titles[group];
}

static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        char x = *a == '_' ? '-' : *a;
        char y = *b == '_' ? '-' : *b;
        if (x != y)
            return false;
    }
    return *a == *b;
}

const struct option *option_find(const struct option *rows, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (same_name(rows[i].name, name))
            return &rows[i];
    return NULL;
}

void option_key(const struct option *option, char out[64])
{
    size_t i = 0;
    for (; option->name[i] && i < 63; i++)
        out[i] = option->name[i] == '-' ? '_' : option->name[i];
    out[i] = '\0';
}

enum { LONGEST_NAME = 48 };

/* Insertions, deletions, exchanges and swaps of neighbours that turn a into b. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][LONGEST_NAME + 1];
    size_t *before = rows[0], *above = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b_length; j++)
        above[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
        size_t *oldest = before;
        before = above;
        above = now;
        now = oldest;
    }
    return above[b_length];
}

const char *option_nearer(const char *text, const char *candidate, const char *best,
                          size_t *distance)
{
    size_t text_length = strnlen(text, LONGEST_NAME + 1), length = strlen(candidate);
    if (text_length < 2 || text_length > LONGEST_NAME || length > LONGEST_NAME)
        return best;
    size_t d = edit_distance(text, text_length, candidate, length);
    /* a typed beginning ("--neg") is as good as one slip */
    if (text_length >= 3 && strncmp(text, candidate, text_length) == 0)
        d = 1;
    if (d >= *distance || d > 1 + text_length / 4)
        return best;
    *distance = d;
    return candidate;
}
