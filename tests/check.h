/* check: the whole test framework. A test file defines functions with TEST(name) {...}, lists them
 * in TESTS(...) at its end, and every CHECK that fails prints where and what. One binary a file;
 * its last line is `N passed, N failed` counting test functions. CHECK_TEST=name in the environment
 * runs that one alone. */
#ifndef DANAUS_TESTS_CHECK_H
#define DANAUS_TESTS_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static int check_failures; /* CHECKs failed in the running test */

#define TEST(name) static void name(void)

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: CHECK(%s) failed\n", __FILE__, __LINE__, #condition);          \
            check_failures++;                                                                      \
        }                                                                                          \
    } while (0)

/* condition with an explanation, printf style */
#define CHECK_MSG(condition, ...)                                                                  \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: CHECK(%s) failed: ", __FILE__, __LINE__, #condition);          \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            check_failures++;                                                                      \
        }                                                                                          \
    } while (0)

/* a call that must succeed; prints its error */
#define CHECK_OK(call, err) CHECK_MSG((call), "%s", (err).message)

#define CHECK_STR(got, want)                                                                       \
    CHECK_MSG(strcmp((got), (want)) == 0, "got \"%s\", want \"%s\"", (got), (want))

struct check_test {
    const char *name;
    void (*run)(void);
};

#define TESTS(...)                                                                                 \
    int main(void)                                                                                 \
    {                                                                                              \
        const struct check_test tests[] = {__VA_ARGS__};                                           \
        const char *only = getenv("CHECK_TEST");                                                   \
        int passed = 0, failed = 0;                                                                \
        for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {                              \
            if (only && strcmp(only, tests[i].name) != 0)                                          \
                continue;                                                                          \
            check_failures = 0;                                                                    \
            tests[i].run();                                                                        \
            if (check_failures) {                                                                  \
                fprintf(stderr, "FAIL %s\n", tests[i].name);                                       \
                failed++;                                                                          \
            } else {                                                                               \
                passed++;                                                                          \
            }                                                                                      \
        }                                                                                          \
        printf("%d passed, %d failed\n", passed, failed);                                          \
        return failed != 0 || passed == 0;                                                         \
    }
#define T(name) {#name, name}

#endif
