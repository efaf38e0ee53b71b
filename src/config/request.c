/* request: see request.h */
#include "config/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/number.h"
#include "base/strbuf.h"
#include "config/option_value.h"
#include "config/prompt_changes.h"

void request_init(struct request *r)
{
    memset(r, 0, sizeof *r);
    option_defaults(option_rows, option_count, r);
}

void request_done(struct request *r)
{
    option_free(option_rows, option_count, r);
}

void request_copy(struct request *dst, const struct request *src)
{
    *dst = *src;
    option_own(option_rows, option_count, dst);
}

static bool check_rows(const struct request *r, struct dn_error *err)
{
    for (size_t i = 0; i < option_count; i++) {
        char why[OPTION_WHY_SIZE];
        if (option_check(&option_rows[i], r, why))
            continue;
        char *value = option_get(&option_rows[i], r);
        option_complain(err, "", option_rows[i].name, value, why);
        free(value);
        return false;
    }
    return true;
}

/* What a single row cannot know. */
static bool check_together(const struct request *r, struct dn_error *err)
{
    if (!r->prompt[strspn(r->prompt, " \t\r\n")] && !r->context) {
        dn_fail(err, DN_E_ARG, "the prompt is empty");
        return dn_error_hint(err, "say what to show, as in: danaus generate \"a butterfly\"");
    }
    if (r->image && r->extend) {
        dn_fail(err, DN_E_ARG, "image and extend both say where the clip begins");
        return dn_error_hint(err, "leave one of them out");
    }
    if (!r->causal || r->local_attn_size == -1)
        return true;
    if (r->local_attn_size < r->frames_per_block + r->sink_size) {
        dn_fail(
            err, DN_E_ARG, "local-attn-size %lld: too small for a chunk (%lld) and the sink (%lld)",
            (long long)r->local_attn_size, (long long)r->frames_per_block, (long long)r->sink_size);
        return dn_error_hint(err, "use %lld or more, or -1 to keep everything",
                             (long long)(r->frames_per_block + r->sink_size));
    }
    return true;
}

bool request_validate(const struct request *r, struct dn_error *err)
{
    return check_rows(r, err) && check_together(r, err);
}

struct attention_choice request_attention(const struct request *r, int64_t step, int64_t layer)
{
    for (int64_t i = r->rule_count - 1; i >= 0; i--) {
        const struct attention_rule *rule = &r->rules[i];
        if (step >= rule->first_step && step <= rule->last_step && layer >= rule->first_layer &&
            layer <= rule->last_layer)
            return rule->choice;
    }
    return r->attention;
}

static void json_text(struct strbuf *out, const char *text)
{
    json_t *string = json_string(text);
    /* every text in a request is UTF-8, so this only fails for one built by hand wrongly */
    char *quoted = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
    strbuf_append_text(out, quoted ? quoted : "null");
    free(quoted);
    json_decref(string);
}

enum { RECIPE_GROUPS = 1 << GROUP_WHAT | 1 << GROUP_SAMPLER | 1 << GROUP_ATTENTION };

static char *to_json(const struct request *r, unsigned groups)
{
    struct strbuf out = {0};
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_rows[i];
        char key[64];
        if (!(groups >> o->group & 1))
            continue;
        option_key(o, key);
        char *value = option_get(o, r);
        strbuf_printf(&out, "%s\"%s\": ", out.length ? ", " : "{", key);
        if (!value)
            strbuf_append_text(&out, "null");
        else if (o->type == OPTION_BOOL || o->type == OPTION_INT || o->type == OPTION_SEED ||
                 o->type == OPTION_DOUBLE)
            strbuf_append_text(&out, value);
        else if (o->type == OPTION_STEPS)
            strbuf_printf(&out, "[%s]", value);
        else if (o->type == OPTION_CHANGES)
            prompt_changes_print_json(value, &out);
        else
            json_text(&out, value);
        free(value);
    }
    strbuf_append_text(&out, "}");
    return strbuf_take(&out);
}

char *request_to_json(const struct request *r)
{
    return to_json(r, ~0u);
}

char *request_to_recipe(const struct request *r)
{
    return to_json(r, RECIPE_GROUPS);
}

/* A list of whole numbers as "1000,750"; false when it is something else. */
static bool list_text(const json_t *list, struct strbuf *out)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (!json_is_integer(item) || i >= REQUEST_MAX_LIST)
            return false;
        strbuf_printf(out, "%s%lld", i ? "," : "", (long long)json_integer_value(item));
    }
    return true;
}

/* The member as the text that option_set takes, *none for null. false: the wrong JSON type. */
static bool member_text(const struct option *o, const json_t *value, struct strbuf *out, bool *none)
{
    char number[DN_NUMBER_SIZE];
    *none = json_is_null(value);
    if (*none)
        return true;
    switch (o->type) {
    case OPTION_BOOL:
        strbuf_append_text(out, json_is_true(value) ? "true" : "false");
        return json_is_boolean(value);
    case OPTION_INT:
    case OPTION_SEED:
        strbuf_printf(out, "%lld", (long long)json_integer_value(value));
        return json_is_integer(value);
    case OPTION_DOUBLE:
        dn_format_double(number, json_number_value(value));
        strbuf_append_text(out, number);
        return json_is_number(value);
    case OPTION_STEPS:
        return json_is_array(value) && list_text(value, out);
    case OPTION_CHANGES:
        return prompt_changes_read_json(value, out);
    default:
        if (!json_is_string(value))
            return false;
        strbuf_append_text(out, json_string_value(value));
        return true;
    }
}

/* seen[row] tells the two spellings of one name apart from two names. */
static bool set_member(struct request *r, const char *key, const json_t *value, unsigned groups,
                       bool *seen, struct dn_error *err)
{
    static const char *const kinds[] = {[OPTION_BOOL] = "must be true or false",
                                        [OPTION_INT] = "must be a whole number",
                                        [OPTION_SEED] = "must be a whole number",
                                        [OPTION_DOUBLE] = "must be a number",
                                        [OPTION_TEXT] = "must be a string",
                                        [OPTION_WORD] = "must be a string",
                                        [OPTION_PATH] = "must be a string or null",
                                        [OPTION_ENUM] = "must be a string",
                                        [OPTION_SIZE] = "must be a string such as \"832x480\"",
                                        [OPTION_STEPS] = "must be a list of whole numbers",
                                        [OPTION_RULES] = "must be a string",
                                        [OPTION_CHANGES] = "must be a list of objects with a "
                                                           "chunk and a prompt of one line"};
    const struct option *o = option_find(option_rows, option_count, key);
    if (!o)
        return dn_fail(err, DN_E_FORMAT, "request: %s is not a known key", key);
    if (!(groups >> o->group & 1))
        return dn_fail(err, DN_E_FORMAT, "request: %s may not be in a recipe", key);
    if (seen[o - option_rows])
        return dn_fail(err, DN_E_FORMAT, "request: %s appears twice", key);
    seen[o - option_rows] = true;
    struct strbuf text = {0};
    char why[OPTION_WHY_SIZE];
    bool none, ok = false;
    if (!member_text(o, value, &text, &none))
        dn_fail(err, DN_E_FORMAT, "request: %s %s", key, kinds[o->type]);
    else if (!option_set(o, r, none ? NULL : strbuf_text(&text), why))
        option_complain(err, "request: ", key, none ? NULL : strbuf_text(&text), why);
    else
        ok = true;
    strbuf_done(&text);
    return ok;
}

static bool from_json(struct request *r, const char *json, unsigned groups, struct dn_error *err)
{
    json_t *object = dn_json_parse(json, strlen(json), DN_JSON_MAX_CONFIG, "request", err);
    if (!object)
        return false;
    struct request read;
    request_copy(&read, r);
    bool ok = true, seen[OPTION_MAX] = {false};
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        ok = dn_fail(err, DN_E_FORMAT, "request: must be an object");
    else
        json_object_foreach(object, key, value)
        {
            ok = set_member(&read, key, value, groups, seen, err);
            if (!ok)
                break;
        }
    json_decref(object);
    /* all or nothing: a half-read recipe would make another clip than either */
    struct request *drop = ok ? r : &read;
    request_done(drop);
    if (ok)
        *r = read;
    return ok;
}

bool request_from_json(struct request *r, const char *json, struct dn_error *err)
{
    return from_json(r, json, ~0u, err);
}

bool request_from_recipe(struct request *r, const char *json, struct dn_error *err)
{
    return from_json(r, json, RECIPE_GROUPS, err);
}
