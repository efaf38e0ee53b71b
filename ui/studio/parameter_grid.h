/* parameter_grid: settings with several values each, "guidance=1..5..2 sampler=euler,unipc", as all
 * the ways to combine them. */
#ifndef DANAUS_UI_STUDIO_PARAMETER_GRID_H
#define DANAUS_UI_STUDIO_PARAMETER_GRID_H

#include "config/option_table.h"
#include "config/request.h"

enum { PARAMETER_GRID_AXES = 8, PARAMETER_GRID_MAX = 256 };

struct parameter_axis {
    const struct option *option;
    char **values; /* [count] */
    size_t count;
};

struct parameter_grid {
    struct parameter_axis axes[PARAMETER_GRID_AXES];
    size_t count;
};

/* text: NAME=VALUES with spaces between. VALUES are a range (number_range.h), or stand with commas
 * between, or with | in braces ("negative={rain|a crowd}"; needed where a value has commas). False:
 * err; a value that its setting does not take, a name that is no setting, the prompt, more than
 * PARAMETER_GRID_MAX combinations. */
bool parameter_grid_parse(const char *text, struct parameter_grid *out, struct dn_error *err);
size_t parameter_grid_size(const struct parameter_grid *g); /* combinations; 1 without an axis */
/* Sets combination number in r, the last setting varying fastest. */
void parameter_grid_apply(const struct parameter_grid *g, size_t number, struct request *r);
bool parameter_grid_has(const struct parameter_grid *g, const char *name);
void parameter_grid_done(struct parameter_grid *g);

#endif
