/* clip_text: see clip_text.h */
#include "ui/studio/clip_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/safetext.h"
#include "config/prompt_changes.h"
#include "store/catalog_labels.h"

void clip_date_text(int64_t ms, char *out, size_t size)
{
    time_t then = (time_t)(ms / 1000), now = time(NULL);
    struct tm t, today;
    localtime_r(&then, &t);
    localtime_r(&now, &today);
    bool same_year = t.tm_year == today.tm_year;
    strftime(out, size, same_year && t.tm_yday == today.tm_yday ? "%H:%M"
                        : same_year ? "%b %d" : "%Y-%m-%d", &t);
}

void clip_length_text(const struct clip *clip, char *out, size_t size)
{
    snprintf(out, size, "%.1f s", clip->fps > 0 ? (double)clip->frames / clip->fps : 0);
}

int clip_draw_stars(struct studio *s, int row, int col, int rating, bool selected)
{
    for (int i = 0; i < 5; i++)
        canvas_symbol(s->canvas, row, col + i,
                      selected ? ROLE_SELECTED : i < rating ? ROLE_ACCENT : ROLE_DIM,
                      i < rating ? SYMBOL_STAR : SYMBOL_NO_STAR);
    return 5;
}

size_t clip_line_length(const struct canvas *c, const char *text, int cols)
{
    size_t fits = 0, space = 0, joint = 0;
    while (text[fits]) { /* a character more, as long as it fits */
        size_t next = fits + 1;
        while ((text[next] & 0xC0) == 0x80)
            next++;
        if (canvas_width(c, text, next) > cols)
            break;
        if (text[fits] == ' ')
            space = fits;
        if (text[fits] == '/' || text[fits] == '-')
            joint = next;
        fits = next;
    }
    if (!text[fits] || text[fits] == ' ')
        return fits;
    return space > 0 ? space : joint > 0 ? joint : fits;
}

int clip_draw_wrapped(struct studio *s, struct rect r, enum role role, const char *text)
{
    int row = 0;
    char *safe = dn_safetext_dup(text, strlen(text));
    const char *p = safe;
    while (*p && row < r.rows) {
        size_t cut = clip_line_length(s->canvas, p, r.cols);
        if (cut == 0)
            break;
        bool last = row + 1 == r.rows; /* cut with a sign, if it is too long */
        canvas_bytes(s->canvas, r.row + row++, r.col, r.cols, role, p, last ? strlen(p) : cut);
        p += cut;
        p += strspn(p, " ");
    }
    free(safe);
    return row;
}

char *clip_tags_text(struct catalog *catalog, int64_t id)
{
    struct label_list list = {0};
    struct strbuf text = {0};
    struct dn_error err;
    if (catalog_list_tags(catalog, id, &list, &err))
        for (size_t i = 0; i < list.count; i++)
            strbuf_printf(&text, "%s%s", i ? " " : "", list.items[i].name);
    label_list_done(&list);
    return strbuf_take(&text);
}

char *clip_changes_text(const struct clip *clip)
{
    struct strbuf text = {0};
    json_t *request = json_loads(clip->request_json ? clip->request_json : "", 0, NULL);
    if (!prompt_changes_read_json(json_object_get(request, "prompt_changes"), &text))
        text.length = 0;
    json_decref(request);
    return strbuf_take(&text);
}

enum { FACT_ROWS = 3 }; /* of one fact behind which others come */

static void last_fact(struct studio *s, struct rect r, int *row, const char *label,
                      const char *value)
{
    if (*row >= r.rows || !value || !value[0])
        return;
    canvas_text(s->canvas, r.row + *row, r.col, 10, ROLE_DIM, label);
    *row += clip_draw_wrapped(s, (struct rect){r.row + *row, r.col + 10, r.rows - *row, r.cols - 10},
                              ROLE_TEXT, value);
}

static void fact(struct studio *s, struct rect r, int *row, const char *label, const char *value)
{
    int end = *row + FACT_ROWS;
    r.rows = r.rows < end ? r.rows : end;
    last_fact(s, r, row, label, value);
}

static void time_fact(struct studio *s, struct rect r, int *row, const struct clip *clip)
{
    char text[96], date[32];
    clip_date_text(clip->created_ms, date, sizeof date);
    double seconds = clip->finished_ms > clip->started_ms && clip->started_ms > 0
                         ? (double)(clip->finished_ms - clip->started_ms) / 1e3 : 0;
    if (seconds > 0)
        snprintf(text, sizeof text, "%s, took %.1f s (%.1f fps)", date, seconds,
                 (double)clip->frames / seconds);
    else
        snprintf(text, sizeof text, "%s", date);
    fact(s, r, row, "made", text);
}

static void origin_fact(struct studio *s, struct rect r, int *row, const struct clip *clip)
{
    char text[96];
    if (!clip->parent_id)
        return;
    if (clip->parent_chunk > 0)
        snprintf(text, sizeof text, "of #%lld after chunk %lld", (long long)clip->parent_id,
                 (long long)clip->parent_chunk);
    else
        snprintf(text, sizeof text, "of #%lld", (long long)clip->parent_id);
    fact(s, r, row, clip_origin_name(clip->origin), text);
}

/* At most three of them: the other facts want room too. */
static void change_facts(struct studio *s, struct rect r, int *row, const struct clip *clip)
{
    char *changes = clip_changes_text(clip), label[32];
    const char *text = changes;
    struct prompt_change c;
    int count = 0;
    while (prompt_changes_next(&text, &c)) {
        if (++count > 3)
            continue;
        char *prompt = dn_strndup(c.prompt, c.length);
        snprintf(label, sizeof label, "chunk %lld", (long long)c.chunk + 1);
        fact(s, r, row, label, prompt);
        free(prompt);
    }
    snprintf(label, sizeof label, "and %d more", count - 3);
    if (count > 3)
        fact(s, r, row, "", label);
    free(changes);
}

void clip_draw_facts(struct studio *s, struct rect r, const struct clip *clip, const char *tags)
{
    char text[160], length[32];
    int row = 0, prompt_rows = r.rows > 12 ? r.rows - 10 : r.rows > 4 ? r.rows - 3 : 1;
    row += clip_draw_wrapped(s, (struct rect){r.row, r.col, prompt_rows > 8 ? 8 : prompt_rows, r.cols},
                             ROLE_TEXT, clip->prompt);
    if (row < r.rows) {
        int col = r.col + clip_draw_stars(s, r.row + row, r.col, clip->rating, false) + 1;
        if (clip->favourite)
            canvas_symbol(s->canvas, r.row + row, col, ROLE_BAD, SYMBOL_HEART);
        row++;
    }
    change_facts(s, r, &row, clip);
    if (clip->status != JOB_DONE)
        fact(s, r, &row, "state", job_state_name(clip->status));
    fact(s, r, &row, "tags", tags);
    fact(s, r, &row, "notes", clip->notes);
    clip_length_text(clip, length, sizeof length);
    snprintf(text, sizeof text, "%lld%s%lld, %lld frames, %s", (long long)clip->width,
             canvas_symbol_text(s->canvas, SYMBOL_TIMES), (long long)clip->height,
             (long long)clip->frames, length);
    fact(s, r, &row, "size", text);
    snprintf(text, sizeof text, "%llu", (unsigned long long)clip->seed);
    fact(s, r, &row, "seed", text);
    fact(s, r, &row, "model", clip->model);
    snprintf(text, sizeof text, "%s, %s attention", clip->sampler, clip->attention);
    fact(s, r, &row, "sampler", text);
    origin_fact(s, r, &row, clip);
    time_fact(s, r, &row, clip);
    fact(s, r, &row, "negative", clip->negative);
    last_fact(s, r, &row, "folder", clip->folder);
}
