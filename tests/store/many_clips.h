/* Clips in any number for a large catalog, the same each time; make_words() comes first.
 *
 * Prompts are 8 to 40 words: "video" in each, "the" in about a third, the others from 20,000
 * made-up words, few of them frequent and most rare (rank r with weight 1/r, as in language). */
#ifndef DANAUS_TESTS_STORE_MANY_CLIPS_H
#define DANAUS_TESTS_STORE_MANY_CLIPS_H

#include "catalog_fixture.h"
#include "check.h"
#include "store/catalog_labels.h"

enum { VOCABULARY = 20000 };
static char words[VOCABULARY][16];
static double weight[VOCABULARY]; /* running sum */
static uint64_t random_state = 42;

static inline uint32_t random_below(uint32_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 33) % n);
}

static inline void make_words(void)
{
    static const char *const parts[] = {"ba", "ter", "mo", "li", "vu", "ran", "so", "ke", "pi",
                                        "dun", "fa", "gre", "hol", "ny", "cri", "wa"};
    double sum = 0;
    for (int i = 0; i < VOCABULARY; i++) {
        int n = i, at = 0;
        /* i in base 16, two parts at least, the most frequent ones short as in language */
        for (int k = 0; k < 2 || n > 0; k++, n /= 16)
            at += snprintf(words[i] + at, sizeof words[i] - (size_t)at, "%s", parts[n % 16]);
        sum += 1.0 / (i + 1);
        weight[i] = sum;
    }
}

static inline const char *random_word(void)
{
    double at = random_below(1u << 30) / (double)(1u << 30) * weight[VOCABULARY - 1];
    int low = 0, high = VOCABULARY - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (weight[middle] < at)
            low = middle + 1;
        else
            high = middle;
    }
    return words[low];
}

static inline void make_prompt(char *out, size_t size)
{
    int count = 8 + (int)random_below(33), at = snprintf(out, size, "video");
    for (int i = 0; i < count && at < (int)size - 20; i++)
        at += snprintf(out + at, size - (size_t)at, " %s",
                       i == 2 && random_below(3) == 0 ? "the" : random_word());
}

/* Between catalog_begin and catalog_commit, or each on its own. */
static inline void add_clips(struct catalog *c, int64_t count)
{
    struct dn_error err;
    static const char *const models[] = {"wan-1.3b", "wan-14b", "demo"};
    char prompt[700], request[900];
    for (int64_t i = 0; i < count; i++) {
        int64_t id = 0;
        make_prompt(prompt, sizeof prompt);
        snprintf(request, sizeof request, "{\"prompt\": \"%s\", \"sampler\": \"self_forcing\"}",
                 prompt);
        struct clip in = fixture_clip(prompt, random_below(1u << 30));
        in.request_json = request;
        in.model = models[random_below(3)];
        in.rating = random_below(20) == 0 ? 1 + (int)random_below(5) : 0;
        in.favourite = random_below(100) == 0;
        in.created_ms = 1600000000000 + i * 60000;
        CHECK_OK(catalog_add_clip(c, &in, &id, &err), err);
        if (random_below(50) == 0)
            CHECK_OK(catalog_add_tag(c, id, "common", &err), err);
        if (random_below(20000) == 0)
            CHECK_OK(catalog_add_tag(c, id, "rare", &err), err);
    }
}

/* Into the library of the fixture. */
static inline void fill_library(int64_t count)
{
    struct catalog *c = fixture_open(CATALOG_WRITE);
    struct dn_error err;
    enum { BATCH = 10000 };
    for (int64_t done = 0; done < count; done += BATCH) {
        CHECK_OK(catalog_begin(c, &err), err);
        add_clips(c, done + BATCH < count ? BATCH : count - done);
        CHECK_OK(catalog_commit(c, &err), err);
    }
    catalog_close(c);
}

#endif
