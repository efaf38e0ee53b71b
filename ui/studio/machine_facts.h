/* machine_facts: what Linux tells of a worker's process and of the machine, which the studio shares
 * with its engine. */
#ifndef DANAUS_UI_STUDIO_MACHINE_FACTS_H
#define DANAUS_UI_STUDIO_MACHINE_FACTS_H

#include <stdint.h>

/* Memory that a process has in use, bytes; 0 = unknown. */
int64_t machine_process_memory(int64_t pid);
/* The processor's temperature, degrees Celsius; 0 = no sensor. sensors: /sys/class/hwmon. */
double machine_temperature(const char *sensors);

#endif
