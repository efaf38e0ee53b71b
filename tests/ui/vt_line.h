/* vt_line: a line with a rate, a delay and much room for bytes under way, as SSH has it, between a
 * program and its terminal. */
#ifndef DANAUS_TESTS_UI_VT_LINE_H
#define DANAUS_TESTS_UI_VT_LINE_H

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/strbuf.h"

/* ROOM: bytes that the line takes before the program has to wait. */
enum { VT_LINE_ROOM = 2 << 20, VT_LINE_LATE = 1024 };

struct vt_line {
    double bytes_per_ms, credit;
    int delay_ms; /* each way */
    struct strbuf under_way;
    size_t start;
    int64_t last_ms;
    struct {
        int64_t at_ms;
        char *text;
        size_t size;
    } late[VT_LINE_LATE]; /* keys and answers on their way to the program */
    int late_count;
};

static inline struct vt_line *vt_line_new(int kbit, int delay_ms)
{
    struct vt_line *l = dn_calloc(1, sizeof *l);
    l->bytes_per_ms = kbit / 8.0;
    l->delay_ms = delay_ms;
    l->last_ms = dn_now_ms();
    return l;
}

static inline void vt_line_free(struct vt_line *l)
{
    for (int i = 0; l && i < l->late_count; i++)
        free(l->late[i].text);
    if (l)
        strbuf_done(&l->under_way);
    free(l);
}

static inline bool vt_line_has_room(const struct vt_line *l)
{
    return l->under_way.length - l->start < VT_LINE_ROOM;
}

/* From the program. */
static inline void vt_line_put(struct vt_line *l, const char *bytes, size_t size)
{
    strbuf_append(&l->under_way, bytes, size);
}

/* What has come to the terminal since it was asked last. */
static inline const char *vt_line_take(struct vt_line *l, size_t *size)
{
    int64_t now = dn_now_ms();
    size_t waiting = l->under_way.length - l->start;
    l->credit += (double)(now - l->last_ms) * l->bytes_per_ms;
    l->last_ms = now;
    *size = l->credit < (double)waiting ? (size_t)l->credit : waiting;
    l->credit = waiting == *size ? 0 : l->credit - (double)*size;
    l->start += *size;
    return l->under_way.data + l->start - *size;
}

/* All that is still under way: the program has ended, the line goes on. */
static inline const char *vt_line_rest(struct vt_line *l, size_t *size)
{
    size_t start = l->start;
    *size = l->under_way.length - start;
    l->start = l->under_way.length;
    return l->under_way.data + start;
}

/* To the program. */
static inline void vt_line_send(struct vt_line *l, const char *text, size_t size)
{
    if (l->late_count == VT_LINE_LATE)
        return;
    l->late[l->late_count].at_ms = dn_now_ms() + l->delay_ms;
    l->late[l->late_count].text = dn_strndup(text, size);
    l->late[l->late_count++].size = size;
}

/* Hands the program what is due. */
static inline void vt_line_arrive(struct vt_line *l, int program)
{
    while (l->late_count > 0 && l->late[0].at_ms <= dn_now_ms()) {
        if (write(program, l->late[0].text, l->late[0].size) < 0)
            return;
        free(l->late[0].text);
        memmove(l->late, l->late + 1, (size_t)--l->late_count * sizeof l->late[0]);
    }
}

#endif
