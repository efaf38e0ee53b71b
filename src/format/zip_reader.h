/* zip_reader: the records of a zip archive, as torch.save writes it: stored, never compressed.
 *
 * Local headers and central directory must agree in everything, records must not overlap, names
 * must be plain: an archive that two readers could see differently is refused. Nothing is ever
 * extracted. Format: PKWARE APPNOTE 6.3, sections 4.3 and 4.5.3. */
#ifndef DANAUS_FORMAT_ZIP_READER_H
#define DANAUS_FORMAT_ZIP_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "format/mapped_file.h"

struct zip_record {
    const char *name; /* in the map, not NUL-terminated; checked: printable, no "..", no '\\' */
    uint32_t name_length;
    uint32_t crc;
    uint64_t offset, size; /* of the data, inside the file */
    /* PRIVATE */
    uint64_t begin, end; /* header, data and descriptor */
};

struct zip {
    struct zip_record *records; /* sorted by name */
    int64_t count;
};

/* f must stay open while z is used. False: z is empty. */
bool zip_read(struct zip *z, const struct mapped_file *f, struct dn_error *err);
/* The record called name; NULL when absent. */
const struct zip_record *zip_find(const struct zip *z, const char *name);
void zip_done(struct zip *z);

#endif
