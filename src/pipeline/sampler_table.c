/* sampler_table: every sampler there is. */
#include <string.h>

#include "base/strbuf.h"
#include "pipeline/sampler.h"

const struct sampler *const sampler_table[] = {
    &sampler_self_forcing_entry,
    &sampler_few_step_entry,
    &sampler_unipc_entry,
    &sampler_euler_entry,
    NULL,
};

const struct sampler *sampler_find(const char *name, struct dn_error *err)
{
    struct strbuf names = {0};
    for (const struct sampler *const *s = sampler_table; *s; s++) {
        if (strcmp((*s)->name, name) == 0) {
            strbuf_done(&names);
            return *s;
        }
        strbuf_printf(&names, "%s%s", s == sampler_table ? "" : ", ", (*s)->name);
    }
    dn_fail(err, DN_E_ARG, "sampler \"%s\" is not known", name);
    dn_error_hint(err, "use one of %s", strbuf_text(&names));
    strbuf_done(&names);
    return NULL;
}
