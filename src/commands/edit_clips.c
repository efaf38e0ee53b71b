/* edit_clips: see edit_clips.h */
#include "commands/edit_clips.h"

#include "commands/clip_words.h"

bool edit_send(struct client *c, const struct clip_edit *edit, int64_t clip, struct dn_error *err)
{
    json_t *message = protocol_new(MESSAGE_EDIT);
    json_object_set_new(message, "what", json_string(edit->what));
    if (clip)
        json_object_set_new(message, "clip", json_integer(clip));
    if (edit->value)
        json_object_set_new(message, "value", json_string(edit->value));
    if (edit->number >= 0)
        json_object_set_new(message, "number", json_integer(edit->number));
    return client_ask(c, message, NULL, err);
}

bool edit_clips(struct client *c, const struct clip_edit *edit, char **words, int count,
                struct dn_error *err)
{
    struct catalog *catalog = NULL;
    bool ok = library_read(&catalog, err);
    for (int i = 0; ok && i < count; i++) {
        struct clip_word named;
        ok = clip_word_read(catalog, words[i], false, &named, err) &&
             edit_send(c, edit, named.clip, err);
    }
    catalog_close(catalog);
    return ok;
}
