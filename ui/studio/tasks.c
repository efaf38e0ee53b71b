/* tasks: see tasks.h */
#define _GNU_SOURCE
#include "ui/studio/tasks.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

struct entry {
    struct task task;
    struct entry *next;
};

struct lane {
    struct tasks *tasks;
    pthread_t thread;
    bool started, busy;
    struct entry *first, **last; /* that wait */
};

struct tasks {
    pthread_mutex_t mutex; /* guards everything below */
    pthread_cond_t changed;
    struct lane lanes[LANE_COUNT];
    struct entry *finished, **finished_last;
    bool ending;
    int fd;
};

static void *work(void *context)
{
    struct lane *lane = context;
    struct tasks *t = lane->tasks;
    pthread_mutex_lock(&t->mutex);
    while (!t->ending) {
        struct entry *e = lane->first;
        if (!e) {
            pthread_cond_wait(&t->changed, &t->mutex);
            continue;
        }
        lane->first = e->next;
        lane->last = lane->first ? lane->last : &lane->first;
        lane->busy = true;
        pthread_mutex_unlock(&t->mutex);
        e->task.run(e->task.data);
        pthread_mutex_lock(&t->mutex);
        lane->busy = false;
        e->next = NULL;
        *t->finished_last = e;
        t->finished_last = &e->next;
        uint64_t one = 1;
        if (write(t->fd, &one, sizeof one) < 0)
            abort(); /* an eventfd takes it */
    }
    pthread_mutex_unlock(&t->mutex);
    return NULL;
}

struct tasks *tasks_new(void)
{
    struct tasks *t = dn_calloc(1, sizeof *t);
    pthread_mutex_init(&t->mutex, NULL);
    pthread_cond_init(&t->changed, NULL);
    t->finished_last = &t->finished;
    t->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    for (int i = 0; i < LANE_COUNT; i++) {
        t->lanes[i].tasks = t;
        t->lanes[i].last = &t->lanes[i].first;
    }
    return t;
}

int tasks_fd(const struct tasks *t)
{
    return t->fd;
}

void tasks_add(struct tasks *t, enum task_lane number, struct task task)
{
    struct lane *lane = &t->lanes[number];
    struct entry *e = dn_calloc(1, sizeof *e);
    e->task = task;
    pthread_mutex_lock(&t->mutex);
    *lane->last = e;
    lane->last = &e->next;
    bool start = !lane->started;
    lane->started = true;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->mutex);
    if (start) { /* signals are the main thread's */
        sigset_t all, before;
        sigfillset(&all);
        sigdelset(&all, SIGSEGV);
        sigdelset(&all, SIGBUS);
        sigdelset(&all, SIGFPE);
        sigdelset(&all, SIGILL);
        sigdelset(&all, SIGABRT);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        if (pthread_create(&lane->thread, NULL, work, lane) != 0)
            abort();
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
}

void tasks_collect(struct tasks *t)
{
    uint64_t count;
    pthread_mutex_lock(&t->mutex);
    if (read(t->fd, &count, sizeof count) < 0)
        count = 0; /* nothing new */
    struct entry *e = t->finished;
    t->finished = NULL;
    t->finished_last = &t->finished;
    pthread_mutex_unlock(&t->mutex);
    while (e) {
        struct entry *next = e->next;
        e->task.done(e->task.data, false);
        free(e);
        e = next;
    }
}

static void drop(struct entry *e)
{
    while (e) {
        struct entry *next = e->next;
        e->task.done(e->task.data, true);
        free(e);
        e = next;
    }
}

void tasks_free(struct tasks *t)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->mutex);
    bool busy = false;
    t->ending = true;
    for (int i = 0; i < LANE_COUNT; i++) {
        drop(t->lanes[i].first);
        t->lanes[i].first = NULL;
        busy = busy || t->lanes[i].busy;
    }
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->mutex);
    if (busy)
        return;
    for (int i = 0; i < LANE_COUNT; i++)
        if (t->lanes[i].started)
            pthread_join(t->lanes[i].thread, NULL);
    drop(t->finished);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->mutex);
    close(t->fd);
    free(t);
}
