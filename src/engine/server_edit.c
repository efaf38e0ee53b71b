/* server_edit: what the catalog says of clips is changed by the engine alone. */
#include <string.h>

#include "engine/server_internal.h"
#include "store/catalog_labels.h"
#include "store/clip_trash.h"

/* What an edit message holds. */
struct edit {
    struct catalog *catalog;
    int64_t clip, number;
    const char *value, *to;
};

static bool do_rate(const struct edit *e, struct dn_error *err)
{
    return catalog_set_rating(e->catalog, e->clip, e->number > 5 ? 6 : (int)e->number, err);
}

static bool do_favourite(const struct edit *e, struct dn_error *err)
{
    return catalog_set_favourite(e->catalog, e->clip, e->number != 0, err);
}

static bool do_note(const struct edit *e, struct dn_error *err)
{
    return catalog_set_notes(e->catalog, e->clip, e->value, err);
}

static bool do_tag(const struct edit *e, struct dn_error *err)
{
    return catalog_add_tag(e->catalog, e->clip, e->value, err);
}

static bool do_untag(const struct edit *e, struct dn_error *err)
{
    return catalog_remove_tag(e->catalog, e->clip, e->value, err);
}

static bool do_collect(const struct edit *e, struct dn_error *err)
{
    return catalog_collect(e->catalog, e->value, e->clip, err);
}

static bool do_uncollect(const struct edit *e, struct dn_error *err)
{
    return catalog_uncollect(e->catalog, e->value, e->clip, err);
}

static bool do_make(const struct edit *e, struct dn_error *err)
{
    return catalog_make_collection(e->catalog, e->value, err);
}

static bool do_rename(const struct edit *e, struct dn_error *err)
{
    return catalog_rename_label(e->catalog, LABEL_COLLECTION, e->value, e->to, err);
}

static bool do_forget(const struct edit *e, struct dn_error *err)
{
    return catalog_remove_label(e->catalog, LABEL_COLLECTION, e->value, err);
}

static bool do_remember(const struct edit *e, struct dn_error *err)
{
    return catalog_restore_label(e->catalog, LABEL_COLLECTION, e->value, err);
}

static bool do_rename_tag(const struct edit *e, struct dn_error *err)
{
    return catalog_rename_label(e->catalog, LABEL_TAG, e->value, e->to, err);
}

static bool do_forget_tag(const struct edit *e, struct dn_error *err)
{
    return catalog_remove_label(e->catalog, LABEL_TAG, e->value, err);
}

static bool do_remember_tag(const struct edit *e, struct dn_error *err)
{
    return catalog_restore_label(e->catalog, LABEL_TAG, e->value, err);
}

static bool do_trash(const struct edit *e, struct dn_error *err)
{
    return clip_trash(e->catalog, e->clip, err);
}

static bool do_restore(const struct edit *e, struct dn_error *err)
{
    return clip_restore(e->catalog, e->clip, err);
}

static bool do_empty(const struct edit *e, struct dn_error *err)
{
    return clip_trash_empty(e->catalog, e->number, NULL, err);
}

static const struct {
    const char *what;
    bool needs_clip, needs_value, needs_number;
    bool (*change)(const struct edit *e, struct dn_error *err);
} edits[] = {
    {"rate", true, false, true, do_rate},           {"favourite", true, false, true, do_favourite},
    {"note", true, true, false, do_note},           {"tag", true, true, false, do_tag},
    {"untag", true, true, false, do_untag},         {"collect", true, true, false, do_collect},
    {"uncollect", true, true, false, do_uncollect}, {"make", false, true, false, do_make},
    {"rename", false, true, false, do_rename},      {"rename-tag", false, true, false, do_rename_tag},
    {"forget", false, true, false, do_forget},      {"forget-tag", false, true, false, do_forget_tag},
    {"remember", false, true, false, do_remember},
    {"remember-tag", false, true, false, do_remember_tag},
    {"trash", true, false, false, do_trash},        {"restore", true, false, false, do_restore},
    {"empty", false, false, false, do_empty},
};

bool server_edit(struct server *s, const json_t *message, struct dn_error *err)
{
    struct edit e = {.catalog = s->catalog,
                     .clip = protocol_int(message, "clip", 0),
                     .number = protocol_int(message, "number", -1),
                     .value = protocol_text(message, "value"),
                     .to = protocol_text(message, "to")};
    const char *what = protocol_text(message, "what");
    size_t i = 0;
    while (strcmp(edits[i].what, what) != 0)
        i++; /* the table of messages lets no other through */
    const char *missing = edits[i].needs_clip && !e.clip          ? "clip"
                          : edits[i].needs_value && !e.value      ? "value"
                          : strncmp(what, "rename", 6) == 0 && !e.to ? "to"
                          : edits[i].needs_number && e.number < 0 ? "number"
                                                                  : NULL;
    if (missing)
        return dn_fail(err, DN_E_ARG, "edit.%s is missing: %s needs it", missing, what);
    if (e.number < 0)
        e.number = 0;
    if (!edits[i].change(&e, err))
        return false;
    json_t *event = protocol_new(MESSAGE_CHANGED);
    json_object_set_new(event, "clip", json_integer(e.clip));
    json_object_set_new(event, "what", json_string(what));
    server_tell(s, e.clip, event, true);
    return true;
}
