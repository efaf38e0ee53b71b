/* list_view: the choice and the scrolling of a list of rows that are all in memory. */
#ifndef DANAUS_UI_STUDIO_LIST_VIEW_H
#define DANAUS_UI_STUDIO_LIST_VIEW_H

struct list_view {
    int at, first; /* chosen row, first row shown */
    int rows;      /* shown at the last drawing */
};

/* Brings the choice into the list of count rows and into view of rows. */
static inline void list_view_fit(struct list_view *v, int count, int rows)
{
    v->rows = rows;
    v->at = v->at >= count ? count - 1 : v->at;
    v->at = v->at < 0 ? 0 : v->at;
    v->first = v->at < v->first ? v->at : v->first;
    v->first = v->at >= v->first + rows ? v->at - rows + 1 : v->first;
    v->first = v->first > count - rows ? count - rows : v->first;
    v->first = v->first < 0 ? 0 : v->first;
}

#endif
