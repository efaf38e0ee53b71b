/* torch_state: finds the state dicts in the value that a checkpoint holds.
 *
 * Either the top dict holds state dicts under the names that trainers use (other entries beside
 * them, such as the step or the optimizer, are not looked at), or it is one itself. */
#include <string.h>

#include "base/strbuf.h"
#include "format/torch_values.h"

static const char *const groups[] = {"generator", "generator_ema", "model", "state_dict"};
#define GROUP_COUNT ((int)(sizeof groups / sizeof groups[0]))

struct state {
    const struct torch_values *v;
    const struct pickle *p;
    struct weights *w;
    const char *path;
    struct dn_error *err;
};

/* Adds tensor node `value` under the name GROUP.KEY, or KEY when group is NULL. */
static bool add_view(const struct state *s, const char *group, uint32_t key, uint32_t value)
{
    const struct torch_tensor *t = &s->v->tensors[s->p->nodes[value].index];
    const struct torch_storage *storage = &s->v->storages[t->storage];
    const struct pickle_node *text = &s->p->nodes[key];
    char name[2 * WEIGHTS_MAX_NAME];
    size_t used = 0;
    if (text->length == 0 || text->length > WEIGHTS_MAX_NAME ||
        memchr(s->p->bytes + text->offset, 0, text->length))
        return dn_fail(s->err, DN_E_FORMAT, "%s: a tensor's name is empty, too long or holds NUL",
                       s->path);
    if (group) {
        used = strlen(group) + 1;
        memcpy(name, group, used - 1);
        name[used - 1] = '.';
    }
    memcpy(name + used, s->p->bytes + text->offset, text->length);
    struct weight_view view = {
        .name = weights_keep_name(s->w, name, used + text->length),
        .dtype = storage->dtype,
        .ndim = t->ndim,
        .data = storage->data + t->offset * dtype_size(storage->dtype),
    };
    memcpy(view.shape, t->shape, sizeof view.shape);
    memcpy(view.stride, t->stride, sizeof view.stride);
    if (!view.name)
        return dn_fail(s->err, DN_E_FORMAT, "%s: its tensor names take too much memory", s->path);
    return weights_add_view(s->w, &view, s->path, s->err);
}

/* A dict that must be a state dict: names to tensors and nothing else. */
static bool add_group(const struct state *s, const char *group, uint32_t dict)
{
    const struct pickle *p = s->p;
    if (p->nodes[dict].kind != PICKLE_DICT)
        return dn_fail(s->err, DN_E_FORMAT, "%s: \"%s\" is %s, not a dict of tensors", s->path,
                       group, pickle_kind_name(p->nodes[dict].kind));
    uint32_t link = p->nodes[dict].chain.first;
    for (uint32_t i = 0; i < p->nodes[dict].length; i += 2) {
        uint32_t key = p->links[link].node;
        link = p->links[link].next;
        uint32_t value = p->links[link].node;
        link = p->links[link].next;
        if (p->nodes[key].kind != PICKLE_TEXT)
            return dn_fail(s->err, DN_E_FORMAT, "%s: a key of \"%s\" is %s, not a name", s->path,
                           group, pickle_kind_name(p->nodes[key].kind));
        if (p->nodes[value].kind != PICKLE_TENSOR)
            return dn_fail(s->err, DN_E_FORMAT, "%s: \"%.*s\" of \"%s\" is %s, not a tensor",
                           s->path, (int)(p->nodes[key].length < 200 ? p->nodes[key].length : 200),
                           (const char *)p->bytes + p->nodes[key].offset, group,
                           pickle_kind_name(p->nodes[value].kind));
        if (!add_view(s, group, key, value))
            return false;
    }
    return p->nodes[dict].length > 0 ||
           dn_fail(s->err, DN_E_FORMAT, "%s: \"%s\" is empty", s->path, group);
}

/* The group that key names and value can be; -1 for none. */
static int group_of(const struct pickle *p, uint32_t key, uint32_t value)
{
    for (int g = 0; g < GROUP_COUNT; g++)
        if (pickle_text_is(p, key, groups[g]) && p->nodes[value].kind != PICKLE_TENSOR)
            return g;
    return -1;
}

/* "it holds a, b, c" for the message. */
static bool no_tensors(const struct state *s)
{
    struct strbuf keys = {0};
    const struct pickle *p = s->p;
    uint32_t link = p->nodes[p->root].chain.first;
    for (uint32_t i = 0; i < p->nodes[p->root].length && i < 12; i++) {
        const struct pickle_node *n = &p->nodes[p->links[link].node];
        if (i % 2 == 0 && n->kind == PICKLE_TEXT)
            strbuf_printf(&keys, "%s\"%.*s\"", keys.length ? ", " : "",
                          (int)(n->length < 60 ? n->length : 60), p->bytes + n->offset);
        link = p->links[link].next;
    }
    dn_fail(s->err, DN_E_FORMAT, "%s holds no dict of tensors; its entries are: %s", s->path,
            keys.length ? strbuf_text(&keys) : "none");
    strbuf_done(&keys);
    return false;
}

bool torch_values_add_views(const struct torch_values *v, const struct pickle *p, struct weights *w,
                            const char *path, struct dn_error *err)
{
    struct state s = {.v = v, .p = p, .w = w, .path = path, .err = err};
    uint32_t seen[GROUP_COUNT] = {0};
    if (p->nodes[p->root].kind != PICKLE_DICT)
        return dn_fail(err, DN_E_FORMAT, "%s holds %s, not a dict of tensors", path,
                       pickle_kind_name(p->nodes[p->root].kind));
    for (int pass = 0; pass < 2; pass++) {
        uint32_t link = p->nodes[p->root].chain.first;
        for (uint32_t i = 0; i < p->nodes[p->root].length; i += 2) {
            uint32_t key = p->links[link].node;
            link = p->links[link].next;
            uint32_t value = p->links[link].node;
            link = p->links[link].next;
            int g = group_of(p, key, value);
            if (pass == 0 && g >= 0) {
                w->grouped = true;
                if (seen[g]++)
                    return dn_fail(err, DN_E_FORMAT, "%s: two entries are \"%s\"", path, groups[g]);
                if (!add_group(&s, groups[g], value))
                    return false;
            }
            if (pass == 1 && !w->grouped && p->nodes[value].kind == PICKLE_TENSOR) {
                if (p->nodes[key].kind != PICKLE_TEXT)
                    return dn_fail(err, DN_E_FORMAT, "%s: a tensor's key is %s, not a name", path,
                                   pickle_kind_name(p->nodes[key].kind));
                if (!add_view(&s, NULL, key, value))
                    return false;
            }
        }
    }
    return w->all_count > 0 || no_tensors(&s);
}
