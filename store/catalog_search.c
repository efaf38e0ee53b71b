/* catalog_search: see catalog_search.h
 *
 * The statement is written so that one index gives the clips' numbers in order and everything else
 * is asked of each number that comes, until the page is full: a full-text table when there are
 * words, the pairs of a tag, the index of what is not in the trash. SQLite's planner has no say in
 * which: without statistics it guesses, and a wrong guess costs seconds at a million clips.
 * A filter that few clips pass leads even when there are words: each word is then asked of those
 * few. */
#include "store/catalog_search.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/catalog_internal.h"

enum { MAX_VALUES = 64, FEW = 500 };

struct builder {
    struct strbuf sql;
    struct value values[MAX_VALUES];
    size_t count;
    char *kept[MAX_VALUES]; /* patterns made here */
    size_t kept_count;
};

static void add(struct builder *b, const char *sql, struct value value)
{
    assert(b->count < MAX_VALUES);
    strbuf_append_text(&b->sql, sql);
    b->values[b->count++] = value;
}

/* %text% with the pattern's own letters taken literally. */
static struct value like(struct builder *b, const char *text)
{
    struct strbuf s = {0};
    strbuf_append_text(&s, "%");
    for (const char *p = text; *p; p++) {
        if (*p == '%' || *p == '_' || *p == '\\')
            strbuf_append_text(&s, "\\");
        strbuf_append(&s, p, 1);
    }
    strbuf_append_text(&s, "%");
    assert(b->kept_count < MAX_VALUES);
    b->kept[b->kept_count] = strbuf_take(&s);
    return value_text(b->kept[b->kept_count++]);
}

static const char *column_of(enum clip_field field)
{
    switch (field) {
    case FIELD_SAMPLER:
        return "c.sampler";
    case FIELD_ATTENTION:
        return "c.attention";
    case FIELD_BACKEND:
        return "c.backend";
    case FIELD_ORIGIN:
        return "c.origin";
    case FIELD_STATUS:
        return "c.status";
    case FIELD_SEED:
        return "c.seed";
    case FIELD_PARENT:
        return "c.parent_id";
    case FIELD_RATING:
        return "c.rating";
    case FIELD_FAVOURITE:
        return "c.favourite";
    case FIELD_FRAMES:
        return "c.frames";
    case FIELD_WIDTH:
        return "c.width";
    case FIELD_HEIGHT:
        return "c.height";
    case FIELD_CREATED:
        return "c.created_ms";
    case FIELD_TAG:
    case FIELD_COLLECTION:
    case FIELD_MODEL:
        break;
    }
    return NULL;
}

static void add_filter(struct builder *b, const struct clip_filter *f)
{
    static const char *const signs[] = {" = ?", " < ?", " <= ?", " > ?", " >= ?"};
    strbuf_append_text(&b->sql, f->negate ? " AND NOT " : " AND ");
    switch (f->field) {
    case FIELD_TAG:
        add(b, "EXISTS (SELECT 1 FROM clip_tags WHERE clip_id = c.id AND tag_id ="
               " (SELECT id FROM tags WHERE name = ?))", value_text(f->text));
        break;
    case FIELD_COLLECTION:
        add(b, "EXISTS (SELECT 1 FROM collection_clips WHERE clip_id = c.id AND collection_id ="
               " (SELECT id FROM collections WHERE name = ?))", value_text(f->text));
        break;
    case FIELD_MODEL:
        add(b, "c.model_id IN (SELECT id FROM models WHERE name LIKE ? ESCAPE '\\')",
            like(b, f->text));
        break;
    case FIELD_PARENT: /* NOT (NULL = 17) would be neither true nor false */
        add(b, "coalesce(c.parent_id, 0) = ?", value_int(f->number));
        break;
    default:
        strbuf_append_text(&b->sql, column_of(f->field));
        add(b, f->text ? " = ? COLLATE NOCASE" : signs[f->compare],
            f->text ? value_text(f->text) : value_int(f->number));
    }
}

/* Filters that an index gives in order of number: the FROM that leads, with one value. */
static const char *leading_from(const struct clip_filter *f)
{
    if (f->negate || f->compare != COMPARE_EQUAL)
        return NULL;
    switch (f->field) {
    case FIELD_TAG:
        return "(SELECT clip_id AS id FROM clip_tags WHERE tag_id ="
               " (SELECT id FROM tags WHERE name = ?))";
    case FIELD_COLLECTION:
        return "(SELECT clip_id AS id FROM collection_clips WHERE collection_id ="
               " (SELECT id FROM collections WHERE name = ?))";
    case FIELD_SEED:
        return "(SELECT id FROM clips INDEXED BY clips_seed WHERE seed = ?)";
    case FIELD_PARENT:
        return "(SELECT id FROM clips INDEXED BY clips_parent WHERE parent_id = ?)";
    case FIELD_STATUS:
        return strcmp(f->text, "done") == 0
                   ? NULL
                   : "(SELECT id FROM clips INDEXED BY clips_status WHERE status = ?"
                     " AND status <> 'done')";
    case FIELD_FAVOURITE:
        return f->number ? "(SELECT id FROM clips INDEXED BY clips_favourite"
                           " WHERE favourite = 1 AND 1 = ?)"
                         : NULL;
    default:
        return NULL;
    }
}

static struct value filter_value(const struct clip_filter *f)
{
    return f->text ? value_text(f->text) : value_int(f->number);
}

/* The filter that should lead, -1 = none. With words only one that few clips pass. */
static bool choose_leader(struct catalog *c, const struct clip_query *q, int *out,
                          struct dn_error *err)
{
    int64_t least = q->words || q->parts ? FEW : INT64_MAX;
    *out = -1;
    for (size_t i = 0; i < q->filter_count; i++) {
        const char *from = leading_from(&q->filters[i]);
        if (!from)
            continue;
        char *sql = dn_asprintf("SELECT count(*) FROM (SELECT 1 FROM %s LIMIT %d)", from, FEW + 1);
        sqlite3_stmt *s = statement_new(c, sql, VALUES(filter_value(&q->filters[i])), err);
        bool row = false, ok = s && statement_step(c, s, &row, err);
        int64_t count = ok ? sqlite3_column_int64(s, 0) : 0;
        sqlite3_finalize(s);
        free(sql);
        if (!ok)
            return false;
        if (count < least) {
            least = count;
            *out = (int)i;
        }
    }
    return true;
}

/* FROM and WHERE without bounds; *order = the number's column that the leading index sorts by. */
static void add_source(struct builder *b, const struct clip_query *q, int leader,
                       const char **order)
{
    char *both = NULL;
    const char *words = q->words;
    if (q->words && q->not_words)
        words = both = b->kept[b->kept_count++] =
            dn_asprintf("(%s) NOT (%s)", q->words, q->not_words);
    *order = "c.id";
    if (leader >= 0) {
        strbuf_append_text(&b->sql, " FROM ");
        add(b, leading_from(&q->filters[leader]), filter_value(&q->filters[leader]));
        strbuf_append_text(&b->sql, " l CROSS JOIN clips c ON c.id = l.id");
        *order = "l.id";
    } else if (words || q->parts) {
        const char *table = words ? "clip_words" : "clip_parts";
        strbuf_printf(&b->sql, " FROM %s CROSS JOIN clips c ON c.id = %s.rowid", table, table);
        *order = words ? "clip_words.rowid" : "clip_parts.rowid";
    } else if (q->trash) {
        strbuf_append_text(&b->sql, " FROM clips c INDEXED BY clips_trash");
    } else {
        strbuf_append_text(&b->sql, " FROM clips c INDEXED BY clips_live");
    }
    strbuf_append_text(&b->sql, " CROSS JOIN models m ON m.id = c.model_id");
    strbuf_printf(&b->sql, " WHERE c.trashed_ms IS %sNULL", q->trash ? "NOT " : "");
    if (words)
        add(b, leader >= 0 ? " AND EXISTS (SELECT 1 FROM clip_words WHERE clip_words MATCH ?"
                             " AND rowid = c.id)"
                           : " AND clip_words MATCH ?",
            value_text(words));
    if (q->parts)
        add(b, leader >= 0 ? " AND EXISTS (SELECT 1 FROM clip_parts WHERE clip_parts MATCH ?"
                             " AND rowid = c.id)"
               : words     ? " AND c.id IN (SELECT rowid FROM clip_parts WHERE clip_parts MATCH ?)"
                           : " AND clip_parts MATCH ?",
            value_text(q->parts));
    if (!words && q->not_words)
        add(b, " AND c.id NOT IN (SELECT rowid FROM clip_words WHERE clip_words MATCH ?)",
            value_text(q->not_words));
    for (size_t i = 0; i < q->filter_count; i++)
        if ((int)i != leader)
            add_filter(b, &q->filters[i]);
}

static void builder_done(struct builder *b)
{
    for (size_t i = 0; i < b->kept_count; i++)
        free(b->kept[i]);
    strbuf_done(&b->sql);
}

static void reverse(struct clip_list *list)
{
    for (size_t i = 0, j = list->count; i + 1 < j; i++) {
        struct clip clip = list->items[i];
        list->items[i] = list->items[--j];
        list->items[j] = clip;
    }
}

static const struct clip_query everything;

bool catalog_search(struct catalog *c, const struct clip_query *q, const struct catalog_page *page,
                    struct clip_list *out, struct dn_error *err)
{
    assert(page->limit >= 1 && page->limit <= 1000 && !(page->before && page->after));
    struct builder b = {0};
    const char *order;
    int leader;
    bool upward = page->after || (page->oldest && !page->before);
    *out = (struct clip_list){0};
    q = q ? q : &everything;
    if (!choose_leader(c, q, &leader, err))
        return false;
    strbuf_append_text(&b.sql, "SELECT " CLIP_COLUMNS);
    add_source(&b, q, leader, &order);
    if (page->before || page->after) {
        strbuf_printf(&b.sql, " AND %s", order);
        add(&b, page->before ? " < ?" : " > ?",
            value_int(page->before ? page->before : page->after));
    }
    strbuf_printf(&b.sql, " ORDER BY %s %s", order, upward ? "ASC" : "DESC");
    add(&b, " LIMIT ?", value_int(page->limit));
    sqlite3_stmt *s = statement_new(c, strbuf_text(&b.sql), (struct values){b.values, b.count},
                                    err);
    bool ok = clip_list_read(c, s, out, err);
    sqlite3_finalize(s);
    builder_done(&b);
    if (upward)
        reverse(out);
    return ok;
}

bool catalog_count(struct catalog *c, const struct clip_query *q, int64_t at_most, int64_t *out,
                   struct dn_error *err)
{
    struct builder b = {0};
    const char *order;
    int leader;
    bool row = false;
    q = q ? q : &everything;
    if (!choose_leader(c, q, &leader, err))
        return false;
    strbuf_append_text(&b.sql, "SELECT count(*) FROM (SELECT 1");
    add_source(&b, q, leader, &order);
    add(&b, " LIMIT ?)", value_int(at_most));
    sqlite3_stmt *s = statement_new(c, strbuf_text(&b.sql), (struct values){b.values, b.count},
                                    err);
    bool ok = s && statement_step(c, s, &row, err);
    *out = ok && row ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_finalize(s);
    builder_done(&b);
    return ok;
}
