/* json: see json.h */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/read_file.h"

/* The byte where brackets outside strings nest too deep, or -1. jansson would recurse there. */
static int64_t too_deep_at(const char *bytes, size_t length)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        char c = bytes[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > DN_JSON_MAX_DEPTH)
                return (int64_t)i;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return -1;
}

json_t *dn_json_parse(const char *bytes, size_t length, size_t max, const char *what,
                      struct dn_error *err)
{
    if (length > max) {
        dn_fail(err, DN_E_FORMAT, "%s is too large: %zu bytes, at most %zu", what, length, max);
        return NULL;
    }
    int64_t deep = too_deep_at(bytes, length);
    if (deep >= 0) {
        dn_fail(err, DN_E_FORMAT, "%s: nested more than %d deep at byte %lld", what,
                DN_JSON_MAX_DEPTH, (long long)deep);
        return NULL;
    }
    json_error_t why;
    json_t *json = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &why);
    if (!json)
        dn_fail(err, DN_E_FORMAT, "%s is not valid JSON: line %d column %d: %s", what, why.line,
                why.column, why.text);
    return json;
}

json_t *dn_json_load(const char *path, size_t max, struct dn_error *err)
{
    char *bytes;
    size_t size;
    if (!dn_read_file(path, max, &bytes, &size, err))
        return NULL;
    json_t *json = dn_json_parse(bytes, size, max, path, err);
    free(bytes);
    return json;
}

/* "WHERE.KEY must be WANT" */
static bool misfit(struct dn_json_member m, const char *want, struct dn_error *err)
{
    return dn_fail(err, DN_E_FORMAT, "%s.%s must be %s", m.where, m.key, want);
}

/* Finds the member. *value is NULL when it is missing and need not be there. */
static bool find(struct dn_json_member m, json_t **value, struct dn_error *err)
{
    *value = json_object_get(m.object, m.key);
    if (!*value && m.required)
        return dn_fail(err, DN_E_FORMAT, "%s.%s is missing", m.where, m.key);
    return true;
}

bool dn_json_get_int(struct dn_json_member m, int64_t min, int64_t max, int64_t *out,
                     struct dn_error *err)
{
    json_t *value;
    if (!find(m, &value, err))
        return false;
    if (!value)
        return true;
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max)
        return dn_fail(err, DN_E_FORMAT, "%s.%s must be a whole number %lld to %lld", m.where,
                       m.key, (long long)min, (long long)max);
    *out = json_integer_value(value);
    return true;
}

bool dn_json_get_double(struct dn_json_member m, double min, double max, double *out,
                        struct dn_error *err)
{
    json_t *value;
    if (!find(m, &value, err))
        return false;
    if (!value)
        return true;
    double number = json_number_value(value);
    if (!json_is_number(value) || number < min || number > max) {
        char low[DN_NUMBER_SIZE], high[DN_NUMBER_SIZE];
        dn_format_double(low, min);
        dn_format_double(high, max);
        return dn_fail(err, DN_E_FORMAT, "%s.%s must be a number %s to %s", m.where, m.key, low,
                       high);
    }
    *out = number;
    return true;
}

bool dn_json_get_bool(struct dn_json_member m, bool *out, struct dn_error *err)
{
    json_t *value;
    if (!find(m, &value, err))
        return false;
    if (value && !json_is_boolean(value))
        return misfit(m, "true or false", err);
    if (value)
        *out = json_is_true(value);
    return true;
}

bool dn_json_get_string(struct dn_json_member m, const char **out, struct dn_error *err)
{
    json_t *value;
    if (!find(m, &value, err))
        return false;
    if (value && !json_is_string(value))
        return misfit(m, "a string", err);
    if (value)
        *out = json_string_value(value);
    return true;
}

bool dn_json_get_array(struct dn_json_member m, json_t **out, struct dn_error *err)
{
    json_t *value;
    if (!find(m, &value, err))
        return false;
    if (value && !json_is_array(value))
        return misfit(m, "a list", err);
    if (value)
        *out = value;
    return true;
}

bool dn_json_get_object(struct dn_json_member m, json_t **out, struct dn_error *err)
{
    json_t *value;
    if (!find(m, &value, err))
        return false;
    if (value && !json_is_object(value))
        return misfit(m, "an object", err);
    if (value)
        *out = value;
    return true;
}

bool dn_json_known_keys(const json_t *object, const char *where, const char *const *known,
                        struct dn_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        const char *const *k = known;
        while (*k && strcmp(*k, key) != 0)
            k++;
        if (!*k)
            return dn_fail(err, DN_E_FORMAT, "%s.%s is not a known key", where, key);
    }
    return true;
}
