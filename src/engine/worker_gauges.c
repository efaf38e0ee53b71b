/* worker_gauges: the worker's GPU, told to the engine every few seconds by a thread of its own:
 * NVML may block, which then costs nobody more than the readings. */
#include <pthread.h>
#include <unistd.h>

#include "engine/gpu_gauges.h"
#include "engine/worker_internal.h"

enum { EVERY_S = 2 };

static void *watch(void *context)
{
    struct worker *w = context;
    struct gpu_gauges *gauges;
    struct gpu_reading reading;
    struct dn_error ignored; /* a worker computes as well without it */
    char pci[32];
    if (!gpu_gauges_place(w->options.device, pci) || !gpu_gauges_open(&gauges, &ignored))
        return NULL;
    for (;; sleep(EVERY_S))
        if (gpu_gauges_read_at(gauges, pci, &reading, &ignored))
            worker_tell(
                w, json_pack("{s:s, s:o}", "type", "gpu", "gpu", gpu_reading_to_json(&reading)));
    return NULL;
}

void worker_watch_gpu(struct worker *w)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, watch, w) == 0)
        pthread_detach(thread);
}
