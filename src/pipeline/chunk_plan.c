/* chunk_plan: see chunk_plan.h */
#include "pipeline/chunk_plan.h"

#include <inttypes.h>

bool chunk_plan_make(struct chunk_plan *plan, bool causal, int64_t wanted, int64_t given,
                     int64_t block, bool first_alone, struct dn_error *err)
{
    if (given >= wanted)
        return dn_fail(err, DN_E_ARG,
                       "%" PRId64 " latent frames are given and only %" PRId64
                       " wanted in all: nothing is left to make",
                       given, wanted);
    if (!causal) {
        if (given)
            return dn_fail(err, DN_E_UNSUPPORTED,
                           "this sampler makes a clip as a whole and cannot go on from given "
                           "frames");
        *plan = (struct chunk_plan){.block = wanted, .total = wanted};
        return true;
    }
    if (given && !first_alone && given % block && (given - 1) % block == 0)
        first_alone = true;
    int64_t alone = first_alone ? 1 : 0;
    if (given && (given - alone) % block) {
        int64_t fits = (given - alone) / block * block + alone;
        dn_fail(err, DN_E_ARG,
                "%" PRId64 " given latent frames are no whole number of chunks of %" PRId64, given,
                block);
        return dn_error_hint(err, "give %" PRId64 " or %" PRId64 " latent frames", fits,
                             fits + block);
    }
    int64_t rest = wanted - alone;
    *plan = (struct chunk_plan){
        .block = block, .given = given, .done = given, .first_alone = first_alone};
    plan->total = (rest + block - 1) / block * block + alone;
    return true;
}

static int64_t chunks_of(const struct chunk_plan *plan, int64_t frames)
{
    int64_t alone = plan->first_alone ? 1 : 0;
    return frames == 0 ? 0 : (frames - alone) / plan->block + alone;
}

int64_t chunk_plan_resume(struct chunk_plan *plan, int64_t frames)
{
    int64_t alone = plan->first_alone ? 1 : 0;
    if (frames > plan->total)
        frames = plan->total;
    if (frames > alone)
        frames = (frames - alone) / plan->block * plan->block + alone;
    else if (frames < alone)
        frames = 0;
    if (frames > plan->given)
        plan->done = frames;
    return plan->done;
}

int64_t chunk_plan_count(const struct chunk_plan *plan)
{
    return chunks_of(plan, plan->total);
}

int64_t chunk_plan_given_count(const struct chunk_plan *plan)
{
    return chunks_of(plan, plan->given);
}

int64_t chunk_plan_done_count(const struct chunk_plan *plan)
{
    return chunks_of(plan, plan->done);
}

struct chunk chunk_plan_at(const struct chunk_plan *plan, int64_t i)
{
    struct chunk c = {.start = i * plan->block, .frames = plan->block};
    if (plan->first_alone) {
        c.start = i == 0 ? 0 : (i - 1) * plan->block + 1;
        c.frames = i == 0 ? 1 : plan->block;
    }
    c.given = c.start < plan->given;
    return c;
}
