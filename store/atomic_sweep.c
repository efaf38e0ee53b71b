/* atomic_sweep: see atomic_sweep.h */
#define _GNU_SOURCE
#include "store/atomic_sweep.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/atomic_file.h"

/* ".NAME-xxxxxxxx.part", as atomic_temporary_name makes it */
static bool is_temporary_of(const char *entry, const char *name)
{
    char start[ATOMIC_NAME_SIZE];
    int n = snprintf(start, sizeof start, ".%.200s-", name);
    return strncmp(entry, start, (size_t)n) == 0 && strspn(entry + n, "0123456789abcdef") == 8 &&
           strcmp(entry + n + 8, ".part") == 0;
}

static void remove_at(int dir_fd, const char *entry)
{
    if (unlinkat(dir_fd, entry, 0) == 0)
        return;
    int fd = openat(dir_fd, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));)
        unlinkat(fd, e->d_name, 0); /* "." and ".." are refused */
    if (dir)
        closedir(dir);
    unlinkat(dir_fd, entry, AT_REMOVEDIR);
}

void atomic_sweep(const char *path)
{
    char name[ATOMIC_NAME_SIZE];
    int dir_fd;
    if (!atomic_split(path, &dir_fd, name, NULL))
        return;
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (is_temporary_of(e->d_name, name))
            remove_at(dir_fd, e->d_name);
    if (dir)
        closedir(dir);
    close(dir_fd);
}
