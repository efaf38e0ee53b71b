/* doctor_machine: the CPU, memory and GPU sections of doctor. */
#define _GNU_SOURCE
#include <dirent.h>
#include <omp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/safetext.h"
#include "commands/doctor.h"
#include "commands/proc_facts.h"
#include "engine/gpu_gauges.h"
#include "kernels/ops.h"

void doctor_outside(struct strbuf *out, const char *text)
{
    char safe[200];
    dn_safetext(safe, sizeof safe, text, strlen(text));
    strbuf_append_text(out, safe);
}

static void set_outside(json_t *object, const char *key, const char *text)
{
    char safe[200];
    dn_safetext(safe, sizeof safe, text, strlen(text));
    json_object_set_new(object, key, json_string(safe));
}

/* As whole words in the flags of /proc/cpuinfo. */
static bool has_flag(const char *flags, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = flags; (at = strstr(at, name)) != NULL; at += length)
        if ((at == flags || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

static const struct {
    const char *name, *flag;
} features[] = {{"avx2", "avx2"},
                {"avx512f", "avx512f"},
                {"avx512_bf16", "avx512_bf16"},
                {"amx_bf16", "amx_bf16"}};

static void cpu_features(struct doctor_finding *f)
{
    char flags[4096];
    json_t *object = json_object();
    proc_value("/proc/cpuinfo", "flags", flags, sizeof flags);
    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++) {
        bool has = has_flag(flags, features[i].flag);
        strbuf_printf(&f->text, "%s%s%s", i ? ", " : "", has ? "" : "no ", features[i].name);
        json_object_set_new(object, features[i].name, json_boolean(has));
    }
    json_object_set_new(f->json, "features", object);
}

/* Opens the backend as a run would. */
static void cpu_backend(struct doctor_finding *f)
{
    const struct ops *ops;
    struct exec *ex = NULL;
    struct dn_error err;
    struct exec_options options = {0};
    bool ok = ops_select("cpu", &ops, &err);
    if (ok) {
        options.dtype = ops->best_dtype();
        ok = ops->open(&options, &ex, &err);
    }
    if (ok) {
        const char *dtype = options.dtype == DTYPE_BF16 ? "bf16" : "f32";
        strbuf_printf(&f->text, "\nmultiplies fastest in %s, with %d thread%s", dtype,
                      omp_get_max_threads(), omp_get_max_threads() == 1 ? "" : "s");
        json_object_set_new(f->json, "dtype", json_string(dtype));
        json_object_set_new(f->json, "threads", json_integer(omp_get_max_threads()));
        ops->close(ex);
    } else {
        strbuf_printf(&f->text, "\nBROKEN: %s", err.message);
        json_object_set_new(f->json, "error", json_string(err.message));
    }
    f->broken = !ok;
}

void doctor_cpu(struct doctor_finding *f)
{
    char model[256];
    cpu_set_t set;
    long all = sysconf(_SC_NPROCESSORS_ONLN);
    int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : (int)all;
    if (!proc_value("/proc/cpuinfo", "model name", model, sizeof model))
        snprintf(model, sizeof model, "unknown model");
    doctor_outside(&f->text, model);
    strbuf_printf(&f->text, ", %d of %ld cores may be used\n", cores, all);
    set_outside(f->json, "model", model);
    json_object_set_new(f->json, "cores", json_integer(cores));
    json_object_set_new(f->json, "cores_online", json_integer(all));
    cpu_features(f);
    cpu_backend(f);
}

void doctor_memory(struct doctor_finding *f)
{
    int64_t total = proc_memory_total(), available = proc_memory_available();
    strbuf_printf(&f->text, "%.1f GiB, %.1f GiB of it free", (double)total / 0x1p30,
                  (double)available / 0x1p30);
    json_object_set_new(f->json, "total_bytes", json_integer(total));
    json_object_set_new(f->json, "free_bytes", json_integer(available));
}

/* The first number with a dot of the driver's own version line. */
static bool driver_version(char *out, size_t size)
{
    char line[512] = "";
    FILE *file = fopen("/proc/driver/nvidia/version", "re");
    if (!file)
        return false;
    if (!fgets(line, sizeof line, file))
        line[0] = '\0';
    fclose(file);
    snprintf(out, size, "%s", "unknown version");
    for (char *word = strtok(line, " \t\n"); word; word = strtok(NULL, " \t\n"))
        if (word[0] >= '0' && word[0] <= '9' && strchr(word, '.')) {
            snprintf(out, size, "%s", word);
            break;
        }
    return true;
}

/* SHOWN_GPUS: that have room on one screen; JSON has all. */
enum { MAX_GPUS = 64, SHOWN_GPUS = 3, ASK_MS = 5000 };

static void list_gpus(json_t *list)
{
    static const char folder[] = "/proc/driver/nvidia/gpus";
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[512], model[256];
        snprintf(path, sizeof path, "%s/%s/information", folder, entries[i]->d_name);
        if (proc_value(path, "Model", model, sizeof model)) {
            char safe[256];
            dn_safetext(safe, sizeof safe, model, strlen(model));
            json_array_append_new(list, json_string(safe));
        }
        free(entries[i]);
    }
    free(entries);
}

/* How they are, by NVML; where there is none nothing is said. Returns how many it knows. */
static int gpu_readings(struct doctor_finding *f, struct strbuf *rows)
{
    struct gpu_reading readings[MAX_GPUS];
    struct dn_error err;
    char text[GPU_TEXT_SIZE];
    int count;
    json_t *list = json_array();
    if (!gpu_gauges_ask(readings, MAX_GPUS, ASK_MS, &count, &err) && err.code != DN_E_UNSUPPORTED) {
        strbuf_printf(rows, "\n%s", err.message);
        json_object_set_new(f->json, "nvml_error", json_string(err.message));
    }
    for (int i = 0; i < count; i++) {
        json_array_append_new(list, gpu_reading_to_json(&readings[i]));
        gpu_reading_text(&readings[i], true, text);
        if (i < SHOWN_GPUS)
            strbuf_printf(rows, "\n%s", text);
    }
    if (count > SHOWN_GPUS)
        strbuf_printf(rows, "\nand %d more", count - SHOWN_GPUS);
    json_object_set_new(f->json, "readings", list);
    return count;
}

/* What this build can do with a GPU, by asking for its backend. */
static void cuda_backend(struct doctor_finding *f)
{
    bool built = ops_has_cuda();
    strbuf_append_text(&f->text, built ? "\nthis build has a CUDA backend"
                                       : "\nno CUDA backend in this build");
    json_object_set_new(f->json, "cuda_backend", json_boolean(built));
}

void doctor_gpu(struct doctor_finding *f)
{
    char version[128];
    size_t i;
    struct strbuf rows = {0};
    json_t *list = json_array(), *name;
    int readings = gpu_readings(f, &rows);
    if (driver_version(version, sizeof version)) {
        strbuf_append_text(&f->text, "NVIDIA driver ");
        doctor_outside(&f->text, version);
        set_outside(f->json, "driver", version);
        list_gpus(list);
    } else {
        strbuf_append_text(&f->text, readings ? "NVIDIA, no driver in /proc"
                                              : "none: the CPU backend is used");
        json_object_set_new(f->json, "driver", json_null());
    }
    json_array_foreach(list, i, name)
    {
        if (!readings && i < SHOWN_GPUS)
            strbuf_printf(&f->text, "%s%s", i ? ", " : "; ", json_string_value(name));
    }
    strbuf_append_text(&f->text, strbuf_text(&rows));
    strbuf_done(&rows);
    json_object_set_new(f->json, "devices", list);
    cuda_backend(f);
}
