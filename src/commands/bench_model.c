/* bench_model: the model that is measured, and the temporary files of a synthetic one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/paths.h"
#include "base/safetext.h"
#include "commands/bench.h"
#include "commands/proc_facts.h"
#include "model/transformer.h"

#define GIB 0x1p30
#define VAE_BYTES 260e6          /* the public VAE in bf16, both halves */
#define WORK_BYTES (1.25 * GIB)  /* decoder, cache and activations at a reduced size */
#define TMPFS_TYPE 0x01021994    /* statfs(2): files there are memory */

static const char *const model_files[] = {"config.json", "diffusion_pytorch_model.safetensors",
                                          "Wan2.1_VAE.safetensors",
                                          "diffusion_pytorch_model.safetensors.part",
                                          "Wan2.1_VAE.safetensors.part"};

char *bench_model_file(const struct bench_model *m, const char *name)
{
    return dn_path_join(m->temporary, name);
}

static bool make_temporary(struct bench_model *m, struct dn_error *err)
{
    const char *below = getenv("TMPDIR");
    char *path = dn_path_join(below && below[0] ? below : "/tmp", "danaus-bench-XXXXXX");
    if (mkdtemp(path)) {
        m->temporary = path;
        return true;
    }
    dn_fail(err, DN_E_IO, "cannot make a directory like %s: %s", path, strerror(errno));
    dn_error_hint(err, "set TMPDIR to a directory that can be written");
    free(path);
    return false;
}

static bool unknown(const char *name, struct dn_error *err)
{
    char names[160] = "demo";
    for (const struct synthetic_size *s = synthetic_sizes; s->name; s++) {
        size_t n = strlen(names);
        snprintf(names + n, sizeof names - n, ", %s", s->name);
    }
    dn_fail(err, DN_E_ARG, "no model is called %s", name);
    return dn_error_hint(err, "--model is %s or a model's directory", names);
}

bool bench_model_choose(struct bench_model *m, const char *name, struct dn_error *err)
{
    struct stat st;
    m->name = name;
    m->synthetic = synthetic_find(name);
    if (!m->synthetic && strcmp(name, "demo") == 0) {
        m->dir = dn_find_share("demo");
        if (!m->dir)
            return dn_fail(err, DN_E_MODEL, "the demo model is not installed");
    } else if (!m->synthetic) {
        if (stat(name, &st) != 0 || !S_ISDIR(st.st_mode))
            return unknown(name, err);
        m->dir = dn_strdup(name);
    }
    if (!make_temporary(m, err))
        return false;
    if (m->synthetic)
        m->dir = dn_strdup(m->temporary);
    return true;
}

static bool count_tensor(void *context, const char *name, int ndim, const int64_t *shape)
{
    double elements = 1;
    (void)name;
    for (int i = 0; i < ndim; i++)
        elements *= (double)shape[i];
    *(double *)context += elements;
    return true;
}

static double count_parameters(const struct synthetic_size *s)
{
    const struct transformer_config config = {.dim = s->dim, .ffn_dim = s->ffn_dim,
                                              .freq_dim = s->freq_dim, .text_dim = s->text_dim,
                                              .heads = s->heads, .layers = s->layers,
                                              .channels = 16, .text_len = s->text_len};
    double count = 0;
    transformer_each_tensor(&config, count_tensor, &count);
    return count;
}

static bool check_room(const struct bench_model *m, double disk, double memory,
                       struct dn_error *err)
{
    struct statvfs space;
    struct statfs kind;
    double available = (double)proc_memory_available();
    if (statfs(m->temporary, &kind) == 0 && (unsigned long)kind.f_type == TMPFS_TYPE)
        memory += disk;
    if (available > 0 && available < memory) {
        dn_fail(err, DN_E_MODEL, "%s needs %.1f GiB of memory, %.1f GiB are free", m->name,
                memory / GIB, available / GIB);
        return dn_error_hint(err, "choose a smaller model, or bf16 where it was f32");
    }
    if (statvfs(m->temporary, &space) == 0) {
        double left = (double)space.f_bavail * (double)space.f_frsize;
        if (left < disk * 1.02) {
            dn_fail(err, DN_E_IO, "%s needs %.1f GiB of disk for its weights, %.1f GiB are free",
                    m->name, disk * 1.02 / GIB, left / GIB);
            return dn_error_hint(err, "set TMPDIR to a directory with more room");
        }
    }
    return true;
}

bool bench_model_write(const struct bench_model *m, enum dtype dtype, struct dn_error *err)
{
    if (!m->synthetic)
        return true;
    double parameters = count_parameters(m->synthetic), disk = parameters * 2 + VAE_BYTES;
    double memory = (parameters * 2 + VAE_BYTES) * (dtype == DTYPE_F32 ? 2 : 1) + WORK_BYTES;
    if (!check_room(m, disk, memory, err))
        return false;
    char *safe = dn_safetext_dup(m->temporary, strlen(m->temporary));
    fprintf(stderr, "danaus bench: writing random weights of %s, %.1f GiB, to %s for the time being\n",
            m->name, disk / GIB, safe);
    free(safe);
    return synthetic_write(m->synthetic, m->temporary, err);
}

void bench_model_drop_files(const struct bench_model *m)
{
    for (size_t i = 0; m->temporary && i < sizeof model_files / sizeof model_files[0]; i++) {
        char *path = bench_model_file(m, model_files[i]);
        unlink(path);
        free(path);
    }
}

void bench_model_done(struct bench_model *m)
{
    if (m->temporary) {
        bench_model_drop_files(m);
        char *clip = bench_model_file(m, "clip.mp4");
        unlink(clip);
        free(clip);
        rmdir(m->temporary);
    }
    free(m->temporary);
    free(m->dir);
    *m = (struct bench_model){0};
}
