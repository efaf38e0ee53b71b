/* clock: time that only goes forward, for measuring and deadlines. */
#ifndef DANAUS_BASE_CLOCK_H
#define DANAUS_BASE_CLOCK_H

#include <stdint.h>

/* Since an arbitrary start; not set back by a change of the wall clock. Any thread. */
int64_t dn_now_ns(void);
int64_t dn_now_ms(void);

#endif
