/* proc_facts: see proc_facts.h */
#include "commands/proc_facts.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool proc_value(const char *path, const char *key, char *out, size_t size)
{
    char line[4096];
    size_t length = strlen(key);
    bool found = false;
    out[0] = '\0';
    FILE *file = fopen(path, "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        if (strncmp(line, key, length) != 0)
            continue;
        char *value = line + length;
        value += strspn(value, " \t");
        if (*value++ != ':')
            continue;
        value += strspn(value, " \t");
        size_t end = strlen(value);
        while (end && isspace((unsigned char)value[end - 1]))
            end--;
        value[end] = '\0';
        snprintf(out, size, "%s", value);
        found = true;
    }
    if (file)
        fclose(file);
    return found;
}

int64_t proc_bytes(const char *path, const char *key)
{
    char value[64];
    return proc_value(path, key, value, sizeof value) ? strtoll(value, NULL, 10) * 1024 : 0;
}

/* A file of the control group that holds one number; "max" and no file are 0. */
static int64_t group_bytes(const char *name)
{
    char path[128], line[64] = "";
    snprintf(path, sizeof path, "/sys/fs/cgroup/%s", name);
    FILE *file = fopen(path, "re");
    if (file) {
        if (!fgets(line, sizeof line, file))
            line[0] = '\0';
        fclose(file);
    }
    return strtoll(line, NULL, 10);
}

int64_t proc_memory_total(void)
{
    int64_t all = proc_bytes("/proc/meminfo", "MemTotal"), limit = group_bytes("memory.max");
    return limit > 0 && limit < all ? limit : all;
}

int64_t proc_memory_available(void)
{
    int64_t all = proc_bytes("/proc/meminfo", "MemAvailable"), limit = group_bytes("memory.max");
    int64_t left = limit - group_bytes("memory.current");
    if (limit <= 0 || left >= all)
        return all;
    return left > 0 ? left : 0;
}

int64_t proc_peak_memory(void)
{
    return proc_bytes("/proc/self/status", "VmHWM");
}
