/* file_kind: see file_kind.h */
#include "format/file_kind.h"

#include <string.h>
#include <strings.h>

#define DOWNLOAD_AGAIN "download the file itself again; a weights file is what is needed"

/* What a file begins with, and what that means. Longer and surer marks first. */
static const struct {
    const char *mark;
    int length;
    int offset;
    bool any_case; /* text that may be in either case, behind white space */
    const char *what;
    const char *cure;
} kinds[] = {
    {"version https://git-lfs", 23, 0, false, "a git-lfs pointer (the weights were not downloaded)",
     "run `git lfs pull` in that repository, or download the file itself"},
    {"<!doctype", 9, 0, true, "an HTML page", DOWNLOAD_AGAIN},
    {"<html", 5, 0, true, "an HTML page", DOWNLOAD_AGAIN},
    {"<?xml", 5, 0, true, "an XML document", DOWNLOAD_AGAIN},
    {"\x89PNG\r\n\x1a\n", 8, 0, false, "a PNG image", DOWNLOAD_AGAIN},
    {"\xff\xd8\xff", 3, 0, false, "a JPEG image", DOWNLOAD_AGAIN},
    {"GIF8", 4, 0, false, "a GIF image", DOWNLOAD_AGAIN},
    {"RIFF", 4, 0, false, "a RIFF media file", DOWNLOAD_AGAIN},
    {"ftyp", 4, 4, false, "an MP4 video", DOWNLOAD_AGAIN},
    {"\x1a\x45\xdf\xa3", 4, 0, false, "a Matroska/WebM video", DOWNLOAD_AGAIN},
    {"\x1f\x8b", 2, 0, false, "gzip-compressed", "unpack it first: gunzip FILE"},
    {"\x28\xb5\x2f\xfd", 4, 0, false, "zstd-compressed", "unpack it first: unzstd FILE"},
    {"\3757zXZ", 5, 0, false, "xz-compressed", "unpack it first: unxz FILE"},
    {"BZh", 3, 0, false, "bzip2-compressed", "unpack it first: bunzip2 FILE"},
    {"7z\xbc\xaf\x27\x1c", 6, 0, false, "a 7-Zip archive", "unpack it first: 7z x FILE"},
    {"\177ELF", 4, 0, false, "an ELF program", DOWNLOAD_AGAIN},
    {"#!", 2, 0, false, "a script", DOWNLOAD_AGAIN},
    {"GGUF", 4, 0, false, "a GGUF file", "convert it to safetensors"},
    {"\x89HDF\r\n", 6, 0, false, "an HDF5 file", "convert it to safetensors"},
    {"\x93NUMPY", 6, 0, false, "a NumPy array", "convert it to safetensors"},
    {"SQLite format 3", 15, 0, false, "an SQLite database", DOWNLOAD_AGAIN},
    {"%PDF", 4, 0, false, "a PDF document", DOWNLOAD_AGAIN},
    {"ustar", 5, 257, false, "a tar archive (maybe a very old torch file)",
     "load and save it again with a newer torch, or unpack it"},
    {"PK\x05\x06", 4, 0, false, "an empty zip archive", DOWNLOAD_AGAIN},
    {"\x80", 1, 0, false, "a bare Python pickle",
     "load it where you trust it and save the tensors as safetensors"},
};

/* True when all of the file's first bytes are text. */
static bool looks_like_text(const struct mapped_file *f)
{
    uint64_t n = f->size < 512 ? f->size : 512;
    for (uint64_t i = 0; i < n; i++)
        if (f->data[i] < 0x20 && !strchr("\t\r\n\f", f->data[i] ? f->data[i] : 1))
            return false;
    return true;
}

bool file_kind_refuse(const struct mapped_file *f, struct dn_error *err)
{
    uint64_t blank = 0;
    while (blank < f->size && blank < 64 && strchr(" \t\r\n", f->data[blank] ? f->data[blank] : 1))
        blank++;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        uint64_t at = kinds[i].any_case ? blank : (uint64_t)kinds[i].offset;
        size_t n = (size_t)kinds[i].length;
        if (at > f->size || f->size - at < n)
            continue;
        const char *bytes = (const char *)f->data + at;
        if (kinds[i].any_case ? strncasecmp(bytes, kinds[i].mark, n) == 0
                              : memcmp(bytes, kinds[i].mark, n) == 0) {
            dn_fail(err, DN_E_FORMAT, "%s is %s, not a weights file", f->path, kinds[i].what);
            return dn_error_hint(err, "%s", kinds[i].cure);
        }
    }
    if (f->size < 8)
        dn_fail(err, DN_E_FORMAT, "%s is too short for a weights file: %llu bytes", f->path,
                (unsigned long long)f->size);
    else if (looks_like_text(f))
        dn_fail(err, DN_E_FORMAT, "%s is a text file, not a weights file", f->path);
    else
        dn_fail(err, DN_E_FORMAT, "%s is no weights file that danaus knows", f->path);
    return dn_error_hint(err, "danaus reads safetensors and torch .pt/.pth files");
}
