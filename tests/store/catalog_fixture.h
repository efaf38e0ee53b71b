/* A library of its own for each test program, and clips to put in it. */
#ifndef DANAUS_TESTS_CATALOG_FIXTURE_H
#define DANAUS_TESTS_CATALOG_FIXTURE_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "place.h"
#include "store/catalog_clips.h"

static char fixture_library[256];

static int fixture_remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)st, (void)kind, (void)walk;
    return remove(path);
}

static inline void fixture_clear(void)
{
    nftw(fixture_library, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Runs before main: the tests of a program share one place, emptied by each. */
__attribute__((constructor(101))) static void fixture_begin(void)
{
    snprintf(fixture_library, sizeof fixture_library, "%s/danaus-library-%d", test_place(),
             (int)getpid());
}

/* The library, opened; NULL ends the program: nothing after it would make sense. */
static inline struct catalog *fixture_open(enum catalog_mode mode)
{
    struct catalog *c;
    struct dn_error err = {0};
    if (catalog_open(fixture_library, mode, &c, &err))
        return c;
    fprintf(stderr, "cannot open the library: %s\n", err.message);
    abort();
}

static inline struct clip fixture_clip(const char *prompt, uint64_t seed)
{
    return (struct clip){
        .status = JOB_DONE,
        .prompt = prompt,
        .seed = seed,
        .noise = "philox",
        .model = "wan-1.3b",
        .model_sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        .width = 832,
        .height = 480,
        .frames = 81,
        .fps = 16.0,
        .sampler = "self_forcing",
        .attention = "dense",
        .backend = "cpu",
        .request_json = "{}",
    };
}

#endif
