/* catalog_labels: see catalog_labels.h. Tags and collections are the same thing to SQL: a table of
 * names and a table of pairs. */
#include "store/catalog_labels.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "store/catalog_internal.h"

void label_list_done(struct label_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].name);
    free(list->items);
    *list = (struct label_list){0};
}

static bool check_name(const char *name, const char *what, bool spaces, struct dn_error *err)
{
    size_t length = strlen(name);
    if (length < 1 || length > 100)
        return dn_fail(err, DN_E_ARG, "a %s has 1 to 100 bytes, not %zu", what, length);
    if (!dn_utf8_valid(name, length))
        return dn_fail(err, DN_E_ARG, "\"%s\" is no name for a %s: it is not UTF-8", name, what);
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7F || (!spaces && *p == ' '))
            return dn_fail(err, DN_E_ARG, "\"%s\" is no name for a %s: it has %s", name, what,
                           *p == ' ' ? "a space" : "a control character");
    return true;
}

static bool check_clip(struct catalog *c, int64_t clip, struct dn_error *err)
{
    int64_t one;
    bool found;
    return catalog_read_int(c, "SELECT 1 FROM clips WHERE id = ?", VALUES(value_int(clip)), &one,
                            &found, err) &&
           (found || catalog_no_clip(clip, err));
}

/* A removed label stays so long, unless another one takes its name. */
static const int64_t REMOVED_MS = INT64_C(30) * 24 * 3600 * 1000;

static const struct {
    const char *what, *find, *rename, *remove, *restore, *purge, *purge_old;
} labels[] = {
    [LABEL_TAG] = {"tag", "SELECT id FROM tags WHERE name = ? AND removed_ms IS NULL",
                   "UPDATE tags SET name = ? WHERE name = ? AND removed_ms IS NULL",
                   "UPDATE tags SET removed_ms = ? WHERE name = ? AND removed_ms IS NULL",
                   "UPDATE tags SET removed_ms = NULL WHERE name = ? AND removed_ms IS NOT NULL",
                   "DELETE FROM tags WHERE name = ? AND removed_ms IS NOT NULL",
                   "DELETE FROM tags WHERE removed_ms < ?"},
    [LABEL_COLLECTION] =
        {"collection", "SELECT id FROM collections WHERE name = ? AND removed_ms IS NULL",
         "UPDATE collections SET name = ? WHERE name = ? AND removed_ms IS NULL",
         "UPDATE collections SET removed_ms = ? WHERE name = ? AND removed_ms IS NULL",
         "UPDATE collections SET removed_ms = NULL WHERE name = ? AND removed_ms IS NOT NULL",
         "DELETE FROM collections WHERE name = ? AND removed_ms IS NOT NULL",
         "DELETE FROM collections WHERE removed_ms < ?"},
};

/* A removed label of that name goes for good: its name is wanted. */
static bool purge(struct catalog *c, enum label_kind kind, const char *name, struct dn_error *err)
{
    return catalog_run(c, labels[kind].purge, VALUES(value_text(name)), NULL, err);
}

static bool make_collection(struct catalog *c, const char *name, struct dn_error *err)
{
    return purge(c, LABEL_COLLECTION, name, err) &&
           catalog_run(c, "INSERT OR IGNORE INTO collections(name, created_ms) VALUES (?, ?)",
                       VALUES(value_text(name), value_int(catalog_now_ms())), NULL, err);
}

bool catalog_add_tag(struct catalog *c, int64_t clip, const char *tag, struct dn_error *err)
{
    if (!check_name(tag, "tag", false, err) || !check_clip(c, clip, err) || !catalog_enter(c, err))
        return false;
    bool ok = purge(c, LABEL_TAG, tag, err) &&
              catalog_run(c, "INSERT OR IGNORE INTO tags(name) VALUES (?)",
                          VALUES(value_text(tag)), NULL, err) &&
              catalog_run(c,
                          "INSERT OR IGNORE INTO clip_tags(tag_id, clip_id)"
                          " SELECT id, ? FROM tags WHERE name = ?",
                          VALUES(value_int(clip), value_text(tag)), NULL, err);
    return catalog_leave(c, ok, err);
}

bool catalog_remove_tag(struct catalog *c, int64_t clip, const char *tag, struct dn_error *err)
{
    if (!check_clip(c, clip, err) || !catalog_enter(c, err))
        return false;
    bool ok = catalog_run(c,
                          "DELETE FROM clip_tags WHERE clip_id = ? AND tag_id ="
                          " (SELECT id FROM tags WHERE name = ?)",
                          VALUES(value_int(clip), value_text(tag)), NULL, err) &&
              catalog_run(c,
                          "DELETE FROM tags WHERE name = ? AND NOT EXISTS"
                          " (SELECT 1 FROM clip_tags WHERE tag_id = tags.id)",
                          VALUES(value_text(tag)), NULL, err);
    return catalog_leave(c, ok, err);
}

static bool read_labels(struct catalog *c, sqlite3_stmt *s, struct label_list *out,
                        struct dn_error *err)
{
    bool row = true, ok = s != NULL;
    *out = (struct label_list){0};
    while (ok && (ok = statement_step(c, s, &row, err)) && row) {
        out->items = dn_realloc(out->items, out->count + 1, sizeof *out->items);
        out->items[out->count++] =
            (struct label){.name = column_dup(s, 0), .clips = sqlite3_column_int64(s, 1)};
    }
    statement_end(s);
    if (!ok)
        label_list_done(out);
    return ok;
}

bool catalog_list_tags(struct catalog *c, int64_t clip, struct label_list *out,
                       struct dn_error *err)
{
    sqlite3_stmt *s =
        clip ? statement_begin(c,
                               "SELECT name, 0 FROM clip_tags JOIN tags ON id = tag_id"
                               " WHERE clip_id = ? AND removed_ms IS NULL ORDER BY name",
                               VALUES(value_int(clip)), err)
             : statement_begin(c,
                               "SELECT name, (SELECT count(*) FROM clip_tags WHERE tag_id = id)"
                               " FROM tags WHERE removed_ms IS NULL ORDER BY name",
                               NO_VALUES, err);
    return read_labels(c, s, out, err);
}

bool catalog_collect(struct catalog *c, const char *collection, int64_t clip, struct dn_error *err)
{
    if (!check_name(collection, "collection", true, err) || !check_clip(c, clip, err) ||
        !catalog_enter(c, err))
        return false;
    bool ok = make_collection(c, collection, err) &&
              catalog_run(c,
                          "INSERT OR IGNORE INTO collection_clips(collection_id, clip_id)"
                          " SELECT id, ? FROM collections WHERE name = ?",
                          VALUES(value_int(clip), value_text(collection)), NULL, err);
    return catalog_leave(c, ok, err);
}

bool catalog_uncollect(struct catalog *c, const char *collection, int64_t clip,
                       struct dn_error *err)
{
    return check_clip(c, clip, err) &&
           catalog_run(c,
                       "DELETE FROM collection_clips WHERE clip_id = ? AND collection_id ="
                       " (SELECT id FROM collections WHERE name = ?)",
                       VALUES(value_int(clip), value_text(collection)), NULL, err);
}

bool catalog_make_collection(struct catalog *c, const char *collection, struct dn_error *err)
{
    return check_name(collection, "collection", true, err) && catalog_enter(c, err) &&
           catalog_leave(c, make_collection(c, collection, err), err);
}

/* One row is changed, else there is no such label. */
static bool change_label(struct catalog *c, enum label_kind kind, const char *sql, struct values v,
                         const char *name, struct dn_error *err)
{
    int64_t changed = 0;
    return catalog_run(c, sql, v, &changed, err) &&
           (changed > 0 || dn_fail(err, DN_E_ARG, "there is no %s \"%s\"", labels[kind].what, name));
}

bool catalog_rename_label(struct catalog *c, enum label_kind kind, const char *from, const char *to,
                          struct dn_error *err)
{
    int64_t id, other;
    bool found, taken;
    if (!check_name(to, labels[kind].what, kind == LABEL_COLLECTION, err) ||
        !catalog_read_int(c, labels[kind].find, VALUES(value_text(from)), &id, &found, err) ||
        !catalog_read_int(c, labels[kind].find, VALUES(value_text(to)), &other, &taken, err))
        return false;
    if (found && taken && other != id)
        return dn_fail(err, DN_E_EXISTS, "there is a %s \"%s\" already", labels[kind].what, to);
    return catalog_enter(c, err) &&
           catalog_leave(c,
                         purge(c, kind, to, err) &&
                             change_label(c, kind, labels[kind].rename,
                                          VALUES(value_text(to), value_text(from)), from, err),
                         err);
}

bool catalog_remove_label(struct catalog *c, enum label_kind kind, const char *name,
                          struct dn_error *err)
{
    int64_t now = catalog_now_ms();
    if (!catalog_enter(c, err))
        return false;
    bool ok = catalog_run(c, labels[kind].purge_old, VALUES(value_int(now - REMOVED_MS)), NULL, err) &&
              change_label(c, kind, labels[kind].remove, VALUES(value_int(now), value_text(name)),
                           name, err);
    return catalog_leave(c, ok, err);
}

bool catalog_restore_label(struct catalog *c, enum label_kind kind, const char *name,
                           struct dn_error *err)
{
    return change_label(c, kind, labels[kind].restore, VALUES(value_text(name)), name, err);
}

bool catalog_list_collections(struct catalog *c, int64_t clip, struct label_list *out,
                              struct dn_error *err)
{
    sqlite3_stmt *s =
        clip ? statement_begin(c,
                               "SELECT name, 0 FROM collection_clips JOIN collections"
                               " ON id = collection_id WHERE clip_id = ?"
                               " AND removed_ms IS NULL ORDER BY name",
                               VALUES(value_int(clip)), err)
             : statement_begin(c,
                               "SELECT name, (SELECT count(*) FROM collection_clips"
                               " WHERE collection_id = id) FROM collections"
                               " WHERE removed_ms IS NULL ORDER BY name",
                               NO_VALUES, err);
    return read_labels(c, s, out, err);
}
