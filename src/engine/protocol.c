/* protocol: see protocol.h */
#include "engine/protocol.h"

#include <assert.h>
#include <string.h>

static bool is_choice(const char *choices, const char *value)
{
    size_t length = strlen(value);
    for (const char *c = choices; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL) {
        size_t n = strcspn(c, "|");
        if (n == length && memcmp(c, value, n) == 0)
            return true;
    }
    return false;
}

static bool check_text(const struct message_field *f, const char *where, const char *value,
                       struct dn_error *err)
{
    if (!value || !f->choices || is_choice(f->choices, value))
        return true;
    return dn_fail(err, DN_E_FORMAT, "%s.%s must be one of %s", where, f->name, f->choices);
}

static bool check_field(const json_t *object, const char *where, const struct message_field *f,
                        struct dn_error *err)
{
    struct dn_json_member m = {
        .object = object, .where = where, .key = f->name, .required = !f->optional};
    bool bounded = f->max > f->min;
    int64_t whole;
    double number;
    bool flag;
    const char *text = NULL;
    json_t *value;
    switch (f->kind) {
    case FIELD_INT:
        return dn_json_get_int(m, bounded ? f->min : INT64_MIN, bounded ? f->max : INT64_MAX,
                               &whole, err);
    case FIELD_NUMBER:
        return dn_json_get_double(m, -1e300, 1e300, &number, err);
    case FIELD_TEXT:
        return dn_json_get_string(m, &text, err) && check_text(f, where, text, err);
    case FIELD_BOOL:
        return dn_json_get_bool(m, &flag, err);
    case FIELD_OBJECT:
        return dn_json_get_object(m, &value, err);
    case FIELD_LIST:
        return dn_json_get_array(m, &value, err);
    }
    assert(!"a kind of field without a check");
    return false;
}

/* hello and status exist in both directions. */
static bool find_message(const char *name, bool from_client, enum message_type *type)
{
    int first = from_client ? 0 : MESSAGE_REQUEST_COUNT;
    int end = from_client ? MESSAGE_REQUEST_COUNT : MESSAGE_COUNT;
    for (int i = first; i < end; i++)
        if (strcmp(message_table[i].name, name) == 0) {
            *type = (enum message_type)i;
            return true;
        }
    return false;
}

/* An id is a number or a short text; the engine only hands it back. */
static bool check_id(const json_t *object, json_t **id, struct dn_error *err)
{
    json_t *value = json_object_get(object, "id");
    if (!value || json_is_integer(value) ||
        (json_is_string(value) && json_string_length(value) <= 64)) {
        if (id)
            *id = json_incref(value);
        return true;
    }
    return dn_fail(err, DN_E_FORMAT, "message.id must be a whole number or at most 64 bytes of text");
}

bool protocol_read(const char *line, size_t length, bool from_client, enum message_type *type,
                   json_t **out, json_t **id, struct dn_error *err)
{
    *out = NULL;
    if (id)
        *id = NULL;
    json_t *object = dn_json_parse(line, length, PROTOCOL_MAX_LINE, "message", err);
    if (!object)
        return false;
    const char *name = NULL;
    struct dn_json_member m = {.object = object, .where = "message", .key = "type",
                               .required = true};
    bool ok = json_is_object(object) ||
              dn_fail(err, DN_E_FORMAT, "a message must be a JSON object");
    ok = ok && check_id(object, id, err) && dn_json_get_string(m, &name, err);
    if (ok && !find_message(name, from_client, type))
        ok = dn_fail(err, DN_E_UNSUPPORTED, "there is no message \"%.64s\"", name);
    for (const struct message_field *f = ok ? message_table[*type].fields : NULL; ok && f->name; f++)
        ok = check_field(object, name, f, err);
    if (ok)
        *out = object;
    else
        json_decref(object);
    return ok;
}

json_t *protocol_new(enum message_type type)
{
    json_t *message = json_object();
    json_object_set_new(message, "type", json_string(message_table[type].name));
    return message;
}

/* --- errors --- */

json_t *protocol_error(const struct dn_error *err)
{
    json_t *message = protocol_new(MESSAGE_ERROR);
    json_object_set_new(message, "code", json_string(dn_code_name(err->code)));
    json_object_set_new(message, "message", json_string(err->message));
    if (err->hint[0])
        json_object_set_new(message, "hint", json_string(err->hint));
    return message;
}

void protocol_error_read(const json_t *message, struct dn_error *err)
{
    const char *name = protocol_text(message, "code"), *hint = protocol_text(message, "hint");
    const char *text = protocol_text(message, "message");
    enum dn_code code = DN_E_BACKEND;
    for (int i = DN_E_IO; name && i <= DN_E_BACKEND; i++)
        if (strcmp(dn_code_name((enum dn_code)i), name) == 0)
            code = (enum dn_code)i;
    dn_fail(err, code, "%s", text ? text : "the engine gave no reason");
    if (hint)
        dn_error_hint(err, "%s", hint);
}

/* --- fields --- */

int64_t protocol_int(const json_t *message, const char *key, int64_t fallback)
{
    const json_t *value = json_object_get(message, key);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

double protocol_number(const json_t *message, const char *key, double fallback)
{
    const json_t *value = json_object_get(message, key);
    return json_is_number(value) ? json_number_value(value) : fallback;
}

bool protocol_bool(const json_t *message, const char *key)
{
    return json_is_true(json_object_get(message, key));
}

const char *protocol_text(const json_t *message, const char *key)
{
    return json_string_value(json_object_get(message, key));
}
