/* gpu_gauges: see gpu_gauges.h. Declarations after the public references of the NVML API
 * (docs.nvidia.com/deploy/nvml-api) and of CUDA's driver API (docs.nvidia.com/cuda). */
#define _GNU_SOURCE
#include "engine/gpu_gauges.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/safetext.h"

/* --- NVML --- */

struct nvml_device;
struct nvml_memory {
    unsigned long long total, free, used; /* bytes */
};
struct nvml_busy {
    unsigned gpu, memory; /* percent of the time */
};
enum { NVML_SUCCESS = 0, NVML_SENSOR_GPU = 0 };

struct nvml {
    int (*init)(void);
    int (*shutdown)(void);
    const char *(*error_text)(int result);
    int (*count)(unsigned *count);
    int (*by_number)(unsigned number, struct nvml_device **device);
    int (*by_place)(const char *pci, struct nvml_device **device);
    int (*name)(struct nvml_device *device, char *name, unsigned size);
    int (*celsius)(struct nvml_device *device, int sensor, unsigned *celsius);
    int (*memory)(struct nvml_device *device, struct nvml_memory *memory);
    int (*busy)(struct nvml_device *device, struct nvml_busy *busy);
    int (*power)(struct nvml_device *device, unsigned *milliwatts);
};

/* A function of a library and where its pointer goes. */
struct symbol {
    const char *name;
    size_t at;
    bool needed; /* without it the library is of no use */
};

#define AT(field) offsetof(struct nvml, field)
static const struct symbol nvml_symbols[] = {
    {"nvmlInit_v2", AT(init), true},
    {"nvmlShutdown", AT(shutdown), true},
    {"nvmlDeviceGetCount_v2", AT(count), true},
    {"nvmlDeviceGetHandleByIndex_v2", AT(by_number), true},
    {"nvmlDeviceGetHandleByPciBusId_v2", AT(by_place), true},
    {"nvmlErrorString", AT(error_text), false},
    {"nvmlDeviceGetName", AT(name), false},
    {"nvmlDeviceGetTemperature", AT(celsius), false},
    {"nvmlDeviceGetMemoryInfo", AT(memory), false},
    {"nvmlDeviceGetUtilizationRates", AT(busy), false},
    {"nvmlDeviceGetPowerUsage", AT(power), false},
};
#undef AT
enum { NVML_SYMBOLS = sizeof nvml_symbols / sizeof nvml_symbols[0] };

struct gpu_gauges {
    void *library;
    struct nvml nvml;
    unsigned count;
    bool started;
};

/* Fills table, a struct of function pointers. The library, NULL: it is not there, or lacks what is
 * needed. */
static void *load(const char *file, const struct symbol *symbols, size_t count, void *table,
                  struct dn_error *err)
{
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        dn_fail(err, DN_E_UNSUPPORTED, "there is no %s", file);
    for (size_t i = 0; library && i < count; i++) {
        void *function = dlsym(library, symbols[i].name);
        memcpy((char *)table + symbols[i].at, &function, sizeof function);
        if (!function && symbols[i].needed) {
            dn_fail(err, DN_E_BACKEND, "%s has no %s", file, symbols[i].name);
            dlclose(library);
            library = NULL;
        }
    }
    return library;
}

static bool fail(const struct gpu_gauges *g, const char *what, int result, struct dn_error *err)
{
    const char *text = g->nvml.error_text ? g->nvml.error_text(result) : NULL;
    char safe[128] = "";
    if (text)
        dn_safetext(safe, sizeof safe, text, strlen(text));
    return dn_fail(err, DN_E_BACKEND, "NVML %s: %s (%d)", what, text ? safe : "error", result);
}

bool gpu_gauges_open(struct gpu_gauges **out, struct dn_error *err)
{
    struct gpu_gauges *g = dn_calloc(1, sizeof *g);
    *out = NULL;
    g->library = load("libnvidia-ml.so.1", nvml_symbols, NVML_SYMBOLS, &g->nvml, err);
    int result = g->library ? g->nvml.init() : NVML_SUCCESS;
    g->started = g->library && result == NVML_SUCCESS;
    if (g->started)
        result = g->nvml.count(&g->count);
    if (g->library && result != NVML_SUCCESS)
        fail(g, g->started ? "counts no GPUs" : "does not start", result, err);
    if (!g->library || result != NVML_SUCCESS) {
        gpu_gauges_close(g);
        return false;
    }
    *out = g;
    return true;
}

void gpu_gauges_close(struct gpu_gauges *g)
{
    if (g && g->started)
        g->nvml.shutdown();
    if (g && g->library)
        dlclose(g->library);
    free(g);
}

int gpu_gauges_count(const struct gpu_gauges *g)
{
    return (int)g->count;
}

static void read_device(const struct nvml *n, struct nvml_device *device, struct gpu_reading *r)
{
    char name[96] = "";
    unsigned number;
    struct nvml_memory memory;
    struct nvml_busy busy;
    if (n->name && n->name(device, name, sizeof name) == NVML_SUCCESS)
        dn_safetext(r->name, sizeof r->name, name, strnlen(name, sizeof name));
    if (n->celsius && n->celsius(device, NVML_SENSOR_GPU, &number) == NVML_SUCCESS)
        r->celsius = number;
    if (n->memory && n->memory(device, &memory) == NVML_SUCCESS) {
        r->used_bytes = (int64_t)memory.used;
        r->total_bytes = (int64_t)memory.total;
    }
    if (n->busy && n->busy(device, &busy) == NVML_SUCCESS)
        r->busy_percent = busy.gpu;
    if (n->power && n->power(device, &number) == NVML_SUCCESS)
        r->watts = number / 1e3;
}

bool gpu_gauges_read(const struct gpu_gauges *g, int number, struct gpu_reading *r,
                     struct dn_error *err)
{
    struct nvml_device *device;
    gpu_reading_init(r);
    int result = g->nvml.by_number((unsigned)number, &device);
    if (result != NVML_SUCCESS)
        return fail(g, "does not find the GPU", result, err);
    read_device(&g->nvml, device, r);
    return true;
}

bool gpu_gauges_read_at(const struct gpu_gauges *g, const char *pci, struct gpu_reading *r,
                        struct dn_error *err)
{
    struct nvml_device *device;
    gpu_reading_init(r);
    int result = g->nvml.by_place(pci, &device);
    if (result != NVML_SUCCESS)
        return fail(g, "does not find the GPU", result, err);
    read_device(&g->nvml, device, r);
    return true;
}

/* --- CUDA's driver --- */

struct cuda {
    int (*init)(unsigned flags);
    int (*device)(int *device, int number);
    int (*place)(char *pci, int size, int device);
};

static const struct symbol cuda_symbols[] = {
    {"cuInit", offsetof(struct cuda, init), true},
    {"cuDeviceGet", offsetof(struct cuda, device), true},
    {"cuDeviceGetPCIBusId", offsetof(struct cuda, place), true},
};

bool gpu_gauges_place(int number, char pci[32])
{
    struct cuda cuda;
    struct dn_error ignored;
    int device;
    void *library = load("libcuda.so.1", cuda_symbols, sizeof cuda_symbols / sizeof cuda_symbols[0],
                         &cuda, &ignored);
    /* it stays loaded: the driver does not like to be unloaded */
    return library && cuda.init(0) == 0 && cuda.device(&device, number) == 0 &&
           cuda.place(pci, 32, device) == 0;
}

/* --- in a process of its own --- */

struct answer {
    bool ok;
    struct dn_error err;
    int count;
};

static bool write_all(int fd, const void *bytes, size_t size)
{
    const char *p = bytes;
    for (ssize_t n; size > 0; p += n, size -= (size_t)n)
        if ((n = write(fd, p, size)) <= 0)
            return false;
    return true;
}

static void answer(int fd, int max)
{
    struct answer a = {.ok = false};
    struct gpu_gauges *g;
    struct gpu_reading *list = dn_calloc((size_t)max, sizeof *list);
    a.ok = gpu_gauges_open(&g, &a.err);
    for (int i = 0; a.ok && i < gpu_gauges_count(g) && a.count < max; i++) {
        struct dn_error lost; /* one that fell off the bus: the others are told of */
        a.count += gpu_gauges_read(g, i, &list[a.count], &lost);
    }
    write_all(fd, &a, sizeof a);
    write_all(fd, list, (size_t)a.count * sizeof *list);
}

/* Whole or not at all, by end_ms. */
static bool read_all(int fd, void *bytes, size_t size, int64_t end_ms)
{
    char *p = bytes;
    while (size > 0) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int64_t left = end_ms - dn_now_ms();
        int come = left > 0 ? poll(&ready, 1, (int)left) : 0;
        if (come < 0 && errno == EINTR)
            continue;
        ssize_t n = come > 0 ? read(fd, p, size) : 0;
        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

bool gpu_gauges_ask(struct gpu_reading *list, int max, int timeout_ms, int *count,
                    struct dn_error *err)
{
    int ends[2];
    struct answer a = {.ok = false};
    int64_t end_ms = dn_now_ms() + timeout_ms;
    *count = 0;
    if (pipe(ends) != 0)
        return dn_fail(err, DN_E_IO, "no pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        answer(ends[1], max);
        _exit(0);
    }
    close(ends[1]);
    bool come = pid > 0 && read_all(ends[0], &a, sizeof a, end_ms) && a.count <= max &&
                read_all(ends[0], list, (size_t)a.count * sizeof *list, end_ms);
    close(ends[0]);
    if (pid > 0) {
        kill(pid, SIGKILL);
        /* one that hangs in the driver does not even die: it is left behind */
        waitpid(pid, NULL, come ? 0 : WNOHANG);
    }
    if (!come)
        return dn_fail(err, DN_E_BACKEND, "NVML gave no answer within %d s", timeout_ms / 1000);
    *count = a.count;
    if (!a.ok)
        *err = a.err;
    return a.ok;
}
