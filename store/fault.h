/* fault: the calls that make a file durable, in one place, so that tests can let the n-th one fail
 * or end the process there. Unarmed (always, outside of tests) they are the plain calls. */
#ifndef DANAUS_STORE_FAULT_H
#define DANAUS_STORE_FAULT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum fault_mode {
    FAULT_NONE,  /* only count */
    FAULT_ONCE,  /* the n-th call fails */
    FAULT_AFTER, /* and all after it */
    FAULT_SHORT, /* the n-th write writes half and says so; other calls succeed */
    FAULT_KILL,  /* SIGKILL instead of the n-th call */
};

/* Counting starts anew; the first call is number 1. error = the errno of failures. */
void fault_arm(enum fault_mode mode, int64_t n, int error);
int64_t fault_calls(void); /* since fault_arm() */
/* Counts a call made elsewhere (a test's own VFS). True: it must fail, errno is set. */
int fault_here(void);

/* Tells a test of every call that succeeded, in order: bytes written at a place (-1: where the
 * descriptor stood), a sync, a rename (fd is the folder's, bytes the new name). NULL = nobody. */
enum fault_event { FAULT_WROTE, FAULT_SYNCED, FAULT_RENAMED };
typedef void fault_observer(enum fault_event event, int fd, const void *bytes, size_t size,
                            off_t at);
void fault_observe(fault_observer *observer);

ssize_t fault_write(int fd, const void *bytes, size_t size);
ssize_t fault_pwrite(int fd, const void *bytes, size_t size, off_t at);
int fault_fsync(int fd);
int fault_fdatasync(int fd);
int fault_fallocate(int fd, off_t size); /* as posix_fallocate(fd, 0, size): returns the errno */
int fault_rename(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);

#endif
