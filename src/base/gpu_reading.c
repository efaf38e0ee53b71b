/* gpu_reading: see gpu_reading.h */
#include "base/gpu_reading.h"

#include <stdio.h>
#include <string.h>

#include "base/safetext.h"

void gpu_reading_init(struct gpu_reading *r)
{
    *r = (struct gpu_reading){
        .celsius = -1, .used_bytes = -1, .total_bytes = -1, .busy_percent = -1, .watts = -1};
}

/* --- JSON --- */

static const struct {
    const char *key;
    size_t at;
    bool whole; /* int64_t, else double */
} numbers[] = {
    {"celsius", offsetof(struct gpu_reading, celsius), false},
    {"used_bytes", offsetof(struct gpu_reading, used_bytes), true},
    {"total_bytes", offsetof(struct gpu_reading, total_bytes), true},
    {"busy_percent", offsetof(struct gpu_reading, busy_percent), false},
    {"watts", offsetof(struct gpu_reading, watts), false},
};
enum { NUMBERS = sizeof numbers / sizeof numbers[0] };

json_t *gpu_reading_to_json(const struct gpu_reading *r)
{
    json_t *object = json_object();
    if (r->name[0])
        json_object_set_new(object, "name", json_string(r->name));
    for (size_t i = 0; i < NUMBERS; i++) {
        const void *field = (const char *)r + numbers[i].at;
        if (numbers[i].whole && *(const int64_t *)field >= 0)
            json_object_set_new(object, numbers[i].key, json_integer(*(const int64_t *)field));
        else if (!numbers[i].whole && *(const double *)field >= 0)
            json_object_set_new(object, numbers[i].key, json_real(*(const double *)field));
    }
    return object;
}

bool gpu_reading_from_json(const json_t *object, struct gpu_reading *r)
{
    gpu_reading_init(r);
    if (!json_is_object(object))
        return false;
    const char *name = json_string_value(json_object_get(object, "name"));
    if (name)
        dn_safetext(r->name, sizeof r->name, name, strlen(name));
    for (size_t i = 0; i < NUMBERS; i++) {
        const json_t *value = json_object_get(object, numbers[i].key);
        void *field = (char *)r + numbers[i].at;
        if (numbers[i].whole && json_is_integer(value))
            *(int64_t *)field = json_integer_value(value);
        else if (!numbers[i].whole && json_is_number(value))
            *(double *)field = json_number_value(value);
    }
    return true;
}

/* --- words --- */

bool gpu_reading_part(const struct gpu_reading *r, enum gpu_part part, bool utf8,
                      char out[GPU_PART_SIZE])
{
    out[0] = '\0';
    if (part == GPU_NAME)
        snprintf(out, GPU_PART_SIZE, "%s", r->name);
    else if (part == GPU_HEAT && r->celsius >= 0)
        snprintf(out, GPU_PART_SIZE, utf8 ? "%.0f \u00b0C" : "%.0f C", r->celsius);
    else if (part == GPU_MEMORY && r->used_bytes >= 0 && r->total_bytes > 0)
        snprintf(out, GPU_PART_SIZE, "%.1f of %.1f GiB", (double)r->used_bytes / 0x1p30,
                 (double)r->total_bytes / 0x1p30);
    else if (part == GPU_BUSY && r->busy_percent >= 0)
        snprintf(out, GPU_PART_SIZE, "%.0f %% busy", r->busy_percent);
    else if (part == GPU_POWER && r->watts >= 0)
        snprintf(out, GPU_PART_SIZE, "%.0f W", r->watts);
    return out[0] != '\0';
}

void gpu_reading_text(const struct gpu_reading *r, bool utf8, char out[GPU_TEXT_SIZE])
{
    size_t n = 0;
    char part[GPU_PART_SIZE];
    out[0] = '\0';
    for (int i = 0; i < GPU_PARTS; i++)
        if (gpu_reading_part(r, (enum gpu_part)i, utf8, part) && n < GPU_TEXT_SIZE)
            n += (size_t)snprintf(out + n, GPU_TEXT_SIZE - n, "%s%s", n ? ", " : "", part);
}
