/* edit_clips: see edit_clips.h */
#include "commands/edit_clips.h"

#include "commands/clip_words.h"
#include "commands/command.h"
#include "commands/engine_session.h"
#include "config/option_value.h"

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

int edit_command_run(const struct edit_command *command, void *args, int argc, char **argv)
{
    const struct option_usage *usage = command->usage;
    struct settings settings;
    struct client *c = NULL;
    struct dn_error err;
    int words = 0;
    option_defaults(usage->own, usage->own_count, args);
    settings_init(&settings, NULL, NULL);
    bool ok = options_parse_argv(&settings, usage, args, argc, argv, 1, &words, &err);
    if (ok && words == 0 && command->no_words) {
        ok = dn_fail(&err, DN_E_ARG, "%s", command->no_words);
        dn_error_hint(&err, "%s", command->hint);
    }
    ok = ok && session_connect(usage->command, true, &c, &err) &&
         command->act(c, args, argv + 1, words, &err);
    client_close(c);
    option_free(usage->own, usage->own_count, args);
    settings_done(&settings);
    return ok ? EXIT_DONE : command_fail(usage->command, &err);
}
