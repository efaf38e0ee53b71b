/* must: for laboratory programs, which end at the first call that does not return 0. */
#ifndef DANAUS_KERNELS_LAB_MUST_H
#define DANAUS_KERNELS_LAB_MUST_H

#include <stdio.h>
#include <stdlib.h>

#define MUST(call)                                                                                 \
    do {                                                                                           \
        int code_ = (int)(call);                                                                   \
        if (code_) {                                                                               \
            printf("%s: %d at line %d\n", #call, code_, __LINE__);                                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#endif
