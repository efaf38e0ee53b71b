/* attention_rules: which steps and layers attend differently, as text.
 *
 *   rules  = rule { ";" rule }                   or nothing
 *   rule   = [ "steps" range ] [ "layers" range ] ":" choice    at least one of the two
 *   range  = N | N "-" N | N "-"                 0-based, both ends included
 *   choice = "dense" | "monarch" | one or more of f, h, w, i with a number, as in h2w2 */
#ifndef DANAUS_CONFIG_ATTENTION_RULES_H
#define DANAUS_CONFIG_ATTENTION_RULES_H

#include "config/request.h"

enum { ATTENTION_WHY_SIZE = 200 };

/* Parses text into rules (REQUEST_MAX_RULES of them) and *count. false with the reason in why, and
 * then rules and *count are untouched. An open range ends at INT64_MAX. */
bool attention_rules_parse(const char *text, struct attention_rule *rules, int64_t *count,
                           char why[ATTENTION_WHY_SIZE]);

/* The text that parses to the same rules; the caller frees. */
char *attention_rules_format(const struct attention_rule *rules, int64_t count);

/* The ranges that the parser keeps to, for rules from elsewhere. */
bool attention_rules_check(const struct attention_rule *rules, int64_t count,
                           char why[ATTENTION_WHY_SIZE]);

#endif
