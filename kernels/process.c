/* process: see process.h */
#include "kernels/process.h"

#include <stdlib.h>
#include <unistd.h>

void process_limit_spinning(char **argv)
{
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY"))
        return;
    if (setenv("GOMP_SPINCOUNT", "2000", 1) == 0)
        execv("/proc/self/exe", argv);
}
