/* Torch checkpoints: what a pickle may say, what an archive may look like, and that nothing else
 * gets through. */
#include "scratch.h"

#include <limits.h>

#include "archive.h"
#include "format/torch_checkpoint.h"

#define ZIP "tests/data/format/handmade_valid_small.pt"
#define BIG_ZIP "tests/data/format/sf_bf16.pt"
#define ZIP64 "tests/data/format/zip64_bf16.pt"
#define DESCRIPTORS "tests/data/format/torch2_records_bf16.pt"
#define STREAM "tests/data/format/gen_bf16_legacy.pt"

static struct archive_buffer built;

/* Opens an archive with that data.pkl. */
static bool pickle_opens(const void *pickle, size_t size, struct dn_error *err)
{
    archive_build(&built, pickle, size);
    return opens(scratch(built.bytes, built.used), err);
}

/* Parts of pickles. */
#define HEAD "\x80\2"
#define STORAGE(type, key, count)                                                                  \
    "(X\7\0\0\0storagectorch\n" type "\nX\1\0\0\0" key "X\3\0\0\0cpu" count "tQ"
#define FLOATS STORAGE("FloatStorage", "0", "K\10")
#define ODICT "ccollections\nOrderedDict\n)R"
#define VIEW(storage, offset, size, stride)                                                        \
    "ctorch._utils\n_rebuild_tensor_v2\n(" storage offset size stride "\x89" ODICT "tR"
#define GOOD VIEW(FLOATS, "K\0", "K\2K\4\x86", "K\4K\1\x86")
#define NAMED(name, value) "X\1\0\0\0" name value
#define DICT(items) HEAD "}(" items "u."

#define ROW(says, pickle)                                                                          \
    {                                                                                              \
        pickle, sizeof(pickle) - 1, says                                                           \
    }
struct pickle_row {
    const char *bytes;
    size_t size;
    const char *says;
};

static const struct pickle_row good[] = {
    ROW("plain", DICT(NAMED("a", GOOD))),
    ROW("setitem", HEAD "}" NAMED("a", GOOD) "s."),
    ROW("memo", HEAD "}q\0(" NAMED("a", GOOD) "q\5" NAMED("b", "h\5") "u."),
    ROW("long memo", HEAD "}(" NAMED("a", GOOD) "r\377\0\1\0" NAMED("b", "j\377\0\1\0") "u."),
    ROW("scalar", DICT(NAMED("a", VIEW(FLOATS, "K\7", ")", ")")))),
    ROW("empty", DICT(NAMED("a", VIEW(FLOATS, "K\10", "K\0\x85", "K\1\x85")))),
    ROW("empty past the end", DICT(NAMED("a", VIEW(FLOATS, "K\11", "K\0\x85", "K\1\x85")))),
    ROW("broadcast", DICT(NAMED("a", VIEW(FLOATS, "K\0", "K\7K\1\x86", "K\0K\0\x86")))),
    ROW("transposed", DICT(NAMED("a", VIEW(FLOATS, "K\0", "K\2K\4\x86", "K\1K\2\x86")))),
    ROW("size", DICT(NAMED("a", VIEW(FLOATS, "K\0", "ctorch\nSize\nK\2\x85\x85R", "K\1\x85")))),
    ROW("parameter",
        DICT(NAMED("a", "ctorch._utils\n_rebuild_parameter\n(" GOOD "\x88" ODICT "tR"))),
    ROW("attributes", HEAD ODICT "(" NAMED("a", GOOD) "u}X\1\0\0\0_}sb."),
    ROW("extras", DICT(NAMED("a", GOOD) NAMED("b", "N")
                           NAMED("c", "]K\1a") "K\5\x88" NAMED("d", "G\77\360\0\0\0\0\0\0")
                               NAMED("e", "\x8a\11\1\2\3\4\5\6\7\10\11") NAMED("f", "U\2\377\376")
                                   NAMED("g", "\x8f") NAMED("h", "J\377\377\377\377"))),
    ROW("protocol 4", "\x80\4\x95\5\0\0\0\0\0\0\0}\x94(\x8c\1a" GOOD "\x94\x8c\1bh\1"
                      "\x8c\13collections\x8c\13OrderedDict\x93)R0."),
};

TEST(good_pickles_open)
{
    struct dn_error err;
    /* The last row ends in POP, which is refused: it stands for "all but the end is fine". */
    size_t count = sizeof good / sizeof good[0];
    for (size_t i = 0; i + 1 < count; i++)
        CHECK_MSG(pickle_opens(good[i].bytes, good[i].size, &err), "%s: %s", good[i].says,
                  err.message);
    CHECK(!pickle_opens(good[count - 1].bytes, good[count - 1].size, &err));
    CHECK_MSG(strstr(err.message, "POP"), "%s", err.message);
}

static const struct pickle_row bad[] = {
    /* tensors */
    ROW("reaches element 8", DICT(NAMED("a", VIEW(FLOATS, "K\1", "K\10\x85", "K\1\x85")))),
    ROW("reaches element 8", DICT(NAMED("a", VIEW(FLOATS, "K\10", ")", ")")))),
    ROW("too often", DICT(NAMED("a", VIEW(FLOATS, "K\0", "M\377\377\x85", "K\0\x85")))),
    ROW("too large",
        DICT(NAMED("a", VIEW(FLOATS, "K\0", "\x8a\10\377\377\377\377\377\377\377\177K\2\x86",
                             "K\0K\0\x86")))),
    ROW("too large",
        DICT(NAMED("a", VIEW(FLOATS, "K\0", "\x8a\10\377\377\377\377\377\377\377\177K\2K\0\x87",
                             "K\0K\0K\0\x87")))),
    ROW("too large", DICT(NAMED("a", VIEW(FLOATS, "K\0", "K\3\x85",
                                          "\x8a\10\377\377\377\377\377\377\377\177\x85")))),
    ROW("whole numbers", DICT(NAMED("a", VIEW(FLOATS, "K\0", "J\377\377\377\377\x85", "K\1\x85")))),
    ROW("whole numbers", DICT(NAMED("a", VIEW(FLOATS, "K\0", "K\1\x85", "J\377\377\377\377\x85")))),
    ROW("whole number", DICT(NAMED("a", VIEW(FLOATS, "J\377\377\377\377", "K\1\x85", "K\1\x85")))),
    ROW("whole number", DICT(NAMED("a", VIEW(FLOATS, "\x88", "K\1\x85", "K\1\x85")))),
    ROW("whole numbers", DICT(NAMED("a", VIEW(FLOATS, "K\0", "\x88\x85", "K\1\x85")))),
    ROW("whole numbers",
        DICT(NAMED("a", VIEW(FLOATS, "K\0", "\x8a\11\1\2\3\4\5\6\7\10\11\x85", "K\1\x85")))),
    ROW("2 sizes and 1", DICT(NAMED("a", VIEW(FLOATS, "K\0", "K\2K\4\x86", "K\1\x85")))),
    ROW("9 sizes", DICT(NAMED("a", VIEW(FLOATS, "K\0", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t",
                                        "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t")))),
    ROW("needs storage", DICT(NAMED("a", VIEW("K\0", "K\0", "K\1\x85", "K\1\x85")))),
    ROW("needs storage", DICT(NAMED("a", VIEW(FLOATS, "K\0", "]", "K\1\x85")))),
    ROW("needs storage", DICT(NAMED("a", "ctorch._utils\n_rebuild_tensor_v2\n" FLOATS "\x85R"))),
    ROW("parameter needs",
        DICT(NAMED("a", "ctorch._utils\n_rebuild_parameter\n(K\1\x88" ODICT "tR"))),
    /* storages */
    ROW("no storage", DICT(NAMED("a", "K\1Q"))),
    ROW("no storage", DICT(NAMED("a", ")Q"))),
    ROW("no storage", DICT(NAMED("a", "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
                                      "0X\3\0\0\0cpuK\10NtQ"))),
    ROW("no storage", DICT(NAMED("a", "(X\6\0\0\0modulectorch\nFloatStorage\nX\1\0\0\0"
                                      "0X\3\0\0\0cpuK\10tQ"))),
    ROW("of a type", DICT(NAMED("a", STORAGE("Size", "0", "K\10")))),
    ROW("must be a number", DICT(NAMED("a", STORAGE("FloatStorage", "x", "K\10")))),
    ROW("length must be", DICT(NAMED("a", STORAGE("FloatStorage", "0", "J\377\377\377\377")))),
    ROW("data/7 is missing",
        DICT(NAMED("a", VIEW(STORAGE("FloatStorage", "7", "K\1"), "K\0", ")", ")")))),
    ROW("needs 36", DICT(NAMED("a", VIEW(STORAGE("FloatStorage", "0", "K\11"), "K\0", ")", ")")))),
    ROW("needs 28", DICT(NAMED("a", VIEW(STORAGE("FloatStorage", "0", "K\7"), "K\0", ")", ")")))),
    ROW("two types", DICT(NAMED("a", FLOATS) NAMED("b", STORAGE("IntStorage", "0", "K\10")))),
    ROW("two types", DICT(NAMED("a", FLOATS) NAMED("b", STORAGE("FloatStorage", "0", "K\7")))),
    /* the stack, the memo, kinds */
    ROW("start with PROTO", "}."),
    ROW("protocol 5", "\x80\5}."),
    ROW("protocol 1", "\x80\1}."),
    ROW("occurs twice", HEAD "\x80\2}."),
    ROW("no STOP", HEAD "}"),
    ROW("one value", HEAD "."),
    ROW("one value", HEAD "}}."),
    ROW("one value", HEAD "(}."),
    ROW("goes on behind", HEAD "}.x"),
    ROW("nothing is on", HEAD "s."),
    ROW("nothing is on", HEAD "}(K\1s."),
    ROW("nothing is on", HEAD "K\1(\x85."),
    ROW("nothing is on", HEAD "(q\0."),
    ROW("no mark", HEAD "t."),
    ROW("no mark", HEAD "}u."),
    ROW("nothing is on", HEAD "(u."),
    ROW("without a value", HEAD "}(K\1u."),
    ROW("its target is a list", HEAD "](K\1K\1u."),
    ROW("its target is a dict", HEAD "}K\1a."),
    ROW("its target is a tuple", HEAD ")K\1K\1s."),
    ROW("a key is None", HEAD "}NK\1s."),
    ROW("a key is a tuple", HEAD "})K\1s."),
    ROW("never set", HEAD "h\0."),
    ROW("never set", HEAD "}q\1h\0."),
    ROW("never set", HEAD "j\377\377\377\377."),
    ROW("over the limit", HEAD "}r\377\377\377\177."),
    ROW("over the limit", HEAD "}r\377\377\377\377."),
    ROW("cut short", HEAD "X\0\341\365\5abc."),
    ROW("cut short", HEAD "X\377\377\377\377abc."),
    ROW("cut short", HEAD "\x8a\377abc."),
    ROW("cut short", HEAD "G123"),
    ROW("frame", HEAD "\x95\377\377\377\377\377\377\377\377}."),
    ROW("not UTF-8", HEAD "}X\1\0\0\0\377K\1s."),
    /* callables */
    ROW("posix system", HEAD "cposix\nsystem\nX\1\0\0\0x\x85R."),
    ROW("builtins eval", HEAD "cbuiltins\neval\n."),
    ROW("torch._utils _rebuild_tensor", HEAD "ctorch._utils\n_rebuild_tensor\n."),
    ROW("torch float", HEAD "ctorch\nfloatStorage\n."),
    ROW("collections.OrderedDict", HEAD "ccollections.OrderedDict\n\n."),
    ROW("a name does not end", HEAD "ccollections\nOrderedDict"),
    ROW("OrderedDict\\x00", HEAD "ccollections\nOrderedDict\0\n."),
    ROW("os system", "\x80\4\x8c\2os\x8c\6system\x93)R."),
    ROW("must be short strings", "\x80\4K\1\x8c\6system\x93."),
    ROW("is called", HEAD "ctorch\nFloatStorage\n)R."),
    ROW("an integer is called", HEAD "K\1)R."),
    ROW("the arguments are a list", HEAD "ccollections\nOrderedDict\n]R."),
    ROW("OrderedDict with arguments", HEAD "ccollections\nOrderedDict\n]\x85R."),
    ROW("its target is a list", HEAD "]}b."),
    ROW("attributes are a list", HEAD "}]b."),
    /* what the value is */
    ROW("holds an integer", HEAD "K\1."),
    ROW("holds a tensor", HEAD GOOD "."),
    ROW("holds no dict of tensors; its entries are: none", HEAD "}."),
    ROW("its entries are: \"a\", \"b\"", DICT(NAMED("a", "K\1") NAMED("b", "N"))),
    ROW("a tensor's key is an integer", DICT("K\1" GOOD)),
    ROW("two tensors are named a", DICT(NAMED("a", GOOD) NAMED("a", GOOD))),
    ROW("is empty, too long or holds NUL", DICT("X\0\0\0\0" GOOD)),
    ROW("is empty, too long or holds NUL", DICT("X\2\0\0\0a\0" GOOD)),
    ROW("\"model\" is an integer", DICT("X\5\0\0\0modelK\1")),
    ROW("\"model\" is empty", DICT("X\5\0\0\0model}")),
    ROW("\"x\" of \"model\" is None", DICT("X\5\0\0\0model}" NAMED("x", "N") "s")),
    ROW("a key of \"model\" is an integer", DICT("X\5\0\0\0model}K\1" GOOD "s")),
    ROW("two entries are \"model\"",
        DICT("X\5\0\0\0model}" NAMED("x", GOOD) "sX\5\0\0\0model}" NAMED("x", GOOD) "s")),
};

TEST(bad_pickles_are_refused)
{
    struct dn_error err;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_MSG(!pickle_opens(bad[i].bytes, bad[i].size, &err), "row %zu (%s) opens", i,
                  bad[i].says);
        CHECK_MSG(strstr(err.message, bad[i].says), "row %zu: \"%s\", want \"%s\"", i, err.message,
                  bad[i].says);
    }
}

/* Every byte that is not on the printed list ends the reading. */
TEST(opcodes_off_the_list)
{
    char *text = NULL;
    size_t length = 0;
    bool allowed[256] = {0};
    int opcodes = 0, names = 0;
    FILE *f = open_memstream(&text, &length);
    torch_checkpoint_explain(f);
    fclose(f);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (strncmp(line, "opcode 0x", 9) == 0) {
            allowed[strtoul(line + 9, NULL, 16) & 255] = true;
            opcodes++;
        } else {
            names++;
        }
    }
    free(text);
    CHECK_MSG(opcodes == 37 && names == 17, "%d opcodes, %d names", opcodes, names);
    for (int code = 0; code < 256; code++) {
        struct dn_error err;
        uint8_t pickle[400] = {0x80, 2, '}', (uint8_t)code};
        pickle[399] = '.';
        CHECK(!pickle_opens(pickle, sizeof pickle, &err));
        /* Byte 43 of the archive is the opcode; an allowed one fails later or for another reason.
         */
        bool refused = strstr(err.message, "byte 43, the next opcode") != NULL;
        CHECK_MSG(refused != allowed[code], "0x%02X: %s", (unsigned)code, err.message);
    }
}

/* Small pickles that would grow without bounds if values were copied, and large ones. */
TEST(bombs)
{
    struct dn_error err;
    size_t size = 4 << 20, used;
    char *p = dn_malloc(size);
    double start = seconds();
    used = (size_t)(stpcpy(p, HEAD "]") - p);
    p[used++] = 'q';
    p[used++] = 0;
    for (int i = 0; i < 64; i++) {
        const char step[] = {']', '(', 'h', (char)i, 'h', (char)i, 'e', 'q', (char)(i + 1)};
        memcpy(p + used, step, sizeof step);
        used += sizeof step;
    }
    used += (size_t)sprintf(p + used, "(");
    p[used++] = 't';
    p[used++] = '.';
    CHECK(!pickle_opens(p, used, &err));
    CHECK_MSG(seconds() - start < 0.01, "memo bomb: %.3f s", seconds() - start);
    static const struct {
        const char *fill;
        const char *says;
    } rows[] = {{"(", "marks"},           {"N", "values"},      {")", "values"},
                {"h\1", "stack is full"}, {"h\1\x85", "items"}, {"}h\1h\1s", "items"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        used = (size_t)(stpcpy(p, HEAD) - p);
        memcpy(p + used, "K\1q\1", 4);
        used += 4;
        while (used + 8 < size)
            used += (size_t)(stpcpy(p + used, rows[i].fill) - (p + used));
        start = seconds();
        CHECK(!pickle_opens(p, used, &err));
        CHECK_MSG(seconds() - start < 0.25, "%s: %.3f s", rows[i].says, seconds() - start);
        if (i < 4)
            CHECK_MSG(strstr(err.message, rows[i].says) || strstr(err.message, "stack is full"),
                      "%s: %s", rows[i].says, err.message);
    }
    free(p);
}

/* Replaces old by new (same length) in the archive, at most `times` times. */
static void patch(const char *old, const char *new, int times)
{
    size_t n = strlen(old);
    for (size_t i = 0; i + n <= built.used && times; i++) {
        if (memcmp(built.bytes + i, old, n) != 0)
            continue;
        memcpy(built.bytes + i, new, n);
        times--;
    }
}

static const struct {
    const char *old, *new;
    int times;
    const char *says;
} patches[] = {
    {"a/data/1", "a/code/1", 2, "TorchScript"},
    {"a/data/1", "a/evil/1", 2, "unknown record"},
    {"a/data/1", "a/data/x", 2, "unknown record"},
    {"a/data/1", "b/data/1", 2, "is not below"},
    {"a/data/1", "a/../b/1", 2, "not plain"},
    {"a/data/1", "/a/data1", 2, "not plain"},
    {"a/data/1", "a//data1", 2, "not plain"},
    {"a/data/1", "a/data1/", 2, "not plain"},
    {"a/data/1", "a/dat\\/1", 2, "not plain"},
    {"a/data/1", "a/dat /1", 2, "not plain"},
    {"a/data/1", "a/da\xff/1", 2, "not plain"},
    {"a/data/1", "a/data/0", 2, "one name"},
    {"a/data/1", "a/Data/0", 2, "one name"},
    {"a/data/1", "a/data/2", 1, "contradict"},
    {"a/data.pkl", "a/data.pk1", 2, "unknown record"},
    {"a/version", "a/versi0n", 2, "unknown record"},
    {"a/version", "a/data/22", 2, "version is missing"},
    {"a/data.pkl", "a/data/012", 2, "data.pkl is missing"},
    {"3\nPK", "9\nPK", 1, "record version is not"},
    {"FloatStorage", "QuantStorage", 1, "CRC-32"},
    {"PK\1\2", "PK\1\3", 1, "bad central directory"},
    {"PK\3\4\24", "PK\3\5\24", 1, "weights file"},
    {"PK\5\6", "PK\5\7", 1, "no end record"},
};

TEST(archives_that_lie)
{
    struct dn_error err;
    for (size_t i = 0; i < sizeof patches / sizeof patches[0]; i++) {
        archive_build(&built, good[0].bytes, good[0].size);
        patch(patches[i].old, patches[i].new, patches[i].times);
        CHECK_MSG(!opens(scratch(built.bytes, built.used), &err), "row %zu opens", i);
        CHECK_MSG(strstr(err.message, patches[i].says), "row %zu: \"%s\", want \"%s\"", i,
                  err.message, patches[i].says);
    }
    archive_build(&built, good[0].bytes, good[0].size);
    archive_put_bytes(&built, "!", 1);
    CHECK(!opens(scratch(built.bytes, built.used), &err));
    built.bytes[built.used - 3] = 1;
    CHECK_MSG(opens(scratch(built.bytes, built.used), &err), "a comment: %s", err.message);
}

/* Sets the 16-bit field of both headers of a record. */
static void set_field(const char *name, size_t local_at, size_t central_at, uint8_t value)
{
    size_t n = strlen(name), seen = 0;
    for (size_t i = 30; i + n <= built.used; i++) {
        if (memcmp(built.bytes + i, name, n) != 0)
            continue;
        built.bytes[seen++ ? i - 46 + central_at : i - 30 + local_at] = value;
    }
    CHECK(seen == 2);
}

TEST(special_records)
{
    struct dn_error err;
    archive_build(&built, good[0].bytes, good[0].size);
    set_field("a/data/1", 8, 10, 8);
    CHECK(!opens(scratch(built.bytes, built.used), &err) && strstr(err.message, "compressed"));
    archive_build(&built, good[0].bytes, good[0].size);
    set_field("a/data/1", 6, 8, 1);
    CHECK(!opens(scratch(built.bytes, built.used), &err) && strstr(err.message, "encrypted"));
    archive_build(&built, good[0].bytes, good[0].size);
    set_field("a/data/1", 6, 8, 8);
    CHECK(!opens(scratch(built.bytes, built.used), &err) && strstr(err.message, "descriptor"));
    CHECK(strstr(err.message, "zip archive at byte"));
}

/* data/1 lies inside the bytes of data/0: the way zip bombs overlap their records. */
TEST(records_that_overlap)
{
    struct dn_error err;
    struct archive_buffer *inner = dn_malloc(sizeof *inner);
    struct archive_entry one = {"a/data/1", "abcd", 4, 0};
    inner->used = 0;
    archive_put_bytes(inner, "PK\3\4\24\0", 6);
    archive_put_header(inner, &one);
    archive_put_bytes(inner, one.name, 8);
    archive_put_bytes(inner, one.data, 4);
    struct archive_entry outer[2] = {{"a/data/0", inner->bytes, inner->used, 0}, one};
    built.used = 0;
    archive_put_bytes(&built, "PK\3\4\24\0", 6);
    archive_put_header(&built, &outer[0]);
    archive_put_bytes(&built, outer[0].name, 8);
    outer[1].at = built.used;
    archive_put_bytes(&built, inner->bytes, inner->used);
    archive_finish(&built, outer, 2);
    CHECK(!opens(scratch(built.bytes, built.used), &err) && strstr(err.message, "overlap"));
    free(inner);
}

/* End records that could be read in two ways. */
TEST(ends_that_lie)
{
    struct dn_error err;
    archive_build(&built, good[0].bytes, good[0].size);
    size_t end = built.used - 22;
    built.bytes[end + 20] = 22;
    archive_put_bytes(&built, built.bytes + end, 22);
    built.bytes[built.used - 2] = 0;
    CHECK(!opens(scratch(built.bytes, built.used), &err) && strstr(err.message, "two end records"));
    archive_build(&built, good[0].bytes, good[0].size);
    built.bytes[end + 8] = built.bytes[end + 10] = 3;
    CHECK(!opens(scratch(built.bytes, built.used), &err) && strstr(err.message, "more than it"));
    built.bytes[end + 8] = built.bytes[end + 10] = 5;
    CHECK(!opens(scratch(built.bytes, built.used), &err) && strstr(err.message, "claims more"));
    built.bytes[end + 8] = 4;
    CHECK(!opens(scratch(built.bytes, built.used), &err) && strstr(err.message, "several disks"));
    struct archive_entry entries[2] = {{"a/data.pkl", good[0].bytes, good[0].size, 0},
                                       {"a/version", "3\n", 2, 0}};
    built.used = 0;
    for (int i = 0; i < 2; i++) {
        entries[i].at = built.used;
        archive_put_bytes(&built, "PK\3\4\24\0", 6);
        archive_put_header(&built, &entries[i]);
        archive_put_bytes(&built, entries[i].name, strlen(entries[i].name));
        archive_put_bytes(&built, entries[i].data, entries[i].size);
    }
    archive_finish(&built, entries + 1, 1);
    CHECK(!opens(scratch(built.bytes, built.used), &err) &&
          strstr(err.message, "before its first"));
    size_t size = 0;
    uint8_t *bytes = slurp(ZIP64, &size);
    uint8_t *record = bytes ? memmem(bytes, size, "PK\6\6", 4) : NULL;
    CHECK(record != NULL);
    if (record)
        record[4] ^= 1;
    CHECK(!opens(scratch(bytes, size), &err) && strstr(err.message, "wrong size"));
    free(bytes);
}

TEST(descriptors_are_compared)
{
    size_t size = 0;
    struct dn_error err;
    int found = 0;
    uint8_t *bytes = slurp(DESCRIPTORS, &size);
    for (size_t i = 0; bytes && i + 16 < size; i++) {
        if (memcmp(bytes + i, "PK\7\10", 4) != 0)
            continue;
        for (int field = 4; field < 16; field += 4) {
            bytes[i + (size_t)field] ^= 1;
            CHECK(!opens(scratch(bytes, size), &err) && strstr(err.message, "descriptor"));
            bytes[i + (size_t)field] ^= 1;
        }
        found++;
    }
    CHECK_MSG(found > 40, "%d", found);
    free(bytes);
}

/* All single-bit changes of a small archive: refused, or noticed by the CRC, or without any
 * influence on the values. */
TEST(every_bit_of_an_archive)
{
    size_t size = 0;
    uint8_t *bytes = slurp(ZIP, &size);
    static const float want[] = {2, 3, 4, 5, 6, 7};
    int opened = 0;
    for (size_t bit = 0; bytes && bit < size * 8; bit++) {
        struct dn_error err;
        struct weights *w;
        float got[6] = {0};
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (weights_open(scratch(bytes, size), &w, &err)) {
            opened++;
            const struct weight_view *v = weights_at(w, 0);
            if (weights_verify_crc(w, &err) && v->count == 6) {
                weights_copy_f32(v, got);
                CHECK_MSG(memcmp(got, want, sizeof want) == 0, "bit %zu changes values", bit);
            } else {
                CHECK_MSG(strstr(err.message, "CRC-32"), "bit %zu: %s", bit, err.message);
            }
            weights_close(w);
        }
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    CHECK_MSG(opened > 0 && opened < 1500, "%d of %zu variants open", opened, size * 8);
    free(bytes);
}

TEST(cuts)
{
    check_cuts(ZIP, 655, 0);
    check_cuts(BIG_ZIP, 0, 500);
    check_cuts(ZIP64, 0, 200);
    check_cuts(DESCRIPTORS, 0, 200);
    check_cuts(STREAM, 300, 500);
}

TEST(flips)
{
    check_flips(ZIP, 1000);
    check_flips(ZIP64, 300);
    check_flips(DESCRIPTORS, 300);
    check_flips(STREAM, 1000);
}

#define OLD(key)                                                                                   \
    VIEW("(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" key "X\3\0\0\0cpuK\1NtQ", "K\0", ")",  \
         ")")
#define STREAM_VALUE HEAD "}" NAMED("a", OLD("0")) "s."
#define STREAM_KEYS                                                                                \
    HEAD "]X\1\0\0\0"                                                                              \
         "0a."
#define STREAM_DATA "\1\0\0\0\0\0\0\0\0\0\200\77"

static const struct pickle_row streams[] = {
    ROW(NULL, STREAM_VALUE STREAM_KEYS STREAM_DATA),
    ROW("behind its end", STREAM_VALUE STREAM_KEYS STREAM_DATA "x"),
    ROW("cut short", STREAM_VALUE STREAM_KEYS "\1\0\0\0\0\0\0\0\0\0\200"),
    ROW("has 2 elements", STREAM_VALUE STREAM_KEYS "\2\0\0\0\0\0\0\0\0\0\200\77"),
    ROW("does not fit", STREAM_VALUE HEAD "]." STREAM_DATA),
    ROW("does not fit", STREAM_VALUE HEAD "]X\1\0\0\0"
                                          "1a." STREAM_DATA),
    ROW("does not fit", STREAM_VALUE HEAD "](X\1\0\0\0"
                                          "0X\1\0\0\0"
                                          "0e." STREAM_DATA),
    ROW("does not fit", STREAM_VALUE HEAD "}." STREAM_DATA),
    ROW("does not fit",
        HEAD "}(" NAMED("a", OLD("0")) NAMED("b", OLD("1")) "u." HEAD "](X\1\0\0\0"
                                                            "0X\1\0\0\0"
                                                            "0e." STREAM_DATA STREAM_DATA),
    ROW("posix system", STREAM_VALUE HEAD "cposix\nsystem\n." STREAM_DATA),
    ROW("no STOP", STREAM_VALUE),
};

TEST(old_streams)
{
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        struct dn_error err;
        archive_build_stream(&built, streams[i].bytes, streams[i].size);
        bool ok = opens(scratch(built.bytes, built.used), &err);
        CHECK_MSG(ok == !streams[i].says, "row %zu: %s", i, err.message);
        CHECK_MSG(ok || strstr(err.message, streams[i].says), "row %zu: %s", i, err.message);
    }
}

/* Protocol 4 puts a frame before the magic number. */
TEST(old_streams_with_frames)
{
    static const char head[] = "\x80\4\x95\15\0\0\0\0\0\0\0\x8a\12\x6c\xfc\x9c\x46\xf9\x20\x6a"
                               "\xa8\x50\x19.\x80\4\x95\4\0\0\0\0\0\0\0M\xe9\3."
                               "\x80\4}\x94\x8c\15little_endian\x94\x88s.";
    struct dn_error err;
    built.used = 0;
    archive_put_bytes(&built, head, sizeof head - 1);
    archive_put_bytes(&built, streams[0].bytes, streams[0].size);
    CHECK_OK(opens(scratch(built.bytes, built.used), &err), err);
}

TESTS(T(good_pickles_open), T(bad_pickles_are_refused), T(opcodes_off_the_list), T(bombs),
      T(archives_that_lie), T(special_records), T(records_that_overlap), T(ends_that_lie),
      T(descriptors_are_compared), T(every_bit_of_an_archive), T(cuts), T(flips), T(old_streams),
      T(old_streams_with_frames))
