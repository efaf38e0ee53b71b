/* catalog_search: see catalog_search.h
 *
 * The statement is written so that one index gives the clips' numbers in order and everything else
 * is asked of each number that comes, until the page is full: a full-text table when there are
 * words, the pairs of a tag, the index of what is not in the trash. SQLite's planner has no say in
 * which: without statistics it guesses, and a wrong guess costs seconds at a million clips.
 * A filter that few clips pass leads even when there are words: each word is then asked of those
 * few.
 *
 * In another order than by number either its index leads and everything is asked of each clip, or,
 * when at most SORT_MOST clips match, these are found as above and sorted. */
#include "store/catalog_search.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/catalog_internal.h"

enum { MAX_VALUES = 64, FEW = 500, SORT_MOST = 20000 };

/* key NULL: the number is the key. index: has the key and the number, of clips not in the trash. */
static const struct order {
    const char *name, *key, *index;
    bool downward; /* from the largest key to the smallest */
} orders[CLIP_ORDERS] = {
    [CLIPS_NEWEST] = {"newest", NULL, NULL, true},
    [CLIPS_OLDEST] = {"oldest", NULL, NULL, false},
    [CLIPS_BEST] = {"rating", "c.rating", "clips_by_rating", true},
    [CLIPS_LONGEST] = {"longest", "CASE WHEN c.fps > 0 THEN c.frames / c.fps ELSE 0 END",
                       "clips_by_seconds", true},
    [CLIPS_SHORTEST] = {"shortest", "CASE WHEN c.fps > 0 THEN c.frames / c.fps ELSE 0 END",
                        "clips_by_seconds", false},
    [CLIPS_BY_PROMPT] = {"prompt", "lower(substr(c.prompt, 1, 40))", "clips_by_prompt", false},
};

const char *clip_order_name(enum clip_order order)
{
    return orders[order].name;
}

bool clip_order_parse(const char *name, enum clip_order *out)
{
    for (int i = 0; i < CLIP_ORDERS; i++)
        if (strcmp(orders[i].name, name) == 0) {
            *out = (enum clip_order)i;
            return true;
        }
    return false;
}

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

/* What leads: a filter, an order's index, the words, or all clips by number. */
struct leader {
    int filter;        /* -1 = none */
    const char *index; /* of an order, NULL = none */
};

/* FROM and WHERE without bounds; *number = the column that the leading index sorts by. */
static void add_source(struct builder *b, const struct clip_query *q, struct leader leader,
                       const char **number)
{
    char *both = NULL;
    const char *words = q->words;
    bool asked = leader.filter >= 0 || leader.index; /* the words are asked of each clip */
    if (q->words && q->not_words)
        words = both = b->kept[b->kept_count++] =
            dn_asprintf("(%s) NOT (%s)", q->words, q->not_words);
    *number = "c.id";
    if (leader.filter >= 0) {
        const struct clip_filter *f = &q->filters[leader.filter];
        strbuf_append_text(&b->sql, " FROM ");
        add(b, leading_from(f), filter_value(f));
        strbuf_append_text(&b->sql, " l CROSS JOIN clips c ON c.id = l.id");
        *number = "l.id";
    } else if (leader.index) {
        strbuf_printf(&b->sql, " FROM clips c INDEXED BY %s", leader.index);
    } else if (words || q->parts) {
        const char *table = words ? "clip_words" : "clip_parts";
        strbuf_printf(&b->sql, " FROM %s CROSS JOIN clips c ON c.id = %s.rowid", table, table);
        *number = words ? "clip_words.rowid" : "clip_parts.rowid";
    } else {
        strbuf_printf(&b->sql, " FROM clips c INDEXED BY %s", q->trash ? "clips_trash" : "clips_live");
    }
    strbuf_append_text(&b->sql, " CROSS JOIN models m ON m.id = c.model_id");
    strbuf_printf(&b->sql, " WHERE c.trashed_ms IS %sNULL", q->trash ? "NOT " : "");
    if (words)
        add(b, asked ? " AND EXISTS (SELECT 1 FROM clip_words WHERE clip_words MATCH ?"
                       " AND rowid = c.id)"
                     : " AND clip_words MATCH ?",
            value_text(words));
    if (q->parts)
        add(b, asked ? " AND EXISTS (SELECT 1 FROM clip_parts WHERE clip_parts MATCH ?"
                       " AND rowid = c.id)"
               : words ? " AND c.id IN (SELECT rowid FROM clip_parts WHERE clip_parts MATCH ?)"
                       : " AND clip_parts MATCH ?",
            value_text(q->parts));
    if (!words && q->not_words)
        add(b, " AND c.id NOT IN (SELECT rowid FROM clip_words WHERE clip_words MATCH ?)",
            value_text(q->not_words));
    for (size_t i = 0; i < q->filter_count; i++)
        if ((int)i != leader.filter)
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

static bool count_by(struct catalog *c, const struct clip_query *q, int filter, int64_t at_most,
                     int64_t *out, struct dn_error *err)
{
    struct builder b = {0};
    const char *number;
    bool row = false;
    strbuf_append_text(&b.sql, "SELECT count(*) FROM (SELECT 1");
    add_source(&b, q, (struct leader){.filter = filter}, &number);
    add(&b, " LIMIT ?)", value_int(at_most));
    sqlite3_stmt *s = statement_new(c, strbuf_text(&b.sql), (struct values){b.values, b.count},
                                    err);
    bool ok = s && statement_step(c, s, &row, err);
    *out = ok && row ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_finalize(s);
    builder_done(&b);
    return ok;
}

/* --- pages --- */

/* Part of a page: by number; of those that share the bound's key; of those beyond it; both. */
enum part { PART_NUMBER, PART_SAME_KEY, PART_BEYOND, PART_BOTH };

struct reading {
    const struct clip_query *query;
    const struct order *order;
    struct leader leader;
    bool upward;       /* from the smallest key on */
    int64_t bound;     /* a clip, 0 = none */
    bool with;
    struct value key;  /* the bound's */
};

static void add_bounds(struct builder *b, const struct reading *r, enum part part, const char *number)
{
    const char *key = r->order->key, *sign = r->upward ? ">" : "<", *equal = r->with ? "=" : "";
    if (!r->bound)
        return;
    strbuf_append_text(&b->sql, " AND (");
    if (part == PART_BEYOND || part == PART_BOTH) {
        strbuf_printf(&b->sql, "%s %s", key, sign);
        add(b, part == PART_BOTH ? " ? OR " : " ?", r->key);
    }
    if (part == PART_SAME_KEY || part == PART_BOTH) {
        strbuf_append_text(&b->sql, key);
        add(b, " = ? AND ", r->key);
    }
    if (part != PART_BEYOND) {
        strbuf_printf(&b->sql, "%s %s%s", number, sign, equal);
        add(b, " ?", value_int(r->bound));
    }
    strbuf_append_text(&b->sql, ")");
}

/* Adds at most limit clips to out. */
static bool read_part(struct catalog *c, const struct reading *r, enum part part, int64_t limit,
                      struct clip_list *out, struct dn_error *err)
{
    struct builder b = {0};
    struct clip_list more = {0};
    const char *number, *way = r->upward ? "ASC" : "DESC";
    strbuf_append_text(&b.sql, "SELECT " CLIP_COLUMNS);
    add_source(&b, r->query, r->leader, &number);
    add_bounds(&b, r, part, number);
    strbuf_append_text(&b.sql, " ORDER BY ");
    if (part == PART_BEYOND || part == PART_BOTH)
        strbuf_printf(&b.sql, "%s %s, ", r->order->key, way);
    strbuf_printf(&b.sql, "%s %s", number, way);
    add(&b, " LIMIT ?", value_int(limit));
    sqlite3_stmt *s = statement_new(c, strbuf_text(&b.sql), (struct values){b.values, b.count},
                                    err);
    bool ok = clip_list_read(c, s, &more, err);
    sqlite3_finalize(s);
    builder_done(&b);
    if (more.count) {
        out->items = dn_realloc(out->items, out->count + more.count, sizeof *out->items);
        memcpy(out->items + out->count, more.items, more.count * sizeof *more.items);
        out->count += more.count;
    }
    free(more.items);
    return ok;
}

/* The key of the clip that bounds the page; *found = false: it is gone. The caller frees *text. */
static bool read_key(struct catalog *c, struct reading *r, char **text, bool *found,
                     struct dn_error *err)
{
    char *sql = dn_asprintf("SELECT %s FROM clips c WHERE c.id = ?", r->order->key);
    sqlite3_stmt *s = statement_new(c, sql, VALUES(value_int(r->bound)), err);
    bool ok = s && statement_step(c, s, found, err);
    free(sql);
    *text = NULL;
    if (ok && *found) {
        int type = sqlite3_column_type(s, 0);
        if (type == SQLITE_TEXT)
            *text = column_dup(s, 0);
        r->key = type == SQLITE_TEXT      ? value_text(*text)
                 : type == SQLITE_INTEGER ? value_int(sqlite3_column_int64(s, 0))
                                          : value_real(sqlite3_column_double(s, 0));
    }
    sqlite3_finalize(s);
    return ok;
}

/* In an order that has a key: sorted when few match, else along the order's index, where those that
 * share the bound's key come first. (One condition for both is beyond SQLite's planner.) */
static bool read_keyed(struct catalog *c, struct reading *r, int64_t limit, struct clip_list *out,
                       struct dn_error *err)
{
    const struct clip_query *q = r->query;
    bool any = q->words || q->not_words || q->parts || q->filter_count || q->trash, found = true;
    int64_t count = SORT_MOST + 1;
    char *text = NULL;
    if (any && !count_by(c, q, r->leader.filter, SORT_MOST + 1, &count, err))
        return false;
    if (r->bound && !read_key(c, r, &text, &found, err))
        return false;
    bool ok = true;
    if (count <= SORT_MOST || q->trash) {
        ok = !found || read_part(c, r, PART_BOTH, limit, out, err);
    } else {
        r->leader = (struct leader){-1, r->order->index};
        if (found && r->bound)
            ok = read_part(c, r, PART_SAME_KEY, limit, out, err);
        if (ok && found && (int64_t)out->count < limit)
            ok = read_part(c, r, PART_BEYOND, limit - (int64_t)out->count, out, err);
    }
    free(text);
    return ok;
}

bool catalog_search(struct catalog *c, const struct clip_query *q, const struct catalog_page *page,
                    struct clip_list *out, struct dn_error *err)
{
    assert(page->limit >= 1 && page->limit <= 1000 && !(page->below && page->above));
    struct reading r = {.query = q ? q : &everything, .order = &orders[page->order],
                        .bound = page->below ? page->below : page->above, .with = page->with};
    bool backward = page->above || (page->bottom && !page->below);
    *out = (struct clip_list){0};
    r.upward = r.order->downward == backward;
    if (!choose_leader(c, r.query, &r.leader.filter, err))
        return false;
    bool ok = r.order->key ? read_keyed(c, &r, page->limit, out, err)
                           : read_part(c, &r, PART_NUMBER, page->limit, out, err);
    if (!ok)
        clip_list_done(out);
    if (backward)
        reverse(out);
    return ok;
}

bool catalog_count(struct catalog *c, const struct clip_query *q, int64_t at_most, int64_t *out,
                   struct dn_error *err)
{
    int filter;
    q = q ? q : &everything;
    return choose_leader(c, q, &filter, err) && count_by(c, q, filter, at_most, out, err);
}
