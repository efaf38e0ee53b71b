/* bench_modes: the ways to attend that one run of bench measures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/safetext.h"
#include "commands/bench.h"
#include "config/attention_rules.h"

static bool parse_one(const char *word, struct bench_mode *mode, struct dn_error *err)
{
    struct attention_rule rules[REQUEST_MAX_RULES];
    char why[ATTENTION_WHY_SIZE];
    int64_t count = 0;
    char *rule = dn_asprintf("steps 0: %s", word);
    bool ok = strlen(word) < sizeof mode->name && !strchr(word, ';') &&
              attention_rules_parse(rule, rules, &count, why) && count == 1;
    free(rule);
    if (!ok) {
        char shown[64];
        dn_safetext(shown, sizeof shown, word, strlen(word));
        dn_fail(err, DN_E_ARG, "--modes: \"%s\" is no way to attend", shown);
        return dn_error_hint(err, "a list like dense,h1,h2");
    }
    *mode = (struct bench_mode){.attention = rules[0].choice};
    snprintf(mode->name, sizeof mode->name, "%s", word);
    return true;
}

bool bench_modes_parse(const char *text, const struct request *r, struct bench_mode *modes,
                       int *count, struct dn_error *err)
{
    *count = 0;
    if (!text || !text[0]) {
        modes[0] = (struct bench_mode){.attention = r->attention};
        snprintf(modes[0].name, sizeof modes[0].name, "%s",
                 r->attention.kind == ATTENTION_DENSE ? "dense" : "monarch");
        *count = 1;
        return true;
    }
    char *copy = dn_strdup(text), *rest = copy;
    bool ok = true;
    for (char *word = strsep(&rest, ","); ok && word; word = strsep(&rest, ",")) {
        if (*count == BENCH_MAX_MODES)
            ok = dn_fail(err, DN_E_ARG, "--modes: at most %d", BENCH_MAX_MODES);
        else
            ok = parse_one(word, &modes[(*count)++], err);
    }
    free(copy);
    return ok;
}
