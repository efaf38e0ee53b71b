/* work_strip: see work_strip.h */
#include "ui/studio/work_strip.h"

#include "store/catalog_search.h"
#include "ui/studio/making.h"
#include "ui/studio/preview.h"

enum { RECENT = 8 };

void work_strip_draw_progress(struct studio *s, int64_t last, int row, struct rect area)
{
    const struct link_job *job = making_running_job(s);
    if (job) {
        progress_draw(s, job, row, area.col + 1, area.cols - 2);
        return;
    }
    job = last ? link_find_job(s->link, last) : NULL;
    if (job && job->state == JOB_DONE) {
        int col = area.col + 1;
        col += canvas_symbol(s->canvas, row, col, ROLE_GOOD, SYMBOL_CHECK) + 1;
        canvas_printf(s->canvas, row, col, area.cols - col - 1, ROLE_DIM,
                      "#%lld is in the library", (long long)job->id);
    } else if (job && job->reason[0]) {
        canvas_printf(s->canvas, row, area.col + 1, area.cols - 2, ROLE_BAD, "#%lld %s: %s",
                      (long long)job->id, job_state_name(job->state), job->reason);
    }
}

void work_strip_draw_queue(struct studio *s, int row, struct rect area)
{
    size_t count;
    const struct link_job *jobs = link_jobs(s->link, &count);
    int col = area.col + 1, end = area.col + area.cols - 1, waiting = 0;
    for (size_t i = 0; i < count; i++)
        waiting += jobs[i].state == JOB_QUEUED || jobs[i].state == JOB_PAUSED;
    col += canvas_text(s->canvas, row, col, 16, ROLE_TITLE, "Queue") + 3; /* as far as Recent */
    if (waiting)
        col += canvas_printf(s->canvas, row, col, 16, ROLE_TEXT, "%d waiting", waiting) + 2;
    for (size_t i = 0; i < count && col + 10 < end; i++) {
        if (jobs[i].state != JOB_QUEUED && jobs[i].state != JOB_PAUSED)
            continue;
        if (jobs[i].state == JOB_PAUSED)
            col += canvas_symbol(s->canvas, row, col, ROLE_WARN, SYMBOL_PAUSE) + 1;
        col += canvas_printf(s->canvas, row, col, 8, ROLE_KEY, "#%lld", (long long)jobs[i].id) + 1;
        col += canvas_text(s->canvas, row, col, end - col < 26 ? end - col : 26, ROLE_DIM,
                           jobs[i].prompt) + 2;
    }
    if (waiting == 0)
        canvas_text(s->canvas, row, col, end - col, ROLE_DIM, "nothing waits");
}

static void refresh(struct work_strip *w, struct studio *s)
{
    struct catalog *catalog = studio_catalog(s);
    struct catalog_page page = {.limit = RECENT};
    struct dn_error err;
    if (!w->stale || !catalog)
        return;
    clip_list_done(&w->recent);
    w->recent = (struct clip_list){0};
    w->stale = false;
    if (!catalog_search(catalog, NULL, &page, &w->recent, &err))
        studio_tell_error(s, &err);
}

void work_strip_draw_recent(struct work_strip *w, struct studio *s, int row, int rows,
                            struct rect area)
{
    struct canvas *c = s->canvas;
    int col = area.col + 1, end = area.col + area.cols - 1;
    refresh(w, s);
    int label = canvas_text(c, row, col, 8, ROLE_TITLE, "Recent") + 2;
    if (w->recent.count == 0) {
        canvas_text(c, row, col + label, end - col - label, ROLE_DIM, "nothing was made yet");
        return;
    }
    col += label;
    for (size_t i = 0; i < w->recent.count && (int)i < (rows > 1 ? rows : RECENT); i++) {
        const struct clip *clip = &w->recent.items[i];
        int y = rows > 1 ? row + (int)i : row;
        col = rows > 1 ? area.col + 1 + label : col;
        if (col + 8 > end)
            break;
        col += canvas_printf(c, y, col, 8, ROLE_KEY, "#%lld", (long long)clip->id) + 1;
        if (clip->status != JOB_DONE)
            col += canvas_text(c, y, col, 10, ROLE_WARN, job_state_name(clip->status)) + 1;
        int most = rows > 1 ? end - col : end - col < 22 ? end - col : 22;
        col += canvas_text(c, y, col, most, ROLE_DIM, clip->prompt) + 2;
    }
}

void work_strip_done(struct work_strip *w)
{
    clip_list_done(&w->recent);
}
