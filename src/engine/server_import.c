/* server_import: the row of a video from outside, which its client has staged in the library. */
#include <stdlib.h>
#include <string.h>

#include "config/request.h"
#include "engine/server_internal.h"
#include "store/catalog_labels.h"
#include "store/clip_import.h"

/* What the video says of how it was made; without it, the request's defaults stand for nothing. */
static bool read_request(const json_t *message, struct request *r, struct dn_error *err)
{
    const json_t *request = json_object_get(message, "request");
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    bool ok = !text || request_from_json(r, text, err);
    free(text);
    return ok;
}

static bool add(struct server *s, const json_t *message, const struct request *r, int64_t *id,
                struct dn_error *err)
{
    struct clip_file files[MAX_FILES];
    size_t count = message_files(message, files);
    bool known = json_object_get(message, "request") != NULL;
    char *json = known ? request_to_json(r) : NULL;
    struct clip clip = {.status = JOB_DONE,
                        .origin = CLIP_IMPORT,
                        .prompt = protocol_text(message, "prompt"),
                        .negative = known ? r->negative : NULL,
                        .seed = known ? r->seed : 0,
                        .model = protocol_text(message, "model"),
                        .width = protocol_int(message, "width", 0),
                        .height = protocol_int(message, "height", 0),
                        .frames = protocol_int(message, "frames", 0),
                        .fps = protocol_number(message, "fps", 0),
                        .sampler = known ? r->sampler : NULL,
                        .finished_ms = catalog_now_ms(),
                        .request_json = known ? json : "{}"};
    bool video = false;
    for (size_t i = 0; i < count; i++)
        video = video || strcmp(files[i].kind, CLIP_VIDEO) == 0;
    bool ok = (video || dn_fail(err, DN_E_ARG, "import.files has no video")) &&
              clip_import_publish(s->catalog, protocol_text(message, "folder"), &clip, files, count,
                                  id, err);
    free(json);
    return ok;
}

bool server_import(struct server *s, const json_t *message, int64_t *clip, struct dn_error *err)
{
    struct request r;
    const char *tag = protocol_text(message, "tag");
    request_init(&r);
    bool ok = read_request(message, &r, err) && add(s, message, &r, clip, err) &&
              (!tag || catalog_add_tag(s->catalog, *clip, tag, err));
    request_done(&r);
    if (!ok)
        return false;
    json_t *event = protocol_new(MESSAGE_CHANGED);
    json_object_set_new(event, "clip", json_integer(*clip));
    json_object_set_new(event, "what", json_string("import"));
    server_tell(s, *clip, event, true);
    return true;
}
