/* sheet_names: see sheet_names.h */
#include "ui/studio/sheet_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "store/catalog_labels.h"

/* The number in a collection's name; 0: it is no sheet. */
static int64_t number_of(const char *name)
{
    int64_t number = 0;
    int end = 0;
    if (sscanf(name, "sheet %9" SCNd64 ": %n", &number, &end) != 1 || end == 0 || number < 0)
        return 0;
    return number;
}

const char *sheet_name_words(const char *name)
{
    const char *colon = strchr(name, ':');
    return colon && colon[1] ? colon + 2 : "";
}

static int by_number(const void *a, const void *b)
{
    int64_t x = ((const struct sheet_name *)a)->number, y = ((const struct sheet_name *)b)->number;
    return (x > y) - (x < y);
}

bool sheet_names_list(struct catalog *catalog, struct sheet_name_list *out, struct dn_error *err)
{
    struct label_list labels = {0};
    *out = (struct sheet_name_list){0};
    if (!catalog_list_collections(catalog, 0, &labels, err))
        return false;
    for (size_t i = 0; i < labels.count; i++) {
        int64_t number = number_of(labels.items[i].name);
        if (number == 0)
            continue;
        out->items = dn_realloc(out->items, out->count + 1, sizeof *out->items);
        out->items[out->count++] =
            (struct sheet_name){number, dn_strdup(labels.items[i].name), labels.items[i].clips};
    }
    label_list_done(&labels);
    if (out->count)
        qsort(out->items, out->count, sizeof *out->items, by_number);
    return true;
}

void sheet_names_done(struct sheet_name_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].name);
    free(list->items);
    *list = (struct sheet_name_list){0};
}

bool sheet_names_new(struct catalog *catalog, const char *prompt, char out[SHEET_NAME_SIZE],
                     struct dn_error *err)
{
    struct sheet_name_list list = {0};
    if (catalog && !sheet_names_list(catalog, &list, err))
        return false;
    int64_t last = list.count ? list.items[list.count - 1].number : 0;
    sheet_names_done(&list);
    size_t n = (size_t)snprintf(out, SHEET_NAME_SIZE, "sheet %" PRId64 ": ", last + 1);
    for (size_t i = 0; prompt[i];) { /* as much as fits of whole characters, none that controls */
        uint32_t c;
        size_t length = dn_utf8_decode(prompt + i, strlen(prompt + i), &c);
        bool control = length == 0 || c < 0x20 || (c >= 0x7F && c < 0xA0);
        if (n + (control ? 1 : length) >= (size_t)SHEET_NAME_SIZE)
            break;
        if (control)
            out[n++] = ' ';
        else
            memcpy(out + n, prompt + i, length);
        n += control ? 0 : length;
        i += length ? length : 1;
    }
    out[n] = '\0';
    return true;
}
