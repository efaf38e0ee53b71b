/* weights_select: the state dict of a training checkpoint under its public names; see weights.h.
 * Source: the public trainer saves {'generator': ..., 'generator_ema': ...} of an FSDP-wrapped,
 * activation-checkpointed and maybe compiled module; each wrapper leaves a part in the names. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/weight_format.h"

/* Groups in the order in which they are chosen. */
static const struct {
    const char *prefix;
    bool ema;
    bool only_grouped; /* in a bare state dict this is no group but a wrapper */
} groups[] = {{"generator_ema.", true, false},
              {"generator.", false, false},
              {"model.", false, true},
              {"state_dict.", false, true}};

static const char *const leading[] = {"model.", "module."};
static const char *const anywhere[] = {"_fsdp_wrapped_module.", "_checkpoint_wrapped_module.",
                                       "_orig_mod."};
#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool has_group(const struct weights *w, const char *prefix)
{
    for (int64_t i = 0; i < w->all_count; i++)
        if (starts_with(w->all[i].name, prefix))
            return true;
    return false;
}

bool weights_has_ema(const struct weights *w)
{
    return has_group(w, groups[0].prefix);
}

/* Bytes of the wrapper part at name, 0 for none. first: at the start of the name. */
static size_t wrapper_at(const char *name, bool first)
{
    for (size_t i = 0; i < LENGTH(anywhere); i++)
        if (starts_with(name, anywhere[i]))
            return strlen(anywhere[i]);
    for (size_t i = 0; first && i < LENGTH(leading); i++)
        if (starts_with(name, leading[i]))
            return strlen(leading[i]);
    return 0;
}

/* Writes name without wrapper parts to out (as long as name). Returns its length. */
static size_t public_name(const char *name, char *out)
{
    size_t used = 0;
    while (*name) {
        /* A part begins at the start or behind a dot. */
        size_t skip = used == 0 || out[used - 1] == '.' ? wrapper_at(name, used == 0) : 0;
        if (skip)
            name += skip;
        else
            out[used++] = *name++;
    }
    return used;
}

/* The public form of name, in memory of w; NULL when there is no room for it. */
static const char *keep_public(struct weights *w, const char *name)
{
    char out[2 * WEIGHTS_MAX_NAME + 64];
    if (strlen(name) >= sizeof out)
        return NULL;
    size_t length = public_name(name, out);
    size_t tail = strlen(name) - length;
    /* Nothing but the front was dropped: the name's own end serves. */
    if (memcmp(name + tail, out, length) == 0)
        return name + tail;
    return weights_keep_name(w, out, length);
}

bool weights_select(struct weights *w, bool use_ema, struct dn_error *err)
{
    const char *prefix = "";
    for (size_t g = LENGTH(groups); g-- > 0;)
        if ((use_ema || !groups[g].ema) && (w->grouped || !groups[g].only_grouped) &&
            has_group(w, groups[g].prefix))
            prefix = groups[g].prefix;
    struct weight_view *old = w->shown;
    int64_t old_count = w->shown_count;
    w->shown = dn_calloc((size_t)w->all_count + 1, sizeof *w->shown);
    w->shown_count = 0;
    bool ok = true;
    for (int64_t i = 0; ok && i < w->all_count; i++) {
        if (!starts_with(w->all[i].name, prefix))
            continue;
        struct weight_view *view = &w->shown[w->shown_count++];
        *view = w->all[i];
        view->name = keep_public(w, w->all[i].name + strlen(prefix));
        if (!view->name)
            ok = dn_fail(err, DN_E_FORMAT, "%s: its tensor names take too much memory", w->path);
        else if (!view->name[0])
            ok = dn_fail(err, DN_E_FORMAT, "%s: tensor %.200s has no name of its own", w->path,
                         w->all[i].name);
    }
    if (ok && weights_index(w, err)) {
        free(old);
        return true;
    }
    free(w->shown);
    w->shown = old;
    w->shown_count = old_count;
    return false;
}
