/* gpu_reading: what a GPU tells of itself at a moment, as data, as JSON and in words. */
#ifndef DANAUS_BASE_GPU_READING_H
#define DANAUS_BASE_GPU_READING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A number below 0 is not known. */
struct gpu_reading {
    char name[96]; /* safe to show; "" = not known */
    double celsius;
    int64_t used_bytes, total_bytes; /* of its memory, by all processes */
    double busy_percent;             /* of the time, some kernel ran */
    double watts;
};

/* From here on the user should look after its cooling: data-centre GPUs slow down near 90. */
#define GPU_READING_HOT 85.0

/* Nothing is known. */
void gpu_reading_init(struct gpu_reading *r);

/* An object with what is known, by the names above; the caller decrefs. */
json_t *gpu_reading_to_json(const struct gpu_reading *r);
/* False: there is no object, *r knows nothing. */
bool gpu_reading_from_json(const json_t *object, struct gpu_reading *r);

enum gpu_part { GPU_NAME, GPU_HEAT, GPU_MEMORY, GPU_BUSY, GPU_POWER, GPU_PARTS };
enum { GPU_PART_SIZE = 96, GPU_TEXT_SIZE = 256 };
/* One of them in words: "61 °C", "13.1 of 140.4 GiB", "97 % busy", "512 W". False: not known. */
bool gpu_reading_part(const struct gpu_reading *r, enum gpu_part part, bool utf8,
                      char out[GPU_PART_SIZE]);
/* All that is known with commas between; "" = nothing. */
void gpu_reading_text(const struct gpu_reading *r, bool utf8, char out[GPU_TEXT_SIZE]);

#endif
