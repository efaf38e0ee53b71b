/* gpu_gauges: what NVIDIA's management library (NVML) tells of the GPUs. It is loaded when it is
 * asked for and is no part of the build; where there is none, that is no error worth a word.
 *
 * Every call may block for long (a driver that starts, or hangs): only threads and processes that
 * nobody waits for without a limit may make them. */
#ifndef DANAUS_ENGINE_GPU_GAUGES_H
#define DANAUS_ENGINE_GPU_GAUGES_H

#include <stdbool.h>

#include "base/error.h"
#include "base/gpu_reading.h"

struct gpu_gauges;

/* False: there is no NVML (DN_E_UNSUPPORTED), or it does not work. */
bool gpu_gauges_open(struct gpu_gauges **out, struct dn_error *err);
void gpu_gauges_close(struct gpu_gauges *g); /* NULL is allowed */

int gpu_gauges_count(const struct gpu_gauges *g);
/* The GPU with this number, from 0. False: it cannot be found. What it does not tell, and what this
 * NVML cannot ask, is not known in *r; that is no error. */
bool gpu_gauges_read(const struct gpu_gauges *g, int number, struct gpu_reading *r,
                     struct dn_error *err);
/* The one at this place on the bus. */
bool gpu_gauges_read_at(const struct gpu_gauges *g, const char *pci, struct gpu_reading *r,
                        struct dn_error *err);

/* Where CUDA's device lies on the bus: CUDA counts only those that CUDA_VISIBLE_DEVICES shows, and
 * in an order of its own. Makes no context. False: there is no such device. */
bool gpu_gauges_place(int device, char pci[32]);

/* Reads all (at most max of them) in a process of its own that has timeout_ms. *count: how many.
 * False as gpu_gauges_open(), or it took too long. */
bool gpu_gauges_ask(struct gpu_reading *list, int max, int timeout_ms, int *count,
                    struct dn_error *err);

#endif
