/* server_sweep: what workers that were killed left beside the files that they wrote. A job that
 * goes on sweeps for itself; here it is done for those that never do: cancelled, set aside. */
#include <stdlib.h>

#include "base/log.h"
#include "engine/output_file.h"
#include "engine/server_internal.h"
#include "store/file_tree.h"

void job_sweep(struct server *s, int64_t id)
{
    struct clip clip;
    struct dn_error err;
    int64_t removed = 0;
    if (!catalog_get_clip(s->catalog, id, &clip, &err)) {
        dn_warn("%s", err.message);
        return;
    }
    char *folder = clip_folder_path(s->catalog, &clip);
    json_t *request = json_loads(clip.request_json, 0, NULL);
    if (!tree_sweep(folder, &removed, &err))
        dn_warn("%s", err.message);
    output_file_sweep(protocol_text(request, "output"), protocol_text(request, "save_latents"));
    json_decref(request);
    free(folder);
    clip_done(&clip);
}

bool jobs_sweep(struct server *s, struct dn_error *err)
{
    enum { AT_MOST = MAX_WORKERS };
    /* those that ran, and those that were just being stopped */
    const unsigned states = 1u << JOB_RUNNING | 1u << JOB_PAUSED | 1u << JOB_CANCELLED;
    struct job_list list;
    if (!catalog_list_jobs(s->catalog, states, AT_MOST, &list, err))
        return false;
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i].attempts)
            job_sweep(s, list.items[i].id);
    job_list_done(&list);
    return true;
}
