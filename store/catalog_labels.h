/* catalog_labels: tags and collections of clips. Names are UTF-8 of 1 to 100 bytes without control
 * characters, tags also without spaces; ASCII letters' case does not tell two names apart. */
#ifndef DANAUS_STORE_CATALOG_LABELS_H
#define DANAUS_STORE_CATALOG_LABELS_H

#include <stddef.h>

#include "store/catalog.h"

struct label {
    char *name;
    int64_t clips; /* that have it; 0 where not counted */
};

struct label_list {
    struct label *items;
    size_t count;
};

void label_list_done(struct label_list *list);

/* Adding what is there, or removing what is not, is fine. A tag that no clip has is forgotten. */
bool catalog_add_tag(struct catalog *catalog, int64_t clip, const char *tag, struct dn_error *err);
bool catalog_remove_tag(struct catalog *catalog, int64_t clip, const char *tag,
                        struct dn_error *err);
/* Of one clip, or of all (clip 0) with how many clips have each; by name. */
bool catalog_list_tags(struct catalog *catalog, int64_t clip, struct label_list *out,
                       struct dn_error *err);

/* A collection is made by its first clip and stays when it is empty, until it is removed. */
bool catalog_collect(struct catalog *catalog, const char *collection, int64_t clip,
                     struct dn_error *err);
bool catalog_uncollect(struct catalog *catalog, const char *collection, int64_t clip,
                       struct dn_error *err);
bool catalog_make_collection(struct catalog *catalog, const char *collection, struct dn_error *err);
bool catalog_list_collections(struct catalog *catalog, int64_t clip, struct label_list *out,
                              struct dn_error *err);

enum label_kind { LABEL_TAG, LABEL_COLLECTION };

/* A name that is taken is refused (DN_E_EXISTS), one that is not there too (DN_E_ARG). A removed
 * label keeps its clips, unseen, until it is restored, its name is taken, or 30 days are over. */
bool catalog_rename_label(struct catalog *catalog, enum label_kind kind, const char *from,
                          const char *to, struct dn_error *err);
bool catalog_remove_label(struct catalog *catalog, enum label_kind kind, const char *name,
                          struct dn_error *err);
bool catalog_restore_label(struct catalog *catalog, enum label_kind kind, const char *name,
                           struct dn_error *err);

#endif
