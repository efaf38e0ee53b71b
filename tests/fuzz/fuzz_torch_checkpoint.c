/* fuzz_torch_checkpoint: torch files. The first byte chooses how the rest is read:
 *   0  as a whole file (zip archive or old stream)
 *   1  as the data.pkl of an archive that is well formed otherwise, with CRC and sizes made to fit,
 *      so that mutations get past the archive's checks and reach the pickle reader
 *   2  as what follows the head of an old stream */
#include "fuzz_weights.h"

#include <zlib.h>

#define ROOM (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t file[ROOM];
static size_t used;

static void put(uint64_t value, int bytes)
{
    for (; bytes-- > 0; value >>= 8)
        file[used++] = (uint8_t)value;
}

static void put_bytes(const void *bytes, size_t size)
{
    if (size)
        memcpy(file + used, bytes, size);
    used += size;
}

struct entry {
    const char *name;
    const uint8_t *data;
    size_t size, at;
};

/* The fields that local and central header share. */
static void put_header(const struct entry *e, uint64_t crc)
{
    put(0, 2);
    put(0, 2);
    put(0, 4);
    put(crc, 4);
    put(e->size, 4);
    put(e->size, 4);
    put(strlen(e->name), 2);
    put(0, 2);
}

static void build_archive(const uint8_t *pickle, size_t size)
{
    static const uint8_t storage[32] = {0, 0, 0x80, 0x3F, 0, 0, 0, 0x40};
    struct entry entries[] = {{"a/data.pkl", pickle, size, 0},
                              {"a/data/0", storage, sizeof storage, 0},
                              {"a/data/1", storage, 4, 0},
                              {"a/version", (const uint8_t *)"3\n", 2, 0}};
    size_t count = sizeof entries / sizeof entries[0];
    used = 0;
    for (size_t i = 0; i < count; i++) {
        entries[i].at = used;
        put_bytes("PK\3\4\24\0", 6);
        put_header(&entries[i], crc32_z(0, entries[i].data, entries[i].size));
        put_bytes(entries[i].name, strlen(entries[i].name));
        put_bytes(entries[i].data, entries[i].size);
    }
    size_t directory = used;
    for (size_t i = 0; i < count; i++) {
        put_bytes("PK\1\2\24\0\24\0", 8);
        put_header(&entries[i], crc32_z(0, entries[i].data, entries[i].size));
        put(0, 10);
        put(0, 2);
        put(entries[i].at, 4);
        put_bytes(entries[i].name, strlen(entries[i].name));
    }
    size_t end = used;
    put_bytes("PK\5\6\0\0\0\0", 8);
    put(count, 2);
    put(count, 2);
    put(end - directory, 4);
    put(directory, 4);
    put(0, 2);
}

static void build_stream(const uint8_t *rest, size_t size)
{
    static const char head[] = "\x80\2\x8a\12\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\2M\xe9\3."
                               "\x80\2}q\1X\15\0\0\0little_endianq\2\x88s.";
    used = 0;
    put_bytes(head, sizeof head - 1);
    put_bytes(rest, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > ROOM / 2)
        return 0;
    switch (data[0] % 3) {
    case 1:
        build_archive(data + 1, size - 1);
        break;
    case 2:
        build_stream(data + 1, size - 1);
        break;
    default:
        fuzz_weights(data + 1, size - 1);
        return 0;
    }
    fuzz_weights(file, used);
    return 0;
}
