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
    g->scale = g->divide = 1;
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

static void add_cut(struct graphics_cuts *cuts, size_t at)
{
    if (cuts->count == cuts->capacity) {
        cuts->capacity = cuts->capacity * 2 + 8;
        cuts->at = dn_realloc(cuts->at, (size_t)cuts->capacity, sizeof *cuts->at);
    }
    cuts->at[cuts->count++] = at;
}

bool graphics_encode(struct graphics *g, const uint8_t *rgb, struct strbuf *out,
                     struct dn_error *err)
{
    g->cuts.count = 0;
    add_cut(&g->cuts, out->length); /* where it begins, for the while */
    bool ok = g->entry->encode(g, rgb, out, err);
    g->cuts.count--;
    memmove(g->cuts.at, g->cuts.at + 1, (size_t)g->cuts.count * sizeof *g->cuts.at);
    add_cut(&g->cuts, out->length);
    return ok;
}

bool graphics_may_cut(struct graphics *g, const struct strbuf *out)
{
    bool far = g->piece > 0 && out->length - g->cuts.at[g->cuts.count - 1] >= g->piece;
    if (far)
        add_cut(&g->cuts, out->length);
    return far;
}

void graphics_reduce_row(const struct graphics *g, const uint8_t *rgb, int y, uint8_t *out)
{
    int d = g->divide;
    if (d == 1) {
        memcpy(out, rgb + (int64_t)y * g->width * 3, (size_t)g->width * 3);
        return;
    }
    for (int x = 0; x < g->width / d; x++)
        for (int c = 0; c < 3; c++) {
            int sum = 0;
            for (int64_t j = 0; j < d; j++)
                for (int i = 0; i < d; i++)
                    sum += rgb[((y * d + j) * g->width + x * d + i) * 3 + c];
            out[x * 3 + c] = (uint8_t)((sum + d * d / 2) / (d * d));
        }
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
    free(g->cuts.at);
    free(g);
}
