/* sheet: see sheet.h */
#include "ui/studio/sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/catalog_search.h"
#include "ui/studio/sheet_labels.h"

/* LEAST: columns of the smallest picture in which something can be made out. */
enum { LEAST = 14 };

void sheet_choose(struct sheet *sheet, const char *name)
{
    if (strcmp(sheet->name, name) != 0)
        sheet->at = 0;
    snprintf(sheet->name, sizeof sheet->name, "%s", name);
}

static void free_clips(struct sheet *sheet)
{
    for (size_t i = 0; i < sheet->count; i++) {
        clip_done(&sheet->clips[i]);
        free(sheet->labels[i]);
    }
    free(sheet->clips);
    free(sheet->labels);
    sheet->clips = NULL;
    sheet->labels = NULL;
    sheet->count = 0;
}

/* The clips of the collection, oldest first. */
static bool search(struct sheet *sheet, struct catalog *catalog, struct clip_list *out,
                   struct dn_error *err)
{
    struct clip_filter filter = {
        .field = FIELD_COLLECTION, .compare = COMPARE_EQUAL, .text = sheet->name};
    const struct clip_query query = {.filters = &filter, .filter_count = 1};
    const struct catalog_page page = {.limit = SHEET_MOST};
    if (!catalog_search(catalog, &query, &page, out, err))
        return false;
    for (size_t i = 0, k = out->count; i + 1 < k; i++) {
        struct clip newer = out->items[i];
        out->items[i] = out->items[--k];
        out->items[k] = newer;
    }
    return true;
}

static bool same_clips(const struct sheet *sheet, const struct clip_list *list)
{
    bool same = sheet->count == list->count;
    for (size_t i = 0; same && i < list->count; i++)
        same = sheet->clips[i].id == list->items[i].id;
    return same;
}

/* NULL: err. */
static char **read_labels(struct catalog *catalog, const struct clip_list *list,
                          struct dn_error *err)
{
    struct clip *whole = dn_calloc(list->count + 1, sizeof *whole);
    size_t read = 0;
    while (read < list->count && catalog_get_clip(catalog, list->items[read].id, &whole[read], err))
        read++;
    char **labels = read == list->count ? sheet_labels(whole, read) : NULL;
    for (size_t i = 0; i < read; i++)
        clip_done(&whole[i]);
    free(whole);
    return labels;
}

bool sheet_load(struct sheet *sheet, struct catalog *catalog, struct dn_error *err)
{
    struct clip_list list = {0};
    int64_t chosen = sheet->count ? sheet->clips[sheet->at].id : 0;
    char **labels = NULL;
    bool ok = search(sheet, catalog, &list, err);
    bool same = ok && same_clips(sheet, &list);
    if (ok && !same)
        labels = read_labels(catalog, &list, err);
    if (!ok || (!same && !labels)) {
        clip_list_done(&list);
        return false;
    }
    if (same) { /* labels cost a read of each clip: they stay */
        labels = sheet->labels;
        sheet->labels = dn_calloc(sheet->count + 1, sizeof *sheet->labels);
    }
    free_clips(sheet);
    sheet->clips = list.items;
    sheet->count = list.count;
    sheet->labels = labels;
    for (size_t i = 0; i < sheet->count; i++)
        sheet->at = sheet->clips[i].id == chosen ? i : sheet->at;
    if (sheet->at >= sheet->count)
        sheet->at = sheet->count ? sheet->count - 1 : 0;
    return true;
}

struct clip *sheet_find(struct sheet *sheet, int64_t id)
{
    for (size_t i = 0; i < sheet->count; i++)
        if (sheet->clips[i].id == id)
            return &sheet->clips[i];
    return NULL;
}

struct clip *sheet_chosen(struct sheet *sheet)
{
    return sheet->count ? &sheet->clips[sheet->at] : NULL;
}

size_t sheet_run(const struct sheet *sheet)
{
    size_t run = 0;
    while (run < sheet->count && strcmp(sheet->clips[run].prompt, sheet->clips[0].prompt) == 0)
        run++;
    return run > 1 && run < sheet->count ? run : 0;
}

void sheet_done(struct sheet *sheet)
{
    free_clips(sheet);
}

/* --- layout --- */

/* Columns of the picture in one of columns by rows cells; a column between cells stays free. */
static double picture_cols(struct rect area, double aspect, int columns, int rows)
{
    double cols = area.cols / columns - 1, most = (area.rows / rows - 1) * aspect;
    return cols < most ? cols : most;
}

static struct sheet_layout layout(struct rect area, int columns, int rows)
{
    return (struct sheet_layout){columns, rows, area.cols / columns, area.rows / rows};
}

struct sheet_layout sheet_layout_for(size_t count, struct rect area, double aspect, size_t run,
                                     int most)
{
    int shown = count < 1 ? 1 : count > (size_t)most ? most : (int)count;
    for (; shown > 0; shown--) {
        int best = 1;
        double widest = 0, liked = 0;
        for (int columns = 1; columns <= shown; columns++) {
            int rows = (shown + columns - 1) / columns;
            if (columns * rows > most || rows > area.rows || columns > area.cols)
                continue;
            double width = picture_cols(area, aspect, columns, rows);
            best = width > widest ? columns : best;
            widest = width > widest ? width : widest;
            liked = (size_t)columns == run ? width : liked;
        }
        if (liked > widest * 0.7)
            best = (int)run;
        if (widest >= LEAST)
            return layout(area, best, (shown + best - 1) / best);
    }
    return layout(area, 1, 1);
}
