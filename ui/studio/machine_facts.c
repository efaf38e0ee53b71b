/* machine_facts: see machine_facts.h */
#include "ui/studio/machine_facts.h"

#include <stdio.h>
#include <string.h>

int64_t machine_process_memory(int64_t pid)
{
    char path[64], line[256];
    long long kb = 0;
    snprintf(path, sizeof path, "/proc/%lld/status", (long long)pid);
    FILE *f = pid > 0 ? fopen(path, "re") : NULL;
    while (f && fgets(line, sizeof line, f) && sscanf(line, "VmRSS: %lld kB", &kb) != 1)
        ;
    if (f)
        fclose(f);
    return kb * 1024;
}

/* The first word of dir/name, "" when there is none. */
static void read_word(const char *dir, int number, const char *name, char out[64])
{
    char path[512];
    snprintf(path, sizeof path, "%s/hwmon%d/%s", dir, number, name);
    FILE *f = fopen(path, "re");
    out[0] = '\0';
    if (f && fscanf(f, "%63s", out) != 1)
        out[0] = '\0';
    if (f)
        fclose(f);
}

double machine_temperature(const char *sensors)
{
    /* the drivers of Intel's, AMD's and ARM's processors; kernel, Documentation/hwmon */
    static const char *const drivers[] = {"coretemp", "k10temp", "zenpower", "cpu_thermal"};
    char name[64], text[64];
    long milli = 0;
    for (int i = 0; i < 32; i++) {
        read_word(sensors, i, "name", name);
        for (size_t d = 0; d < sizeof drivers / sizeof drivers[0]; d++)
            if (strcmp(name, drivers[d]) == 0) {
                read_word(sensors, i, "temp1_input", text);
                if (sscanf(text, "%ld", &milli) == 1)
                    return (double)milli / 1e3;
            }
    }
    return 0;
}
