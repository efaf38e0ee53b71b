/* steering: a clip that is being made goes on with another prompt from its next chunk on. */
#ifndef DANAUS_UI_STUDIO_STEERING_H
#define DANAUS_UI_STUDIO_STEERING_H

#include "ui/studio/studio_internal.h"

/* The job that would be steered: the one that is shown, else the first that runs; NULL = none runs. */
const struct link_job *steering_job(const struct studio *s, int64_t shown);
/* Asks for it; where it takes effect is told when the engine has answered. False: err, nothing was
 * asked. */
bool steering_send(struct studio *s, int64_t shown, const char *prompt, struct dn_error *err);

#endif
