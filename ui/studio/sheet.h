/* sheet: the clips of a contact sheet, oldest first, each with what tells it apart. */
#ifndef DANAUS_UI_STUDIO_SHEET_H
#define DANAUS_UI_STUDIO_SHEET_H

#include "store/catalog_clips.h"
#include "ui/studio/canvas.h"
#include "ui/studio/sheet_names.h"

enum { SHEET_MOST = 1000 };

struct sheet {
    char name[SHEET_NAME_SIZE]; /* "" = none was chosen */
    struct clip *clips;         /* [count], without requests */
    char **labels;              /* [count] */
    size_t count;
    size_t at; /* the chosen one; 0 when there is none */
};

/* Another sheet: the clips are those of before until sheet_load. */
void sheet_choose(struct sheet *sheet, const char *name);
/* Reads the clips anew; the choice stays with its clip. Clips in the trash are left out. */
bool sheet_load(struct sheet *sheet, struct catalog *catalog, struct dn_error *err);
struct clip *sheet_find(struct sheet *sheet, int64_t id); /* NULL = not here */
struct clip *sheet_chosen(struct sheet *sheet);           /* NULL = it is empty */
/* How many clips, from the first on, have the same prompt: the columns of a grid. 0 = it has none. */
size_t sheet_run(const struct sheet *sheet);
void sheet_done(struct sheet *sheet);

/* How the cells lie: a line of text and below it a picture of so many columns to a row. */
struct sheet_layout {
    int columns, rows; /* of cells on the screen */
    int cell_cols, cell_rows;
};

/* For count clips in area, as large as they can be with all of them seen; when that were too small,
 * or more than most, as many as can be. aspect: width by height of a picture in columns by rows.
 * run: the number of columns that is liked best, 0 = any. */
struct sheet_layout sheet_layout_for(size_t count, struct rect area, double aspect, size_t run,
                                     int most);

#endif
