/* json: jansson, held to the rules for files from strangers: bounded size, at most 32 deep, no
 * duplicate keys, nothing behind the value; and members read with their type, their range and, in
 * the error, their path. */
#ifndef DANAUS_BASE_JSON_H
#define DANAUS_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { DN_JSON_MAX_DEPTH = 32, DN_JSON_MAX_CONFIG = 1024 * 1024 };

/* Parses bytes[0..length); what names them in errors ("config.json"). NULL: more than max bytes,
 * not UTF-8, not strict JSON. The caller json_decref()s. */
json_t *dn_json_parse(const char *bytes, size_t length, size_t max, const char *what,
                      struct dn_error *err);
/* The same from a file. */
json_t *dn_json_load(const char *path, size_t max, struct dn_error *err);

/* One member of object. where is the object's path in errors: "config.json: rope" gives
 * "config.json: rope.theta must be ...". A missing member fails when required, else leaves *out
 * untouched and is fine. Strings, arrays and objects are borrowed from object. */
struct dn_json_member {
    const json_t *object;
    const char *where;
    const char *key;
    bool required;
};
bool dn_json_get_int(struct dn_json_member m, int64_t min, int64_t max, int64_t *out,
                     struct dn_error *err);
bool dn_json_get_double(struct dn_json_member m, double min, double max, double *out,
                        struct dn_error *err);
bool dn_json_get_bool(struct dn_json_member m, bool *out, struct dn_error *err);
bool dn_json_get_string(struct dn_json_member m, const char **out, struct dn_error *err);
bool dn_json_get_array(struct dn_json_member m, json_t **out, struct dn_error *err);
bool dn_json_get_object(struct dn_json_member m, json_t **out, struct dn_error *err);

/* False, naming the first key of object that is not in known (NULL-terminated). */
bool dn_json_known_keys(const json_t *object, const char *where, const char *const *known,
                        struct dn_error *err);

#endif
