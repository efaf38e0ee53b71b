/* preview: see preview.h */
#include "ui/studio/preview.h"

#include <stdio.h>
#include <string.h>

#include "config/prompt_changes.h"

/* SIDE: longer side of a kept frame. */
enum { SIDE = 960, ROUNDS_MS = 30000 };

/* How large frames of this job may be kept. */
static int side_for(const struct preview *p, const struct link_job *job)
{
    int most = p->side ? p->side : SIDE;
    int64_t frames = job && job->frames > 0 ? job->frames : 81;
    int64_t width = job && job->width > 0 ? job->width : SIDE;
    int64_t height = job && job->height > 0 ? job->height : SIDE;
    int longer = (int)(width > height ? width : height), by = 1;
    while (width / by * (height / by) * 3 * frames > PREVIEW_BYTES || longer / by > most)
        by++;
    return (longer + by - 1) / by;
}

void preview_take(struct preview *p, struct studio *s, const struct link_frames *f)
{
    const struct link_job *job = link_find_job(s->link, f->job);
    int side = side_for(p, job);
    if (p->job != f->job) { /* the clip of before was shown until there was something new */
        playback_clear(&p->playback);
        p->job = f->job;
        p->playback.fps = s->settings->request.fps;
        p->playback.growing = true;
        p->playback.loop = LOOP_ON;
        playback_start(&p->playback, s->now_ms);
    }
    for (int64_t i = f->start; i < f->start + f->count; i++) {
        struct frame *frame = link_take_frame(s->link, f->worker, f->job, i, side);
        if (frame)
            playback_put(&p->playback, i, frame, s->now_ms);
    }
    p->colours = (uint64_t)f->job << 20 | (uint64_t)f->start;
    p->rounds_until_ms = s->now_ms + ROUNDS_MS;
}

void preview_fill(struct preview *p, struct studio *s, struct loaded_clip *loaded)
{
    playback_clear(&p->playback);
    p->job = loaded->clip;
    p->playback.fps = loaded->fps;
    p->playback.growing = false;
    p->playback.loop = LOOP_ON;
    for (int64_t i = 0; i < loaded->count; i++)
        playback_put(&p->playback, i, loaded->frames[i], s->now_ms);
    p->colours = (uint64_t)loaded->clip << 20 | 0xFFFFE;
    p->rounds_until_ms = s->now_ms + ROUNDS_MS;
    playback_start(&p->playback, s->now_ms);
}

void preview_job(struct preview *p, struct studio *s, const struct link_job *job)
{
    if (job->id != p->job || job->state == JOB_RUNNING || !p->playback.growing)
        return;
    p->playback.growing = job->state == JOB_QUEUED || job->state == JOB_PAUSED;
    p->colours = (uint64_t)job->id << 20 | 0xFFFFF;
    p->rounds_until_ms = s->now_ms + ROUNDS_MS;
    if (p->playback.playing)
        playback_start(&p->playback, s->now_ms);
}

void preview_tick(struct preview *p, struct studio *s)
{
    if (playback_tick(&p->playback, s->now_ms))
        s->dirty = true;
    /* nobody watches a clip for hours: it rests, and so does the machine */
    if (p->playback.playing && !p->playback.growing && s->now_ms > p->rounds_until_ms &&
        p->playback.at + 1 >= p->playback.count)
        p->playback.playing = false;
}

int64_t preview_due(const struct preview *p)
{
    return playback_due(&p->playback);
}

bool preview_draw(struct preview *p, struct studio *s, int place, struct rect area, bool corner)
{
    struct painter_picture picture = {.area = area, .corner = corner,
                                      .frame = playback_frame(&p->playback), .clip = p->colours};
    if (!picture.frame || !painter_way(s->painter))
        return false;
    picture.sample_count = playback_samples(&p->playback, picture.samples, PAINTER_SAMPLES);
    painter_place(s->painter, place, &picture);
    return true;
}

void preview_pause(struct preview *p, struct studio *s)
{
    if (p->playback.playing) {
        p->playback.playing = false;
    } else {
        p->rounds_until_ms = s->now_ms + ROUNDS_MS;
        playback_start(&p->playback, s->now_ms);
    }
}

void preview_done(struct preview *p)
{
    playback_clear(&p->playback);
}

/* --- progress --- */

static void time_text(double seconds, char *out, size_t size)
{
    int whole = seconds < 0 ? 0 : seconds > 359999 ? 359999 : (int)(seconds + 0.5);
    if (whole >= 3600)
        snprintf(out, size, "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(out, size, "%d:%02d", whole / 60, whole % 60);
}

/* Where another prompt begins. */
static void draw_changes(struct canvas *c, const struct link_job *job, int row, int col, int cols)
{
    const char *text = job->changes;
    struct prompt_change change;
    while (prompt_changes_next(&text, &change) && change.chunk < job->chunks)
        canvas_symbol(c, row, col + (int)(change.chunk * cols / job->chunks), ROLE_ACCENT,
                      SYMBOL_MARK);
}

void progress_draw(struct studio *s, const struct link_job *job, int row, int col, int cols)
{
    struct canvas *c = s->canvas;
    char words[128], left[16] = "";
    int end = col + cols;
    col += canvas_symbol(c, row, col, ROLE_ACCENT, SYMBOL_PLAY) + 1;
    col += canvas_printf(c, row, col, end - col, ROLE_TEXT, "#%lld", (long long)job->id) + 2;
    if (job->steps_total <= 0) {
        canvas_text(c, row, col, end - col, ROLE_DIM, "loading the model");
        return;
    }
    double share = (double)job->steps_done / (double)job->steps_total;
    col += canvas_printf(c, row, col, end - col, ROLE_DIM, "chunk %lld/%lld step %lld/%lld",
                         (long long)job->chunk + 1, (long long)job->chunks,
                         (long long)(job->step < job->steps ? job->step + 1 : job->steps),
                         (long long)job->steps) + 2;
    if (job->steps_done > 0 && job->seconds > 0)
        time_text(job->seconds * (1 / share - 1), left, sizeof left);
    snprintf(words, sizeof words, "%3d%%  %.1f fps  %s%s", (int)(share * 100),
             job->seconds > 0 ? (double)job->frames_ready / job->seconds : 0, left,
             left[0] ? " left" : "");
    int width = canvas_width(c, words, strlen(words));
    int bar = end - col - width - 2;
    if (bar >= 6) {
        bar = bar > 60 ? 60 : bar;
        canvas_bar(c, row, col, bar, share, ROLE_ACCENT);
        draw_changes(c, job, row, col, bar);
        col += bar + 1;
    }
    canvas_text(c, row, col, end - col, ROLE_TEXT, words);
}
