/* catalog_leader: see catalog_leader.h */
#include "store/catalog_leader.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/catalog_clips.h"

int builder_value(struct builder *b, struct value value)
{
    assert(b->count < MAX_VALUES);
    b->values[b->count++] = value;
    return (int)b->count;
}

void builder_add(struct builder *b, const char *sql, struct value value)
{
    int number = builder_value(b, value);
    for (const char *p = sql; *p; p++) {
        strbuf_append(&b->sql, p, 1);
        if (*p == '?')
            strbuf_printf(&b->sql, "%d", number);
    }
}

char *builder_keep(struct builder *b, char *text)
{
    assert(b->kept_count < MAX_VALUES);
    return b->kept[b->kept_count++] = text;
}

void builder_done(struct builder *b)
{
    for (size_t i = 0; i < b->kept_count; i++)
        free(b->kept[i]);
    strbuf_done(&b->sql);
}

/* Fields with few values have an index (value, number) of what is not in the trash. */
static const struct {
    enum clip_field field;
    const char *column, *index, *collate;
} columns[] = {
    {FIELD_MODEL, "model_id", "clips_model", ""},
    {FIELD_RATING, "rating", "clips_by_rating", ""},
    {FIELD_FRAMES, "frames", "clips_frames", ""},
    {FIELD_WIDTH, "width", "clips_width", ""},
    {FIELD_HEIGHT, "height", "clips_height", ""},
    {FIELD_SAMPLER, "sampler", "clips_sampler", " COLLATE NOCASE"},
    {FIELD_ATTENTION, "attention", "clips_attention", " COLLATE NOCASE"},
    {FIELD_BACKEND, "backend", "clips_backend", " COLLATE NOCASE"},
    {FIELD_ORIGIN, "origin", "clips_origin", " COLLATE NOCASE"},
    {FIELD_STATUS, "status", NULL, " COLLATE NOCASE"},
    {FIELD_SEED, "seed", NULL, ""},
    {FIELD_FAVOURITE, "favourite", NULL, ""},
    {FIELD_CREATED, "created_ms", NULL, ""},
};

static int column_of(enum clip_field field)
{
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        if (columns[i].field == field)
            return (int)i;
    return -1;
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
    return value_text(builder_keep(b, strbuf_take(&s)));
}

static struct value filter_value(const struct clip_filter *f)
{
    return f->text ? value_text(f->text) : value_int(f->number);
}

static const char *const signs[] = {" = ?", " < ?", " <= ?", " > ?", " >= ?"};

/* What must hold of that column. */
static void add_condition(struct builder *b, const struct clip_filter *f, const char *column)
{
    strbuf_append_text(&b->sql, f->negate ? " NOT " : " ");
    if (f->field == FIELD_MODEL) {
        strbuf_append_text(&b->sql, column);
        builder_add(b, " IN (SELECT id FROM models WHERE name LIKE ? ESCAPE '\\')",
                    like(b, f->text));
        return;
    }
    strbuf_append_text(&b->sql, column);
    builder_add(b, f->text ? " = ? COLLATE NOCASE" : signs[f->compare], filter_value(f));
}

void builder_filter(struct builder *b, const struct clip_filter *f)
{
    const char *negate = f->negate ? " NOT " : " ";
    switch (f->field) {
    case FIELD_TAG:
        strbuf_append_text(&b->sql, negate);
        builder_add(b,
                    "EXISTS (SELECT 1 FROM clip_tags WHERE clip_id = c.id AND tag_id ="
                    " (SELECT id FROM tags WHERE name = ? AND removed_ms IS NULL))",
                    value_text(f->text));
        break;
    case FIELD_COLLECTION:
        strbuf_append_text(&b->sql, negate);
        builder_add(b,
                    "EXISTS (SELECT 1 FROM collection_clips WHERE clip_id = c.id AND"
                     " collection_id = (SELECT id FROM collections"
                     " WHERE name = ? AND removed_ms IS NULL))",
                    value_text(f->text));
        break;
    case FIELD_PARENT: /* NOT (NULL = 17) would be neither true nor false */
        strbuf_append_text(&b->sql, negate);
        builder_add(b, "coalesce(c.parent_id, 0) = ?", value_int(f->number));
        break;
    default: {
        char *column = dn_asprintf("c.%s", columns[column_of(f->field)].column);
        add_condition(b, f, column);
        free(column);
    }
    }
}

/* --- one index --- */

char *leader_from(const struct clip_filter *f)
{
    if (f->field == FIELD_SEED && !f->negate)
        return dn_asprintf("(SELECT id FROM clips INDEXED BY clips_seed WHERE seed%s)",
                           signs[f->compare]);
    if (f->field == FIELD_CREATED && !f->negate)
        return dn_asprintf("(SELECT id FROM clips INDEXED BY clips_created WHERE trashed_ms IS NULL"
                           " AND created_ms%s)",
                           signs[f->compare]);
    if (f->negate || f->compare != COMPARE_EQUAL)
        return NULL;
    switch (f->field) {
    case FIELD_TAG:
        return dn_strdup("(SELECT clip_id AS id FROM clip_tags WHERE tag_id ="
                         " (SELECT id FROM tags WHERE name = ? AND removed_ms IS NULL))");
    case FIELD_COLLECTION:
        return dn_strdup("(SELECT clip_id AS id FROM collection_clips WHERE collection_id ="
                         " (SELECT id FROM collections WHERE name = ? AND removed_ms IS NULL))");
    case FIELD_PARENT:
        return dn_strdup("(SELECT id FROM clips INDEXED BY clips_parent WHERE parent_id = ?)");
    case FIELD_STATUS:
        return strcmp(f->text, "done") == 0
                   ? NULL
                   : dn_strdup("(SELECT id FROM clips INDEXED BY clips_status WHERE status = ?"
                               " AND status <> 'done')");
    case FIELD_FAVOURITE:
        return f->number ? dn_strdup("(SELECT id FROM clips INDEXED BY clips_favourite"
                                     " WHERE favourite = 1 AND 1 = ?)")
                         : NULL;
    default:
        return NULL;
    }
}

/* How many rows sql gives, at most LEADER_ENOUGH + 1. */
static bool count_rows(struct catalog *c, const char *sql, struct value value, int64_t *out,
                       struct dn_error *err)
{
    char *text = dn_asprintf("SELECT count(*) FROM (%s LIMIT %d)", sql, LEADER_ENOUGH + 1);
    sqlite3_stmt *s = statement_new(c, text, VALUES(value), err);
    bool row = false, ok = s && statement_step(c, s, &row, err);
    *out = ok ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_finalize(s);
    free(text);
    return ok;
}

static bool try_index(struct catalog *c, const struct clip_filter *f, bool trash,
                      struct leader *out, struct dn_error *err)
{
    char *from = trash && f->field == FIELD_CREATED ? NULL : leader_from(f);
    if (!from)
        return true;
    char *sql = dn_asprintf("SELECT 1 FROM %s", from);
    bool ok = count_rows(c, sql, filter_value(f), &out->count, err);
    out->kind = f->compare == COMPARE_EQUAL   ? LEAD_INDEX
                : out->count <= LEADER_ENOUGH ? LEAD_RANGE
                                              : LEAD_ALL;
    free(sql);
    free(from);
    return ok;
}

/* --- an index for each value --- */

/* The values of a column for which the filter holds, found by going from one to the next. False in
 * *few: more than LEADER_VALUES. */
static bool find_values(struct catalog *c, const struct clip_filter *f, int column,
                        struct leader *out, bool *few, struct dn_error *err)
{
    const char *name = columns[column].column, *index = columns[column].index;
    struct builder b = {0};
    strbuf_printf(&b.sql,
                  "WITH RECURSIVE v(x) AS (SELECT min(%s%s) FROM clips INDEXED BY %s"
                  " WHERE trashed_ms IS NULL UNION ALL SELECT (SELECT min(%s%s) FROM clips"
                  " INDEXED BY %s WHERE trashed_ms IS NULL AND %s%s > v.x) FROM v"
                  " WHERE v.x IS NOT NULL) SELECT x FROM v WHERE x IS NOT NULL AND",
                  name, columns[column].collate, index, name, columns[column].collate, index, name,
                  columns[column].collate);
    add_condition(&b, f, "x");
    strbuf_printf(&b.sql, " LIMIT %d", LEADER_VALUES + 1);
    sqlite3_stmt *s =
        statement_new(c, strbuf_text(&b.sql), (struct values){b.values, b.count}, err);
    bool row = true, ok = s != NULL;
    *few = true;
    while (ok && *few && (ok = statement_step(c, s, &row, err)) && row) {
        int n = out->value_count;
        *few = n < LEADER_VALUES;
        if (*few && f->text && f->field != FIELD_MODEL)
            out->values[n] = value_text(out->texts[n] = column_dup(s, 0));
        else if (*few)
            out->values[n] = value_int(sqlite3_column_int64(s, 0));
        out->value_count += *few;
    }
    sqlite3_finalize(s);
    builder_done(&b);
    return ok;
}

/* Everything but what is done: a merge of the other states. */
static void try_states(const struct clip_filter *f, struct leader *out)
{
    if (f->field != FIELD_STATUS || !f->negate || strcmp(f->text, "done") != 0)
        return;
    out->kind = LEAD_MERGE;
    out->index = "clips_status";
    snprintf(out->column, sizeof out->column, "c.status <> 'done' AND c.status");
    out->count = LEADER_ENOUGH + 1; /* at most */
    for (int i = 0; i < JOB_STATES; i++)
        if (i != JOB_DONE)
            out->values[out->value_count++] = value_text(job_state_name((enum job_state)i));
}

static bool try_values(struct catalog *c, const struct clip_filter *f, struct leader *out,
                       struct dn_error *err)
{
    int column = column_of(f->field);
    bool few = false;
    try_states(f, out);
    if (column < 0 || !columns[column].index)
        return true;
    if (!find_values(c, f, column, out, &few, err))
        return false;
    if (!few)
        return true;
    out->kind = LEAD_MERGE;
    out->index = columns[column].index;
    snprintf(out->column, sizeof out->column, "c.%s%s", columns[column].column,
             columns[column].collate);
    char *sql = dn_asprintf("SELECT 1 FROM clips INDEXED BY %s WHERE trashed_ms IS NULL AND %s%s ="
                            " ?",
                            out->index, columns[column].column, columns[column].collate);
    bool ok = true;
    for (int i = 0; ok && i < out->value_count && out->count <= LEADER_ENOUGH; i++) {
        int64_t count;
        ok = count_rows(c, sql, out->values[i], &count, err);
        out->count += count;
    }
    free(sql);
    return ok;
}

void leader_done(struct leader *leader)
{
    for (int i = 0; i < leader->value_count; i++)
        free(leader->texts[i]);
    *leader = (struct leader){0};
}

bool leader_choose(struct catalog *c, const struct clip_query *q, struct leader *out,
                   struct dn_error *err)
{
    *out = (struct leader){.kind = LEAD_ALL, .filter = -1, .count = INT64_MAX};
    for (size_t i = 0; i < q->filter_count; i++) {
        struct leader l = {.kind = LEAD_ALL, .filter = (int)i};
        const struct clip_filter *f = &q->filters[i];
        bool ok = try_index(c, f, q->trash, &l, err) &&
                  (l.kind != LEAD_ALL || q->trash || try_values(c, f, &l, err));
        if (ok && l.kind != LEAD_ALL && l.count < out->count) {
            struct leader worse = *out;
            *out = l;
            l = worse;
        }
        leader_done(&l);
        if (!ok) {
            leader_done(out);
            return false;
        }
    }
    return true;
}
