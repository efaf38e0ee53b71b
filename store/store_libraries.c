/* store_libraries: see base/library.h */
#include "store/store_libraries.h"

#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libswscale/swscale.h>
#include <sqlite3.h>
#include <stdio.h>

static void ffmpeg_version(char *out, size_t size)
{
    snprintf(out, size, "%s", av_version_info());
}

static void print_part(char *out, size_t size, unsigned version)
{
    snprintf(out, size, "%u.%u.%u", AV_VERSION_MAJOR(version), AV_VERSION_MINOR(version),
             AV_VERSION_MICRO(version));
}

static void format_version(char *out, size_t size)
{
    print_part(out, size, avformat_version());
}

static void codec_version(char *out, size_t size)
{
    print_part(out, size, avcodec_version());
}

static void filter_version(char *out, size_t size)
{
    print_part(out, size, avfilter_version());
}

static void scale_version(char *out, size_t size)
{
    print_part(out, size, swscale_version());
}

static void util_version(char *out, size_t size)
{
    print_part(out, size, avutil_version());
}

static void sqlite_version(char *out, size_t size)
{
    snprintf(out, size, "%s", sqlite3_libversion());
}

const struct dn_library store_libraries[] = {
    {"FFmpeg", ffmpeg_version},      {"libavformat", format_version},
    {"libavcodec", codec_version},   {"libavfilter", filter_version},
    {"libswscale", scale_version},   {"libavutil", util_version},
    {"SQLite", sqlite_version},      {NULL, NULL},
};
