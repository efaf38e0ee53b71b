/* latents_source: a clip's frames anew from the latents that are kept beside its video, in floats:
 * what the model made, before any codec. For export_work. */
#ifndef DANAUS_COMMANDS_LATENTS_SOURCE_H
#define DANAUS_COMMANDS_LATENTS_SOURCE_H

#include "commands/job.h"
#include "store/export_work.h"

struct latents_source {
    struct job *job;                /* its settings tell the backend */
    const struct export_work *work; /* whose clips are asked for */
    char *models[EXPORT_CLIPS];     /* the directory of each clip's model; owned */
    bool must; /* else a clip whose latents cannot be had is read from its video, with a warning */
    /* PRIVATE */
    char *loaded; /* the directory of vae */
    struct vae *vae;
};

/* export_source_fn */
bool latents_source_read(void *source, const struct export_clip *clip, int64_t frames,
                         struct media_frames **out, struct dn_error *err);
void latents_source_done(struct latents_source *source);

#endif
