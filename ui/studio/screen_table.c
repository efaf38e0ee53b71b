/* screen_table: every screen and dialog, by its number; their tables of actions by name. */
#include "ui/studio/screen.h"

extern const struct screen screen_studio_entry, screen_library_entry, screen_player_entry;
extern const struct screen screen_queue_entry, screen_engine_entry, screen_sheet_entry;
extern const struct screen dialog_help_entry, dialog_command_entry, dialog_ask_entry;
extern const struct screen dialog_text_entry, dialog_export_entry, dialog_recall_entry;
extern const struct screen dialog_labels_entry;

const struct screen *const screen_table[SCREEN_COUNT] = {
    [SCREEN_STUDIO] = &screen_studio_entry,   [SCREEN_LIBRARY] = &screen_library_entry,
    [SCREEN_PLAYER] = &screen_player_entry,   [SCREEN_QUEUE] = &screen_queue_entry,
    [SCREEN_ENGINE] = &screen_engine_entry,   [SCREEN_SHEET] = &screen_sheet_entry,
    [DIALOG_HELP] = &dialog_help_entry,       [DIALOG_COMMAND] = &dialog_command_entry,
    [DIALOG_ASK] = &dialog_ask_entry,         [DIALOG_TEXT] = &dialog_text_entry,
    [DIALOG_EXPORT] = &dialog_export_entry,   [DIALOG_RECALL] = &dialog_recall_entry,
    [DIALOG_LABELS] = &dialog_labels_entry,
};

const struct key_context *key_contexts(void)
{
    static struct key_context contexts[SCREEN_COUNT + 3];
    int count = 0;
    contexts[count++] = (struct key_context){"everywhere", "Everywhere", global_actions, KEYS_ANY};
    contexts[count++] = (struct key_context){"typing", "While text is typed", editor_actions, KEYS_ANY};
    for (int i = 0; i < SCREEN_COUNT; i++)
        if (screen_table[i]->actions && screen_table[i]->actions[0].name)
            contexts[count++] = (struct key_context){screen_table[i]->name, screen_table[i]->title,
                                                     screen_table[i]->actions, KEYS_TYPING};
    return contexts;
}
