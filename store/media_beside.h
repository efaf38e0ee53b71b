/* media_beside: the recipe of a format that has no place for one, as NAME.json beside NAME. */
#ifndef DANAUS_STORE_MEDIA_BESIDE_H
#define DANAUS_STORE_MEDIA_BESIDE_H

#include "store/atomic_file.h"
#include "store/media_format.h"

struct media_beside {
    struct atomic_file *file; /* NULL = no recipe is asked for */
    char *path;
};

/* Is there room for the recipe of writer, if it has one? Nothing is left behind on false. */
bool media_beside_open(struct media_beside *beside, const struct media_writer *writer,
                       struct dn_error *err);
/* Writes the recipe. */
bool media_beside_write(struct media_beside *beside, const struct media_writer *writer,
                        struct dn_error *err);
/* Publishes both, the recipe first, so that a file under its name always has it; media is freed in
 * every case. */
bool media_beside_publish(struct media_beside *beside, const struct media_writer *writer,
                          struct atomic_file *media, struct dn_error *err);
void media_beside_close(struct media_beside *beside);

#endif
