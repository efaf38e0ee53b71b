/* tasks: work that would keep keys waiting, done by threads. A lane is one thread with a line in
 * front of it. run() is called there, done() afterwards on the main thread, from tasks_collect(). */
#ifndef DANAUS_UI_STUDIO_TASKS_H
#define DANAUS_UI_STUDIO_TASKS_H

#include <stdbool.h>

enum task_lane { LANE_PAINT, LANE_LOAD, LANE_ENGINE, LANE_EXPORT, LANE_TMUX, LANE_COUNT };

struct tasks;

struct task {
    void (*run)(void *data);
    /* Frees data, or hands it on. dropped: run was never called, and nobody waits for it. */
    void (*done)(void *data, bool dropped);
    void *data;
};

struct tasks *tasks_new(void);
/* Readable when tasks_collect has something to do. */
int tasks_fd(const struct tasks *t);
void tasks_add(struct tasks *t, enum task_lane lane, struct task task);
void tasks_collect(struct tasks *t);
/* Drops what waits. A task that runs is left to itself with what it uses: the process ends soon. */
void tasks_free(struct tasks *t);

#endif
