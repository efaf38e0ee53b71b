/* fuzz_torch_checkpoint: torch files. The first byte chooses how the rest is read:
 *   0  as a whole file (zip archive or old stream)
 *   1  as the data.pkl of an archive that is well formed otherwise, with CRC and sizes made to fit,
 *      so that mutations get past the archive's checks and reach the pickle reader
 *   2  as what follows the head of an old stream */
#include "fuzz_weights.h"

#include "tests/format/archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct archive_buffer file;
    if (size < 1 || size > ARCHIVE_ROOM / 2)
        return 0;
    switch (data[0] % 3) {
    case 1:
        archive_build(&file, data + 1, size - 1);
        break;
    case 2:
        archive_build_stream(&file, data + 1, size - 1);
        break;
    default:
        fuzz_weights(data + 1, size - 1);
        return 0;
    }
    fuzz_weights(file.bytes, file.used);
    return 0;
}
