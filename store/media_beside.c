/* media_beside: see media_beside.h */
#include "store/media_beside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

bool media_beside_open(struct media_beside *b, const struct media_writer *writer,
                       struct dn_error *err)
{
    *b = (struct media_beside){0};
    if (!writer->options.recipe_json)
        return true;
    b->path = dn_asprintf("%s.json", writer->path);
    if (atomic_file_open(b->path, writer->options.force, &b->file, err))
        return true;
    media_beside_close(b);
    return dn_error_while(err, "placing the recipe beside the %s", writer->format->name);
}

bool media_beside_write(struct media_beside *b, const struct media_writer *writer,
                        struct dn_error *err)
{
    const char *recipe = writer->options.recipe_json;
    return !b->file || atomic_write_all(atomic_file_fd(b->file), recipe, strlen(recipe)) ||
           atomic_write_failed(err, b->path, atomic_file_fd(b->file), errno);
}

bool media_beside_publish(struct media_beside *b, const struct media_writer *writer,
                          struct atomic_file *media, struct dn_error *err)
{
    struct atomic_file *recipe = b->file;
    b->file = NULL;
    if (recipe && !atomic_file_publish(recipe, err)) {
        atomic_file_abort(media);
        return false;
    }
    if (atomic_file_publish(media, err))
        return true;
    if (recipe && !writer->options.force)
        unlink(b->path);
    return false;
}

void media_beside_close(struct media_beside *b)
{
    atomic_file_abort(b->file);
    free(b->path);
    *b = (struct media_beside){0};
}
