/* catalog_search: see catalog_search.h
 *
 * The statement is written so that one index gives the clips' numbers in order and everything else
 * is asked of each number that comes, until the page is full: a full-text table when there are
 * words, the pairs of a tag, the clips of a model, the index of what is not in the trash. SQLite's
 * planner has no say in which: without statistics it guesses, and a wrong guess costs seconds at a
 * million clips. A filter that few clips pass leads even when there are words: each word is then
 * asked of those few.
 * A second full-text question (words that must not be there, letters beside words) is a second
 * list in the same order: EXCEPT or INTERSECT, which SQLite merges as both come.
 *
 * In another order than by number either its index leads and everything is asked of each clip, or,
 * when at most SORT_MOST clips match, these are found as above and sorted. */
#include "store/catalog_search.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/catalog_leader.h"

enum { SORT_MOST = 20000 };

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

/* A search made ready: a statement of clip numbers, its bounds and limit to be bound. */
struct plan {
    struct builder b;
    struct leader leader;
    bool merged; /* with lists of full-text tables, instead of asking those of each number */
    int low, high, limit; /* numbers of their values */
};

/* " AND ... MATCH": asked of each number that comes. */
static void add_match(struct plan *p, const char *table, const char *words, bool negate)
{
    strbuf_printf(&p->b.sql, " AND %sEXISTS (SELECT 1 FROM %s WHERE %s", negate ? "NOT " : "",
                  table, table);
    builder_add(&p->b, " MATCH ? AND rowid = c.id)", value_text(words));
}

/* The same as a list. */
static void add_list(struct plan *p, const char *table, const char *words, bool negate)
{
    strbuf_printf(&p->b.sql, " %s SELECT rowid FROM %s WHERE %s", negate ? "EXCEPT" : "INTERSECT",
                  table, table);
    builder_add(&p->b, " MATCH ?", value_text(words));
    strbuf_printf(&p->b.sql, " AND rowid BETWEEN ?%d AND ?%d", p->low, p->high);
}

/* What each clip is asked; lead_table = the full-text table that leads, "" = none. */
static void add_where(struct plan *p, const struct clip_query *q, const char *words,
                      const char *lead_table, const char *order)
{
    strbuf_printf(&p->b.sql, " AND c.trashed_ms IS %sNULL AND %s BETWEEN ?%d AND ?%d",
                  q->trash ? "NOT " : "", order, p->low, p->high);
    for (size_t i = 0; i < q->filter_count; i++)
        if (p->leader.kind < LEAD_INDEX || (int)i != p->leader.filter) {
            strbuf_append_text(&p->b.sql, " AND");
            builder_filter(&p->b, &q->filters[i]);
        }
    if (words && strcmp(lead_table, "clip_words") != 0)
        add_match(p, "clip_words", words, false);
    if (q->parts && strcmp(lead_table, "clip_parts") != 0 && !p->merged)
        add_match(p, "clip_parts", q->parts, false);
    if (!words && q->not_words && !p->merged)
        add_match(p, "clip_words", q->not_words, true);
}

/* SELECT ... UNION ALL SELECT ...: each arm in order, so SQLite merges them as they come. */
static void add_arms(struct plan *p, const struct clip_query *q, const char *words)
{
    struct strbuf before = p->b.sql;
    size_t count = p->b.count;
    p->b.sql = (struct strbuf){0};
    add_where(p, q, words, "", "c.id");
    char *where = strbuf_take(&p->b.sql);
    p->b.sql = before;
    for (int i = 0; i < p->leader.value_count; i++) {
        strbuf_printf(&p->b.sql, "%sSELECT c.id AS id FROM clips c INDEXED BY %s WHERE %s",
                      i ? " UNION ALL " : "", p->leader.index, p->leader.column);
        builder_add(&p->b, " = ?", p->leader.values[i]);
        strbuf_append_text(&p->b.sql, where);
    }
    if (p->leader.value_count == 0) { /* nothing to ask, so no values for it */
        p->b.count = count;
        strbuf_append_text(&p->b.sql, "SELECT 0 AS id WHERE 0");
    }
    free(where);
}

/* The clips' numbers without order and limit; the column that they are ordered by. */
static const char *add_source(struct plan *p, const struct clip_query *q, const char *words)
{
    struct builder *b = &p->b;
    const char *order = "c.id", *table = words ? "clip_words" : "clip_parts";
    switch (p->leader.kind) {
    case LEAD_MERGE:
        add_arms(p, q, words);
        order = "id";
        break;
    case LEAD_INDEX:
    case LEAD_RANGE: {
        const struct clip_filter *f = &q->filters[p->leader.filter];
        char *from = leader_from(f);
        strbuf_append_text(&b->sql, "SELECT l.id AS id FROM ");
        builder_add(b, from, f->text ? value_text(f->text) : value_int(f->number));
        strbuf_append_text(&b->sql, " l CROSS JOIN clips c ON c.id = l.id WHERE 1");
        free(from);
        order = "l.id";
        add_where(p, q, words, "", order);
        break;
    }
    case LEAD_WORDS:
        order = words ? "clip_words.rowid" : "clip_parts.rowid";
        strbuf_printf(&b->sql, "SELECT %s AS id FROM %s CROSS JOIN clips c ON c.id = %s WHERE %s",
                      order, table, order, table);
        builder_add(b, " MATCH ?", value_text(words ? words : q->parts));
        add_where(p, q, words, table, order);
        break;
    case LEAD_ALL:
        strbuf_printf(&b->sql, "SELECT c.id AS id FROM clips c INDEXED BY %s WHERE 1",
                      q->trash ? "clips_trash" : "clips_live");
        add_where(p, q, words, "", order);
        break;
    }
    if (p->merged && words && q->parts)
        add_list(p, "clip_parts", q->parts, false);
    if (p->merged && !words && q->not_words)
        add_list(p, "clip_words", q->not_words, true);
    return p->merged ? "id" : order;
}

/* How many rows the statement so far gives, at most few + 1. */
static bool count_few(struct catalog *c, struct plan *p, int64_t few, int64_t *out,
                      struct dn_error *err)
{
    struct builder *b = &p->b;
    char *sql = dn_asprintf("SELECT count(*) FROM (%s LIMIT %lld)", strbuf_text(&b->sql),
                            (long long)few + 1);
    sqlite3_stmt *s = statement_new(c, sql, (struct values){b->values, b->count}, err);
    bool row = false, ok = s && statement_step(c, s, &row, err);
    *out = ok && row ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_finalize(s);
    free(sql);
    return ok;
}

/* Starts the statement's text anew; bounds and limit are its first values. */
static void begin(struct plan *p)
{
    builder_done(&p->b);
    p->b = (struct builder){0};
    p->low = builder_value(&p->b, value_int(1));
    p->high = builder_value(&p->b, value_int(INT64_MAX));
    p->limit = builder_value(&p->b, value_int(0));
}

/* Words lead unless they are frequent and a filter gives few clips. */
static bool choose_words(struct catalog *c, struct plan *p, const struct clip_query *q,
                         const char *words, bool *frequent, struct dn_error *err)
{
    const struct clip_query without = {
        .filters = q->filters, .filter_count = q->filter_count, .trash = q->trash};
    int64_t matches = 0, pass = 0;
    char *sql = dn_asprintf("SELECT count(*) FROM (SELECT 1 FROM %s WHERE %s MATCH ?1 LIMIT %d)",
                            words ? "clip_words" : "clip_parts",
                            words ? "clip_words" : "clip_parts", LEADER_FEW + 1);
    sqlite3_stmt *s = statement_new(c, sql, VALUES(value_text(words ? words : q->parts)), err);
    bool row = false, ok = s && statement_step(c, s, &row, err);
    matches = ok && row ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_finalize(s);
    free(sql);
    *frequent = matches > LEADER_FEW;
    bool filter = *frequent && p->leader.kind >= LEAD_INDEX && p->leader.count <= LEADER_ENOUGH;
    if (ok && filter) {
        add_source(p, &without, NULL);
        ok = count_few(c, p, LEADER_FEW, &pass, err);
        begin(p);
    }
    if (!filter || pass > LEADER_FEW)
        p->leader.kind = LEAD_WORDS;
    return ok;
}

static bool make_plan(struct catalog *c, const struct clip_query *q, bool upward, struct plan *p,
                      struct dn_error *err)
{
    *p = (struct plan){0};
    begin(p);
    bool frequent = true;
    const char *words = q->words;
    char *both =
        q->words && q->not_words ? dn_asprintf("(%s) NOT (%s)", q->words, q->not_words) : NULL;
    words = both ? both : words;
    bool ok = leader_choose(c, q, &p->leader, err);
    if (ok && (words || q->parts) && q->filter_count > 0)
        ok = choose_words(c, p, q, words, &frequent, err);
    else if (words || q->parts)
        p->leader.kind = LEAD_WORDS;
    if (ok) {
        p->merged = p->leader.kind == LEAD_WORDS ? frequent && (q->parts || q->not_words)
                                                 : p->leader.count > LEADER_FEW && q->not_words;
        if (both)
            words = builder_keep(&p->b, both);
        const char *order = add_source(p, q, words);
        strbuf_printf(&p->b.sql, " ORDER BY %s %s LIMIT ?%d", order, upward ? "ASC" : "DESC",
                      p->limit);
    } else {
        free(both);
    }
    return ok;
}

static void plan_done(struct plan *p)
{
    leader_done(&p->leader);
    builder_done(&p->b);
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

/* --- pages --- */

/* Part of a page: by number; of those that share the bound's key; of those beyond it; both. */
enum part { PART_NUMBER, PART_SAME_KEY, PART_BEYOND, PART_BOTH };

struct reading {
    const struct clip_query *query;
    const struct order *order;
    bool upward;   /* from the smallest key on */
    int64_t bound; /* a clip, 0 = none */
    bool with;
    struct value key; /* the bound's */
};

static void add_bounds(struct builder *b, const struct reading *r, enum part part)
{
    const char *key = r->order->key, *sign = r->upward ? ">" : "<", *equal = r->with ? "=" : "";
    if (!r->bound)
        return;
    strbuf_append_text(&b->sql, " AND (");
    if (part == PART_BEYOND || part == PART_BOTH) {
        strbuf_printf(&b->sql, "%s %s", key, sign);
        builder_add(b, part == PART_BOTH ? " ? OR " : " ?", r->key);
    }
    if (part == PART_SAME_KEY || part == PART_BOTH) {
        strbuf_append_text(&b->sql, key);
        builder_add(b, part == PART_BOTH ? " = ? AND " : " = ?", r->key);
    }
    if (part == PART_BOTH) {
        strbuf_printf(&b->sql, "c.id %s%s", sign, equal);
        builder_add(b, " ?", value_int(r->bound));
    }
    strbuf_append_text(&b->sql, ")");
}

#define PAGE "SELECT " CLIP_COLUMNS " FROM clips c "
#define MODELS "CROSS JOIN models m ON m.id = c.model_id WHERE "

static void set_bounds(struct plan *p, int64_t low, int64_t high)
{
    p->b.values[p->low - 1] = value_int(low);
    p->b.values[p->high - 1] = value_int(high);
}

/* The clips whose numbers the plan gives, which it gives between low and high. */
static void wrap(struct plan *p, int64_t low, int64_t high, int64_t limit)
{
    char *ids = strbuf_take(&p->b.sql);
    strbuf_printf(&p->b.sql, PAGE MODELS "c.id IN (%s)", ids);
    free(ids);
    set_bounds(p, low, high);
    p->b.values[p->limit - 1] = value_int(limit);
}

/* Along the order's index, everything asked of each clip. */
static void ask_each(struct plan *p, const struct clip_query *q, const char *index)
{
    const char *words = q->words;
    begin(p);
    if (q->words && q->not_words)
        words = builder_keep(&p->b, dn_asprintf("(%s) NOT (%s)", q->words, q->not_words));
    strbuf_printf(&p->b.sql, PAGE "INDEXED BY %s " MODELS "1", index);
    add_where(p, q, words, "", "c.id");
}

/* Adds at most limit clips to out. */
static bool read_part(struct catalog *c, const struct reading *r, enum part part, int64_t limit,
                      struct clip_list *out, struct dn_error *err)
{
    struct plan p = {0};
    struct clip_list more = {0};
    const char *way = r->upward ? "ASC" : "DESC";
    int64_t edge = r->bound + (r->upward ? !r->with : -!r->with);
    int64_t low = r->bound && r->upward ? edge : 1;
    int64_t high = r->bound && !r->upward ? edge : INT64_MAX;
    bool by_number = part == PART_NUMBER, sorted = by_number || part == PART_BOTH;
    if (sorted && !make_plan(c, r->query, by_number && r->upward, &p, err)) {
        plan_done(&p);
        return false;
    }
    if (by_number)
        wrap(&p, low, high, limit);
    else if (sorted)
        wrap(&p, 1, INT64_MAX, INT64_MAX);
    else
        ask_each(&p, r->query, r->order->index);
    /* the only bounds of the number: of two the planner may take the one that bounds nothing */
    if (part == PART_SAME_KEY)
        set_bounds(&p, low, high);
    if (!by_number)
        add_bounds(&p.b, r, part);
    strbuf_append_text(&p.b.sql, " ORDER BY ");
    if (part == PART_BEYOND || part == PART_BOTH)
        strbuf_printf(&p.b.sql, "%s %s, ", r->order->key, way);
    strbuf_printf(&p.b.sql, "c.id %s", way);
    builder_add(&p.b, " LIMIT ?", value_int(limit));
    sqlite3_stmt *s =
        statement_new(c, strbuf_text(&p.b.sql), (struct values){p.b.values, p.b.count}, err);
    bool ok = clip_list_read(c, s, &more, err);
    sqlite3_finalize(s);
    plan_done(&p);
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
    if (any && !catalog_count(c, q, SORT_MOST + 1, &count, err))
        return false;
    if (r->bound && !read_key(c, r, &text, &found, err))
        return false;
    bool ok = true;
    if (count <= SORT_MOST || q->trash) {
        ok = !found || read_part(c, r, PART_BOTH, limit, out, err);
    } else {
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
    struct reading r = {.query = q ? q : &everything,
                        .order = &orders[page->order],
                        .bound = page->below ? page->below : page->above,
                        .with = page->with};
    bool backward = page->above || (page->bottom && !page->below);
    *out = (struct clip_list){0};
    r.upward = r.order->downward == backward;
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
    struct plan p;
    bool row = false, ok = make_plan(c, q ? q : &everything, false, &p, err);
    p.b.values[p.limit - 1] = value_int(at_most);
    char *sql = dn_asprintf("SELECT count(*) FROM (%s)", strbuf_text(&p.b.sql));
    sqlite3_stmt *s =
        ok ? statement_new(c, sql, (struct values){p.b.values, p.b.count}, err) : NULL;
    ok = s && statement_step(c, s, &row, err);
    *out = ok && row ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_finalize(s);
    free(sql);
    plan_done(&p);
    return ok;
}
