/* fault: see fault.h */
#define _GNU_SOURCE
#include "store/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Set by a test before it starts anything; one thread. */
static struct {
    enum fault_mode mode;
    int64_t n, calls;
    int error;
} armed;

void fault_arm(enum fault_mode mode, int64_t n, int error)
{
    armed.mode = mode;
    armed.n = n;
    armed.calls = 0;
    armed.error = error;
}

int64_t fault_calls(void)
{
    return armed.calls;
}

int fault_here(void)
{
    armed.calls++;
    if (armed.mode == FAULT_KILL && armed.calls == armed.n)
        raise(SIGKILL);
    if ((armed.mode == FAULT_ONCE && armed.calls == armed.n) ||
        (armed.mode == FAULT_AFTER && armed.calls >= armed.n)) {
        errno = armed.error;
        return 1;
    }
    return 0;
}

static size_t cut(size_t size)
{
    return armed.mode == FAULT_SHORT && armed.calls == armed.n && size > 1 ? size / 2 : size;
}

static fault_observer *observer;

void fault_observe(fault_observer *o)
{
    observer = o;
}

static void tell(bool ok, enum fault_event event, int fd, const void *bytes, size_t size, off_t at)
{
    if (ok && observer)
        observer(event, fd, bytes, size, at);
}

ssize_t fault_write(int fd, const void *bytes, size_t size)
{
    ssize_t n = fault_here() ? -1 : write(fd, bytes, cut(size));
    tell(n > 0, FAULT_WROTE, fd, bytes, (size_t)n, -1);
    return n;
}

ssize_t fault_pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    ssize_t n = fault_here() ? -1 : pwrite(fd, bytes, cut(size), at);
    tell(n > 0, FAULT_WROTE, fd, bytes, (size_t)n, at);
    return n;
}

int fault_fsync(int fd)
{
    int code = fault_here() ? -1 : fsync(fd);
    tell(code == 0, FAULT_SYNCED, fd, NULL, 0, -1);
    return code;
}

int fault_fdatasync(int fd)
{
    int code = fault_here() ? -1 : fdatasync(fd);
    tell(code == 0, FAULT_SYNCED, fd, NULL, 0, -1);
    return code;
}

int fault_fallocate(int fd, off_t size)
{
    return fault_here() ? errno : posix_fallocate(fd, 0, size);
}

int fault_rename(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    int code = fault_here() ? -1 : renameat2(from_dir, from, to_dir, to, flags);
    tell(code == 0, FAULT_RENAMED, to_dir, to, strlen(to), -1);
    return code;
}
