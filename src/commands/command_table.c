/* command_table: every subcommand, in the order of the help. */
#include <stddef.h>

#include "commands/command.h"

extern const struct command cmd_studio_entry, cmd_keys_entry;
extern const struct command cmd_engine_entry, cmd_worker_entry, cmd_queue_entry, cmd_watch_entry;
extern const struct command cmd_steer_entry;
extern const struct command cmd_list_entry, cmd_search_entry, cmd_show_entry, cmd_rate_entry;
extern const struct command cmd_tag_entry, cmd_note_entry, cmd_rm_entry, cmd_trash_entry;
extern const struct command cmd_export_entry, cmd_import_entry, cmd_library_entry;
extern const struct command cmd_completion_entry;
extern const struct command cmd_branch_entry, cmd_extend_entry, cmd_vary_entry, cmd_redo_entry;
extern const struct command cmd_generate_entry, cmd_encode_text_entry, cmd_encode_entry;
extern const struct command cmd_decode_entry, cmd_model_entry, cmd_verify_entry;
extern const struct command cmd_quality_entry, cmd_man_entry, cmd_doctor_entry, cmd_bench_entry;

const struct command *const command_table[] = {
    &cmd_studio_entry,     &cmd_keys_entry,
    &cmd_generate_entry,   &cmd_branch_entry,
    &cmd_extend_entry,     &cmd_vary_entry,
    &cmd_redo_entry,       &cmd_list_entry,
    &cmd_search_entry,     &cmd_show_entry,
    &cmd_rate_entry,       &cmd_tag_entry,
    &cmd_note_entry,       &cmd_rm_entry,
    &cmd_trash_entry,      &cmd_export_entry,
    &cmd_import_entry,     &cmd_library_entry,
    &cmd_queue_entry,      &cmd_steer_entry,
    &cmd_watch_entry,      &cmd_engine_entry,
    &cmd_worker_entry,     &cmd_encode_text_entry,
    &cmd_encode_entry,     &cmd_decode_entry,
    &cmd_model_entry,      &cmd_verify_entry,
    &cmd_quality_entry,    &cmd_man_entry,
    &cmd_completion_entry, &cmd_bench_entry,
    &cmd_doctor_entry,     NULL,
};
