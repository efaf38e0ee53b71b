/* Given material from files. */
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "format/safetensors_write.h"
#include "pipeline/pipeline_inputs.h"

#define PATH "/tmp/danaus-test-inputs.safetensors"

static const float ones[64] = {1, 2, 3};

/* Writes a file of one or two tensors (b NULL: one) of shape [2, 2, ...]. */
static void write_file(const char *a, int a_ndim, const char *b, int b_ndim, const float *values)
{
    static const int64_t twos[8] = {2, 2, 2, 2, 2, 2, 2, 2};
    struct safetensors_writer *w = safetensors_writer_new();
    struct dn_error err;
    safetensors_writer_tensor(w, a, DTYPE_F32, a_ndim, twos, values);
    if (b)
        safetensors_writer_tensor(w, b, DTYPE_F32, b_ndim, twos, values);
    CHECK_OK(safetensors_writer_finish(w, PATH, true, &err), err);
    safetensors_writer_free(w);
}

enum which { CONTEXT, NOISE, EXTEND };

static bool load(enum which which, struct pipeline_inputs *in, struct dn_error *err)
{
    struct request r = {0};
    char *path = PATH;
    if (which == CONTEXT)
        r.context = path;
    else if (which == NOISE)
        r.noise = path;
    else
        r.extend = path;
    return pipeline_inputs_load(&r, in, err);
}

TEST(what_is_there)
{
    struct pipeline_inputs in;
    struct dn_error err;
    struct request nothing = {0};
    CHECK_OK(pipeline_inputs_load(&nothing, &in, &err), err);
    CHECK(!in.context.data && !in.noise.data && !in.latents.data);
    pipeline_inputs_done(&in);

    write_file("context", 2, "negative", 2, ones);
    CHECK_OK(load(CONTEXT, &in, &err), err);
    CHECK(in.context.ndim == 2 && in.context.shape[1] == 2 && in.negative.data);
    CHECK(((float *)in.context.data)[1] == 2.0f);
    pipeline_inputs_done(&in);

    write_file("noise", 4, "renoise", 6, ones);
    CHECK_OK(load(NOISE, &in, &err), err);
    CHECK(in.noise.ndim == 4 && in.renoise.ndim == 6);
    pipeline_inputs_done(&in);

    write_file("latents", 4, NULL, 0, ones);
    CHECK_OK(load(EXTEND, &in, &err), err);
    CHECK(in.latents.ndim == 4);
    pipeline_inputs_done(&in);
    remove(PATH);
}

TEST(what_does_not_fit)
{
    static const struct {
        const char *name;
        int ndim;
        enum which which;
        const char *says;
    } cases[] = {
        {"contexts", 2, CONTEXT, "tensor context is missing"},
        {"context", 3, CONTEXT, "tensor context has 3 dimensions, needs 2"},
        {"noise", 5, NOISE, "tensor noise has 5 dimensions, needs 4"},
        {"noises", 4, NOISE, "tensor noise is missing"},
        {"latents", 3, EXTEND, "tensor latents has 3 dimensions, needs 4"},
    };
    struct pipeline_inputs in;
    struct dn_error err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(cases[i].name, cases[i].ndim, NULL, 0, ones);
        CHECK(!load(cases[i].which, &in, &err));
        CHECK_MSG(strstr(err.message, cases[i].says) != NULL, "%s", err.message);
        pipeline_inputs_done(&in);
    }
    float broken[64] = {0};
    broken[3] = NAN;
    write_file("latents", 4, NULL, 0, broken);
    CHECK(!load(EXTEND, &in, &err));
    pipeline_inputs_done(&in);
    remove(PATH);
    CHECK(!load(EXTEND, &in, &err) && err.code == DN_E_IO);
}

TESTS(T(what_is_there), T(what_does_not_fit))
