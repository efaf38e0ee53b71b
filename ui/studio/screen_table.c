/* screen_table: every screen and dialog, by its number. */
#include "ui/studio/screen.h"

extern const struct screen screen_studio_entry, screen_library_entry, screen_player_entry;
extern const struct screen screen_queue_entry, screen_engine_entry;
extern const struct screen dialog_help_entry, dialog_command_entry, dialog_ask_entry;
extern const struct screen dialog_text_entry, dialog_export_entry;

const struct screen *const screen_table[SCREEN_COUNT] = {
    [SCREEN_STUDIO] = &screen_studio_entry,   [SCREEN_LIBRARY] = &screen_library_entry,
    [SCREEN_PLAYER] = &screen_player_entry,   [SCREEN_QUEUE] = &screen_queue_entry,
    [SCREEN_ENGINE] = &screen_engine_entry,   [DIALOG_HELP] = &dialog_help_entry,
    [DIALOG_COMMAND] = &dialog_command_entry, [DIALOG_ASK] = &dialog_ask_entry,
    [DIALOG_TEXT] = &dialog_text_entry,       [DIALOG_EXPORT] = &dialog_export_entry,
};
