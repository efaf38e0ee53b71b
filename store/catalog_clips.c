/* catalog_clips: see catalog_clips.h */
#include "store/catalog_clips.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "store/catalog_internal.h"

static const char *const state_names[JOB_STATES] = {
    [JOB_QUEUED] = "queued",       [JOB_PAUSED] = "paused", [JOB_RUNNING] = "running",
    [JOB_DONE] = "done",           [JOB_FAILED] = "failed", [JOB_CANCELLED] = "cancelled",
    [JOB_SET_ASIDE] = "set aside",
};
static const char *const origin_names[CLIP_ORIGINS] = {
    [CLIP_GENERATE] = "generate", [CLIP_BRANCH] = "branch", [CLIP_EXTEND] = "extend",
    [CLIP_VARY] = "vary",         [CLIP_REDO] = "redo",     [CLIP_IMPORT] = "import",
};

bool job_state_is_failure(enum job_state state)
{
    return state == JOB_FAILED || state == JOB_SET_ASIDE;
}

const char *job_state_name(enum job_state state)
{
    return state_names[state];
}

const char *clip_origin_name(enum clip_origin origin)
{
    return origin_names[origin];
}

static bool find_name(const char *name, const char *const *names, int count, int *out)
{
    for (int i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = i;
            return true;
        }
    return false;
}

bool job_state_parse(const char *name, enum job_state *out)
{
    int index;
    if (!find_name(name, state_names, JOB_STATES, &index))
        return false;
    *out = (enum job_state)index;
    return true;
}

/* The strings of a clip, so that they are freed and defaulted in one place. */
#define CLIP_STRINGS(X)                                                                            \
    X(prompt) X(negative) X(noise) X(model) X(model_sha256) X(sampler) X(attention) X(backend)     \
    X(notes) X(folder) X(request_json) X(timings_json)

void clip_done(struct clip *clip)
{
#define X(name) free((void *)clip->name);
    CLIP_STRINGS(X)
#undef X
    *clip = (struct clip){0};
}

void clip_list_done(struct clip_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        clip_done(&list->items[i]);
    free(list->items);
    *list = (struct clip_list){0};
}

bool catalog_no_clip(int64_t id, struct dn_error *err)
{
    dn_fail(err, DN_E_ARG, "there is no clip %" PRId64, id);
    return dn_error_hint(err, "danaus list shows the numbers");
}

bool clip_from_row(sqlite3_stmt *s, struct clip *out, struct dn_error *err)
{
    int status, origin;
    const char *status_text = (const char *)sqlite3_column_text(s, 1);
    const char *origin_text = (const char *)sqlite3_column_text(s, 2);
    if (!status_text || !find_name(status_text, state_names, JOB_STATES, &status) ||
        !origin_text || !find_name(origin_text, origin_names, CLIP_ORIGINS, &origin))
        return dn_fail(err, DN_E_FORMAT, "the catalog's clip %lld has the status \"%s\"",
                       (long long)sqlite3_column_int64(s, 0), status_text ? status_text : "");
    *out = (struct clip){
        .id = sqlite3_column_int64(s, 0),
        .status = (enum job_state)status,
        .origin = (enum clip_origin)origin,
        .prompt = column_dup(s, 3),
        .negative = column_dup(s, 4),
        .seed = (uint64_t)sqlite3_column_int64(s, 5),
        .noise = column_dup(s, 6),
        .model = column_dup(s, 7),
        .model_sha256 = column_dup(s, 8),
        .width = sqlite3_column_int64(s, 9),
        .height = sqlite3_column_int64(s, 10),
        .frames = sqlite3_column_int64(s, 11),
        .fps = sqlite3_column_double(s, 12),
        .chunks = sqlite3_column_int64(s, 13),
        .chunks_done = sqlite3_column_int64(s, 14),
        .sampler = column_dup(s, 15),
        .attention = column_dup(s, 16),
        .backend = column_dup(s, 17),
        .created_ms = sqlite3_column_int64(s, 18),
        .started_ms = sqlite3_column_int64(s, 19),
        .finished_ms = sqlite3_column_int64(s, 20),
        .trashed_ms = sqlite3_column_int64(s, 21),
        .parent_id = sqlite3_column_int64(s, 22),
        .parent_chunk = sqlite3_column_int64(s, 23),
        .rating = sqlite3_column_int(s, 24),
        .favourite = sqlite3_column_int(s, 25) != 0,
        .notes = column_dup(s, 26),
        .folder = column_dup(s, 27),
        .request_json = dn_strdup(""),
        .timings_json = dn_strdup(""),
    };
    return true;
}

bool clip_list_read(struct catalog *c, sqlite3_stmt *s, struct clip_list *out,
                    struct dn_error *err)
{
    size_t room = 0;
    bool row = true, ok = s != NULL;
    *out = (struct clip_list){0};
    while (ok && (ok = statement_step(c, s, &row, err)) && row) {
        if (out->count == room) {
            room = room ? room * 2 : 32;
            out->items = dn_realloc(out->items, room, sizeof *out->items);
        }
        ok = clip_from_row(s, &out->items[out->count], err);
        out->count += ok;
    }
    if (!ok)
        clip_list_done(out);
    return ok;
}

/* clips/2026/11/25/000017-a-red-fox: found by eye, sorted by time, never the same twice. */
char *clip_choose_folder(int64_t id, int64_t created_ms, const char *prompt)
{
    char slug[41];
    size_t n = 0;
    for (const char *p = prompt; *p && n < sizeof slug - 1; p++) {
        char ch = *p;
        if (ch >= 'A' && ch <= 'Z')
            ch = (char)(ch - 'A' + 'a');
        if ((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9'))
            slug[n++] = ch;
        else if (n > 0 && slug[n - 1] != '-')
            slug[n++] = '-';
    }
    while (n > 0 && slug[n - 1] == '-')
        n--;
    slug[n] = '\0';
    time_t seconds = (time_t)(created_ms / 1000);
    struct tm day;
    localtime_r(&seconds, &day);
    return dn_asprintf("clips/%04d/%02d/%02d/%06" PRId64 "%s%s", day.tm_year + 1900,
                       day.tm_mon + 1, day.tm_mday, id, n ? "-" : "", slug);
}

static bool find_model(struct catalog *c, const char *name, const char *sha256, int64_t *id,
                       struct dn_error *err)
{
    struct values v = VALUES(value_text(name), value_text(sha256));
    return catalog_run(c, "INSERT OR IGNORE INTO models(name, sha256) VALUES (?, ?)", v, NULL,
                       err) &&
           catalog_read_int(c, "SELECT id FROM models WHERE name = ? AND sha256 = ?", v, id, NULL,
                            err);
}

static bool insert_row(struct catalog *c, const struct clip *clip, int64_t model, int64_t created,
                       int64_t *id, struct dn_error *err)
{
    static const char sql[] =
        "INSERT INTO clips(id, status, origin, created_ms, started_ms, finished_ms, rating, favourite,"
        " width, height, frames, fps, chunks, chunks_done, seed, noise, model_id, sampler,"
        " attention, backend, parent_id, parent_chunk, folder, prompt, negative, notes)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,'',?,?,?)";
    struct value parent_chunk = value_int(clip->parent_chunk);
    if (!clip->parent_id)
        parent_chunk.type = VALUE_NULL;
    if (!catalog_run(
            c, sql,
            VALUES(value_int_or_null(clip->id), value_text(state_names[clip->status]),
                   value_text(origin_names[clip->origin]), value_int(created), value_int_or_null(clip->started_ms),
                   value_int_or_null(clip->finished_ms), value_int(clip->rating),
                   value_int(clip->favourite), value_int(clip->width), value_int(clip->height),
                   value_int(clip->frames), value_real(clip->fps), value_int(clip->chunks),
                   value_int(clip->chunks_done), value_int((int64_t)clip->seed),
                   value_text(clip->noise), value_int(model), value_text(clip->sampler),
                   value_text(clip->attention), value_text(clip->backend),
                   value_int_or_null(clip->parent_id), parent_chunk, value_text(clip->prompt),
                   value_text(clip->negative), value_text(clip->notes)),
            NULL, err))
        return false;
    *id = sqlite3_last_insert_rowid(c->db);
    return true;
}

static bool check_clip(struct catalog *c, const struct clip *clip, struct dn_error *err)
{
    const char *texts[] = {clip->prompt, clip->negative, clip->notes};
    for (int i = 0; i < 3; i++)
        if (texts[i] && !dn_utf8_valid(texts[i], strlen(texts[i])))
            return dn_fail(err, DN_E_ARG, "the %s is not UTF-8",
                           i == 0 ? "prompt" : i == 1 ? "negative prompt" : "note");
    if (clip->seed > INT64_MAX)
        return dn_fail(err, DN_E_ARG, "the seed %" PRIu64 " is over 2^63-1", clip->seed);
    if (clip->rating < 0 || clip->rating > 5)
        return dn_fail(err, DN_E_ARG, "a rating is 0 to 5, not %d", clip->rating);
    if (!clip->parent_id)
        return true;
    int64_t one;
    bool found;
    if (!catalog_read_int(c, "SELECT 1 FROM clips WHERE id = ?", VALUES(value_int(clip->parent_id)),
                          &one, &found, err))
        return false;
    return found || catalog_no_clip(clip->parent_id, err);
}

bool catalog_add_clip(struct catalog *c, const struct clip *clip, int64_t *id,
                      struct dn_error *err)
{
    int64_t model = 0, new_id = 0, created = clip->created_ms ? clip->created_ms : catalog_now_ms();
    if (!check_clip(c, clip, err) || !catalog_enter(c, err))
        return false;
    bool ok = find_model(c, clip->model, clip->model_sha256, &model, err) &&
              insert_row(c, clip, model, created, &new_id, err) &&
              catalog_run(c, "INSERT INTO clip_details(clip_id, request, timings) VALUES (?,?,?)",
                          VALUES(value_int(new_id), value_text(clip->request_json),
                                 value_text(clip->timings_json)),
                          NULL, err);
    if (ok) {
        char *folder = clip->folder ? dn_strdup(clip->folder)
                                    : clip_choose_folder(new_id, created,
                                                         clip->prompt ? clip->prompt : "");
        ok = catalog_run(c, "UPDATE clips SET folder = ?, trashed_ms = ? WHERE id = ?",
                         VALUES(value_text(folder), value_int_or_null(clip->trashed_ms),
                                value_int(new_id)),
                         NULL, err);
        free(folder);
    }
    if (!catalog_leave(c, ok, err))
        return false;
    *id = new_id;
    return true;
}

bool catalog_get_clip(struct catalog *c, int64_t id, struct clip *out, struct dn_error *err)
{
    bool row = false;
    *out = (struct clip){0};
    sqlite3_stmt *s = statement_begin(
        c,
        "SELECT " CLIP_COLUMNS ", d.request, d.timings FROM clips c"
        " JOIN models m ON m.id = c.model_id LEFT JOIN clip_details d ON d.clip_id = c.id"
        " WHERE c.id = ?",
        VALUES(value_int(id)), err);
    bool ok = s && statement_step(c, s, &row, err) && (row || catalog_no_clip(id, err)) &&
              clip_from_row(s, out, err);
    if (ok) {
        free((void *)out->request_json);
        free((void *)out->timings_json);
        out->request_json = column_dup(s, sqlite3_column_count(s) - 2);
        out->timings_json = column_dup(s, sqlite3_column_count(s) - 1);
    }
    statement_end(s);
    return ok;
}

bool catalog_children(struct catalog *c, int64_t id, int64_t after, int limit,
                      struct clip_list *out, struct dn_error *err)
{
    sqlite3_stmt *s =
        id ? statement_begin(c,
                             "SELECT " CLIP_COLUMNS " FROM clips c JOIN models m ON m.id ="
                             " c.model_id WHERE c.parent_id = ? AND c.id > ? ORDER BY c.id LIMIT ?",
                             VALUES(value_int(id), value_int(after), value_int(limit)), err)
           : statement_begin(c,
                             "SELECT " CLIP_COLUMNS " FROM clips c JOIN models m ON m.id ="
                             " c.model_id WHERE c.parent_id IS NULL AND c.id > ?"
                             " ORDER BY c.id LIMIT ?",
                             VALUES(value_int(after), value_int(limit)), err);
    bool ok = clip_list_read(c, s, out, err);
    statement_end(s);
    return ok;
}

/* An UPDATE of one clip: it must be there. */
static bool change(struct catalog *c, int64_t id, const char *sql, struct values v,
                   struct dn_error *err)
{
    int64_t changed = 0;
    if (!catalog_run(c, sql, v, &changed, err))
        return false;
    return changed > 0 || catalog_no_clip(id, err);
}

bool catalog_set_rating(struct catalog *c, int64_t id, int rating, struct dn_error *err)
{
    if (rating < 0 || rating > 5)
        return dn_fail(err, DN_E_ARG, "a rating is 0 to 5, not %d", rating);
    return change(c, id, "UPDATE clips SET rating = ? WHERE id = ?",
                  VALUES(value_int(rating), value_int(id)), err);
}

bool catalog_set_favourite(struct catalog *c, int64_t id, bool on, struct dn_error *err)
{
    return change(c, id, "UPDATE clips SET favourite = ? WHERE id = ?",
                  VALUES(value_int(on), value_int(id)), err);
}

bool catalog_set_notes(struct catalog *c, int64_t id, const char *notes, struct dn_error *err)
{
    if (!dn_utf8_valid(notes, strlen(notes)))
        return dn_fail(err, DN_E_ARG, "the note is not UTF-8");
    return change(c, id, "UPDATE clips SET notes = ? WHERE id = ?",
                  VALUES(value_text(notes), value_int(id)), err);
}

static bool set_model_hash(struct catalog *c, int64_t id, const char *sha256, struct dn_error *err)
{
    struct values v = VALUES(value_text(sha256), value_int(id));
    return catalog_run(c,
                       "INSERT OR IGNORE INTO models(name, sha256) SELECT m.name, ?1 FROM clips c"
                       " JOIN models m ON m.id = c.model_id WHERE c.id = ?2",
                       v, NULL, err) &&
           catalog_run(c,
                       "UPDATE clips SET model_id = (SELECT n.id FROM models m JOIN models n ON"
                       " n.name = m.name AND n.sha256 = ?1 WHERE m.id = clips.model_id)"
                       " WHERE id = ?2",
                       v, NULL, err);
}

bool catalog_set_request(struct catalog *c, int64_t id, const char *request_json,
                         struct dn_error *err)
{
    return change(c, id, "UPDATE clip_details SET request = ? WHERE clip_id = ?",
                  VALUES(value_text(request_json), value_int(id)), err);
}

bool catalog_set_facts(struct catalog *c, int64_t id, const struct clip_facts *facts,
                       struct dn_error *err)
{
    if (!catalog_enter(c, err))
        return false;
    struct value keep = {.type = VALUE_NULL};
    bool ok = change(c, id,
                     "UPDATE clips SET backend = coalesce(?, backend),"
                     " attention = coalesce(?, attention), chunks = coalesce(?, chunks)"
                     " WHERE id = ?",
                     VALUES(facts->backend ? value_text(facts->backend) : keep,
                            facts->attention ? value_text(facts->attention) : keep,
                            value_int_or_null(facts->chunks), value_int(id)),
                     err) &&
              (!facts->model_sha256 || set_model_hash(c, id, facts->model_sha256, err));
    return catalog_leave(c, ok, err);
}

bool catalog_get_totals(struct catalog *c, struct catalog_totals *out, struct dn_error *err)
{
    bool row = true;
    *out = (struct catalog_totals){0};
    sqlite3_stmt *s = statement_begin(c, "SELECT name, value FROM totals", NO_VALUES, err);
    bool ok = s != NULL;
    while (ok && (ok = statement_step(c, s, &row, err)) && row) {
        const char *name = (const char *)sqlite3_column_text(s, 0);
        int64_t value = sqlite3_column_int64(s, 1);
        int state;
        if (!name)
            continue;
        if (strcmp(name, "trashed") == 0)
            out->trashed = value;
        else if (strcmp(name, "bytes") == 0)
            out->bytes = value;
        else if (find_name(name, state_names, JOB_STATES, &state))
            out->clips += out->by_state[state] = value;
    }
    statement_end(s);
    return ok;
}
