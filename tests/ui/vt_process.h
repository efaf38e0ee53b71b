/* vt_process: what a process has taken from the machine, as /proc tells it. */
#ifndef DANAUS_TESTS_UI_VT_PROCESS_H
#define DANAUS_TESTS_UI_VT_PROCESS_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* The number behind name in a status file of /proc, -1 = there is none. */
static inline long process_number(const char *path, const char *name)
{
    char line[256];
    long number = -1;
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0)
            sscanf(line + strlen(name), " %ld", &number);
    if (f)
        fclose(f);
    return number;
}

/* KiB of memory that it has in use. */
static inline long process_resident_kib(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    return process_number(path, "VmRSS:");
}

/* Times that it was woken, all threads together. */
static inline long process_wakes(pid_t pid)
{
    char path[320];
    long count = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    for (struct dirent *e; tasks && (e = readdir(tasks));) {
        snprintf(path, sizeof path, "/proc/%d/task/%s/status", (int)pid, e->d_name);
        long n = e->d_name[0] == '.' ? 0 : process_number(path, "voluntary_ctxt_switches:");
        count += n > 0 ? n : 0;
    }
    if (tasks)
        closedir(tasks);
    return count;
}

/* Processor time that it has used, ms. */
static inline int64_t process_used_ms(pid_t pid)
{
    char path[64], text[1024];
    long user = 0, kernel = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        fclose(f);
    text[n] = '\0';
    const char *p = strrchr(text, ')');
    if (p)
        sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &kernel);
    return (user + kernel) * 1000 / sysconf(_SC_CLK_TCK);
}

#endif
