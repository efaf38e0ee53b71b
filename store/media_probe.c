/* media_probe: see media_probe.h */
#include "store/media_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/media_reader.h"
#include "store/png_picture.h"

enum { MAX_RECIPE = 1 << 20 };

static char *comment_of(const struct media_reader *reader)
{
    const AVDictionaryEntry *e = av_dict_get(reader->demuxer->metadata, "comment", NULL, 0);
    return e ? dn_strdup(e->value) : NULL;
}

static void describe(const struct media_reader *reader, struct media_info *out)
{
    const AVRational rate = reader->stream->avg_frame_rate;
    bool moving = reader->frames > 1 && rate.num > 0 && rate.den > 0;
    *out = (struct media_info){
        .width = reader->decoder->width,
        .height = reader->decoder->height,
        .frames = reader->frames,
        .fps_num = moving ? rate.num : 0,
        .fps_den = moving ? rate.den : 1,
    };
    const char *format = reader->demuxer->iformat->name;
    snprintf(out->format, sizeof out->format, "%.*s", (int)strcspn(format, ","), format);
    snprintf(out->codec, sizeof out->codec, "%s", reader->decoder->codec->name);
}

bool media_probe_fd(int fd, const char *path, struct media_info *out, char **comment,
                    struct dn_error *err)
{
    struct media_reader reader;
    if (comment)
        *comment = NULL;
    if (!media_reader_open(&reader, fd, path, err))
        return false;
    AVFrame *frame = media_must(av_frame_alloc());
    bool end = false;
    bool ok = true;
    while (ok && !end) {
        ok = media_reader_next(&reader, frame, &end, err);
        if (ok && reader.frames > MEDIA_MAX_FRAMES)
            ok = dn_fail(err, DN_E_FORMAT, "cannot read %s: it has more than %d frames", path,
                         MEDIA_MAX_FRAMES);
        av_frame_unref(frame);
    }
    if (ok)
        describe(&reader, out);
    if (ok && comment)
        *comment = comment_of(&reader);
    av_frame_free(&frame);
    media_reader_close(&reader);
    return ok;
}

bool media_probe(const char *path, struct media_info *out, struct dn_error *err)
{
    int fd = media_open_file(path, err);
    if (fd < 0)
        return false;
    bool ok = media_probe_fd(fd, path, out, NULL, err);
    close(fd);
    return ok;
}

/* A whole small text file. The caller frees *text. */
static bool read_text(const char *path, char **text, struct dn_error *err)
{
    int fd = media_open_file(path, err);
    if (fd < 0)
        return false;
    char *buffer = dn_malloc(MAX_RECIPE + 2);
    size_t size = 0;
    ssize_t n;
    while (size <= MAX_RECIPE &&
           ((n = read(fd, buffer + size, MAX_RECIPE + 1 - size)) > 0 || (n < 0 && errno == EINTR)))
        size += n > 0 ? (size_t)n : 0;
    close(fd);
    buffer[size] = '\0';
    if (size > MAX_RECIPE || strlen(buffer) != size) {
        free(buffer);
        return dn_fail(err, DN_E_FORMAT, "cannot read %s: it is no recipe (over 1 MiB, or not "
                       "text)", path);
    }
    *text = buffer;
    return true;
}

static bool container_comment(const char *path, char **text, struct dn_error *err)
{
    struct media_reader reader;
    int fd = media_open_file(path, err);
    if (fd < 0)
        return false;
    png_read_recipe(fd, MAX_RECIPE, text);
    bool ok = *text || media_reader_open(&reader, fd, path, err);
    if (ok && !*text) {
        *text = comment_of(&reader);
        media_reader_close(&reader);
    }
    close(fd);
    return ok;
}

/* Where the recipe of what libav reads lies, when it is not inside: beside it; of one of our frames
 * in its directory. The caller frees; NULL: nowhere. */
static char *recipe_beside(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *beside = dn_asprintf("%s.json", path);
    if (access(beside, F_OK) != 0 && strncmp(name, "frame-", 6) == 0) {
        free(beside);
        beside = dn_asprintf("%.*srecipe.json", (int)(name - path), path);
    }
    if (access(beside, F_OK) == 0)
        return beside;
    free(beside);
    return NULL;
}

static bool has_ending(const char *path, const char *ending)
{
    size_t length = strlen(path), n = strlen(ending);
    return length > n && strcasecmp(path + length - n, ending) == 0;
}

/* jansson descends by recursion; what is nested deeper than any recipe never reaches it. */
static bool is_shallow(const char *json)
{
    int depth = 0;
    bool quoted = false;
    for (const char *p = json; *p; p++) {
        if (quoted && *p == '\\' && p[1])
            p++;
        else if (*p == '"')
            quoted = !quoted;
        else if (!quoted && (*p == '{' || *p == '['))
            depth++;
        else if (!quoted && (*p == '}' || *p == ']'))
            depth--;
        if (depth > 32)
            return false;
    }
    return true;
}

static bool check_recipe(const char *path, const char *text, struct dn_error *err)
{
    json_error_t why;
    if (strlen(text) > MAX_RECIPE || !is_shallow(text))
        return dn_fail(err, DN_E_FORMAT, "%s holds no recipe (over 1 MiB or "
                       "nested deeper than 32)", path);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    bool object = json_is_object(json);
    if (!json)
        dn_fail(err, DN_E_FORMAT, "%s holds no recipe: %s at byte %d", path,
                why.text, why.position);
    else if (!object)
        dn_fail(err, DN_E_FORMAT, "%s holds no recipe: no JSON object", path);
    json_decref(json);
    return object;
}

bool media_read_recipe(const char *path, char **json, struct dn_error *err)
{
    struct stat st;
    *json = NULL;
    char *text = NULL, *beside = NULL;
    bool ok;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        char *inside = dn_asprintf("%s/recipe.json", path);
        ok = read_text(inside, &text, err);
        free(inside);
    } else if (has_ending(path, ".json")) {
        ok = read_text(path, &text, err);
    } else {
        ok = container_comment(path, &text, err);
        beside = text ? NULL : recipe_beside(path);
        if (beside) /* also of what libav cannot read: animated webp */
            ok = read_text(beside, &text, err);
    }
    free(beside);
    if (ok && !text)
        ok = dn_fail(err, DN_E_FORMAT, "%s holds no recipe", path);
    if (ok && !check_recipe(path, text, err))
        ok = false;
    if (ok)
        *json = text;
    else
        free(text);
    return ok;
}
