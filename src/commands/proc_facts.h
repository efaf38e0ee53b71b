/* proc_facts: what Linux tells of this machine in /proc. */
#ifndef DANAUS_COMMANDS_PROC_FACTS_H
#define DANAUS_COMMANDS_PROC_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The value of the first line "key: value" of a file like /proc/cpuinfo, without blanks around it.
 * False: there is no such file or line; out is then "". */
bool proc_value(const char *path, const char *key, char *out, size_t size);

/* The number in front of "kB" of such a line, in bytes; 0 when there is none. */
int64_t proc_bytes(const char *path, const char *key);

/* Memory of this machine, or of this control group where that is less; bytes, 0 = unknown. */
int64_t proc_memory_total(void);
int64_t proc_memory_available(void);
/* The most that this process has had in memory. */
int64_t proc_peak_memory(void);

#endif
