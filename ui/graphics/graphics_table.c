/* graphics_table: every way to draw, best first, and the choice among them. See graphics.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/graphics/graphics.h"
#include "ui/graphics/palette.h"

const struct graphics_entry *const graphics_table[] = {
    &graphics_kitty_entry,
    &graphics_sixel_entry,
    &graphics_blocks_entry,
    NULL,
};

static const struct graphics_entry *find(const char *name)
{
    for (int i = 0; graphics_table[i]; i++)
        if (strcmp(graphics_table[i]->name, name) == 0)
            return graphics_table[i];
    return NULL;
}

bool graphics_is_wish(const char *wish)
{
    return strcmp(wish, "auto") == 0 || strcmp(wish, "none") == 0 || find(wish);
}

const struct graphics_entry *graphics_choose(const char *wish, const struct graphics_caps *caps)
{
    if (wish && strcmp(wish, "auto") != 0)
        return find(wish);
    for (int i = 0; graphics_table[i]; i++)
        if (graphics_table[i]->supported(caps))
            return graphics_table[i];
    return NULL;
}

struct graphics *graphics_open(const struct graphics_entry *entry, const struct graphics_caps *caps,
                               int width, int height, const uint8_t *samples, int64_t count)
{
    struct graphics *g = dn_calloc(1, sizeof *g);
    g->entry = entry;
    g->caps = *caps;
    g->width = width;
    g->height = height;
    if (entry->open(g, samples, count))
        return g;
    graphics_close(g);
    return NULL;
}

struct graphics *graphics_open_wish(const char *wish, const struct graphics_caps *caps, int width,
                                    int height, const uint8_t *samples, int64_t count)
{
    bool automatic = !wish || strcmp(wish, "auto") == 0;
    struct graphics *g = NULL;
    for (int i = 0; !g && graphics_table[i]; i++) {
        const struct graphics_entry *entry = graphics_table[i];
        if (automatic ? entry->supported(caps) : strcmp(entry->name, wish) == 0)
            g = graphics_open(entry, caps, width, height, samples, count);
    }
    return g;
}

bool graphics_encode(struct graphics *g, const uint8_t *rgb, struct strbuf *out,
                     struct dn_error *err)
{
    return g->entry->encode(g, rgb, out, err);
}

void graphics_remove(struct graphics *g, struct strbuf *out)
{
    if (g->entry->remove)
        g->entry->remove(g, out);
}

void graphics_close(struct graphics *g)
{
    if (!g)
        return;
    palette_free(g->palette);
    free(g->indexed);
    free(g->reduced);
    free(g->shown);
    free(g);
}
