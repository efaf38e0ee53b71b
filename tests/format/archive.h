/* archive: torch files around given pickle bytes, for unit tests and fuzz targets. */
#ifndef DANAUS_TESTS_ARCHIVE_H
#define DANAUS_TESTS_ARCHIVE_H

#include <stdint.h>
#include <string.h>

#include <zlib.h>

#define ARCHIVE_ROOM (8u << 20)

struct archive_buffer {
    uint8_t bytes[ARCHIVE_ROOM];
    size_t used;
};

static inline void archive_put(struct archive_buffer *b, uint64_t value, int bytes)
{
    for (; bytes-- > 0; value >>= 8)
        b->bytes[b->used++] = (uint8_t)value;
}

static inline void archive_put_bytes(struct archive_buffer *b, const void *bytes, size_t size)
{
    if (size)
        memcpy(b->bytes + b->used, bytes, size);
    b->used += size;
}

struct archive_entry {
    const char *name;
    const void *data;
    size_t size, at;
};

/* The fields that local and central header share. */
static inline void archive_put_header(struct archive_buffer *b, const struct archive_entry *e)
{
    archive_put(b, 0, 2 + 2 + 4); /* flags, method, time */
    archive_put(b, crc32_z(0, e->data, e->size), 4);
    archive_put(b, e->size, 4);
    archive_put(b, e->size, 4);
    archive_put(b, strlen(e->name), 2);
    archive_put(b, 0, 2);
}

/* The central directory and end record for records already written at entries[].at. */
static inline void archive_finish(struct archive_buffer *b, const struct archive_entry *entries,
                                  size_t count)
{
    size_t directory = b->used;
    for (size_t i = 0; i < count; i++) {
        archive_put_bytes(b, "PK\1\2\24\0\24\0", 8);
        archive_put_header(b, &entries[i]);
        archive_put(b, 0, 8);
        archive_put(b, 0, 2);
        archive_put(b, entries[i].at, 4);
        archive_put_bytes(b, entries[i].name, strlen(entries[i].name));
    }
    size_t end = b->used;
    archive_put_bytes(b, "PK\5\6\0\0\0\0", 8);
    archive_put(b, count, 2);
    archive_put(b, count, 2);
    archive_put(b, end - directory, 4);
    archive_put(b, directory, 4);
    archive_put(b, 0, 2);
}

/* A well-formed torch.save archive with this data.pkl; record data/0 holds 8 float32 (0..7),
 * data/1 4 bytes. size < ARCHIVE_ROOM - 1024. */
static inline void archive_build(struct archive_buffer *b, const void *pickle, size_t size)
{
    static const float storage[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    struct archive_entry entries[] = {{"a/data.pkl", pickle, size, 0},
                                      {"a/data/0", storage, sizeof storage, 0},
                                      {"a/data/1", storage, 4, 0},
                                      {"a/version", "3\n", 2, 0}};
    size_t count = sizeof entries / sizeof entries[0];
    b->used = 0;
    for (size_t i = 0; i < count; i++) {
        entries[i].at = b->used;
        archive_put_bytes(b, "PK\3\4\24\0", 6);
        archive_put_header(b, &entries[i]);
        archive_put_bytes(b, entries[i].name, strlen(entries[i].name));
        archive_put_bytes(b, entries[i].data, entries[i].size);
    }
    archive_finish(b, entries, count);
}

/* An old torch stream whose value pickle and all behind it are `rest`. */
static inline void archive_build_stream(struct archive_buffer *b, const void *rest, size_t size)
{
    static const char head[] =
        "\x80\2\x8a\12\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\2M\xe9\3."
        "\x80\2}q\1X\15\0\0\0little_endianq\2\x88s.";
    b->used = 0;
    archive_put_bytes(b, head, sizeof head - 1);
    archive_put_bytes(b, rest, size);
}

#endif
