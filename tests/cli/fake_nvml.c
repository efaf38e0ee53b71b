/* fake_nvml: stands in for libnvidia-ml.so.1 and libcuda.so.1 (one file under both names), two GPUs
 * of which CUDA shows the second first. The file that FAKE_GPU names says how they are: one line of
 * words, read at each call:
 *   INIT CELSIUS USED TOTAL BUSY MILLIWATTS     INIT and CELSIUS may be "hang"; a number that is
 * "-" cannot be asked (result 3). INIT is the result of nvmlInit.
 * -DNO_POWER leaves an optional function out, -DNO_COUNT one that is needed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS = 6 };

static int word(int number, unsigned long long *value)
{
    char words[WORDS][32] = {{0}};
    FILE *f = fopen(getenv("FAKE_GPU"), "r");
    int n = f ? fscanf(f, "%31s %31s %31s %31s %31s %31s", words[0], words[1], words[2], words[3],
                       words[4], words[5])
              : 0;
    if (f)
        fclose(f);
    if (n < WORDS || words[number][0] == '-')
        return 3;
    while (strcmp(words[number], "hang") == 0)
        pause();
    *value = strtoull(words[number], NULL, 10);
    return 0;
}

int nvmlInit_v2(void);
int nvmlInit_v2(void)
{
    unsigned long long result = 0;
    return word(0, &result) ? 999 : (int)result;
}

int nvmlShutdown(void);
int nvmlShutdown(void)
{
    return 0;
}

const char *nvmlErrorString(int result);
const char *nvmlErrorString(int result)
{
    return result == 18 ? "Driver/library\033[2J version mismatch" : "Unknown Error";
}

#ifndef NO_COUNT
int nvmlDeviceGetCount_v2(unsigned *count);
int nvmlDeviceGetCount_v2(unsigned *count)
{
    *count = 2;
    return 0;
}
#endif

static const char *const places[] = {"0000:01:00.0", "0000:41:00.0"};

int nvmlDeviceGetHandleByIndex_v2(unsigned number, const char **device);
int nvmlDeviceGetHandleByIndex_v2(unsigned number, const char **device)
{
    *device = number < 2 ? places[number] : NULL;
    return *device ? 0 : 2;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *pci, const char **device);
int nvmlDeviceGetHandleByPciBusId_v2(const char *pci, const char **device)
{
    for (int i = 0; i < 2; i++)
        if (strcmp(pci, places[i]) == 0) {
            *device = places[i];
            return 0;
        }
    return 6;
}

int nvmlDeviceGetName(const char *device, char *name, unsigned size);
int nvmlDeviceGetName(const char *device, char *name, unsigned size)
{
    snprintf(name, size, device == places[0] ? "Fake One" : "Fake\033[2J Two");
    return 0;
}

int nvmlDeviceGetTemperature(const char *device, int sensor, unsigned *celsius);
int nvmlDeviceGetTemperature(const char *device, int sensor, unsigned *celsius)
{
    unsigned long long value;
    int result = sensor == 0 ? word(1, &value) : 2;
    if (result == 0)
        *celsius = (unsigned)value - (device == places[0] ? 10 : 0);
    return result;
}

int nvmlDeviceGetMemoryInfo(const char *device, unsigned long long total_free_used[3]);
int nvmlDeviceGetMemoryInfo(const char *device, unsigned long long total_free_used[3])
{
    (void)device;
    unsigned long long used, total;
    if (word(2, &used) || word(3, &total))
        return 3;
    total_free_used[0] = total;
    total_free_used[1] = total - used;
    total_free_used[2] = used;
    return 0;
}

int nvmlDeviceGetUtilizationRates(const char *device, unsigned gpu_memory[2]);
int nvmlDeviceGetUtilizationRates(const char *device, unsigned gpu_memory[2])
{
    (void)device;
    unsigned long long value;
    int result = word(4, &value);
    if (result == 0) {
        gpu_memory[0] = (unsigned)value;
        gpu_memory[1] = 1;
    }
    return result;
}

#ifndef NO_POWER
int nvmlDeviceGetPowerUsage(const char *device, unsigned *milliwatts);
int nvmlDeviceGetPowerUsage(const char *device, unsigned *milliwatts)
{
    (void)device;
    unsigned long long value;
    int result = word(5, &value);
    if (result == 0)
        *milliwatts = (unsigned)value;
    return result;
}
#endif

/* --- CUDA's driver --- */

int cuInit(unsigned flags);
int cuInit(unsigned flags)
{
    return flags ? 1 : 0;
}

int cuDeviceGet(int *device, int number);
int cuDeviceGet(int *device, int number)
{
    *device = number;
    return number < 2 ? 0 : 101;
}

int cuDeviceGetPCIBusId(char *pci, int size, int device);
int cuDeviceGetPCIBusId(char *pci, int size, int device)
{
    snprintf(pci, (size_t)size, "%s", places[1 - device]);
    return 0;
}
