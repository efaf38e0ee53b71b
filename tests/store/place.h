/* place: where a test keeps its files: memory when there is some, so that a sync costs nothing. */
#ifndef DANAUS_TESTS_PLACE_H
#define DANAUS_TESTS_PLACE_H

#include <stdlib.h>
#include <unistd.h>

static inline const char *test_place(void)
{
    const char *place = getenv("TEST_PLACE"); /* a folder on a real disk, for make torture */
    return place ? place : access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

#endif
