/* verify_table: every kind of fixture, in the order in which they are asked. */
#include <stddef.h>

#include "commands/verify.h"

extern const struct verify_kind verify_monarch_entry, verify_rope_entry, verify_scheduler_entry,
    verify_dit_entry, verify_selfforcing_entry, verify_train_entry, verify_vae_entry,
    verify_t5_entry, verify_tokenizer_entry, verify_model_e2e_entry, verify_checkpoints_entry;

const struct verify_kind *const verify_kinds[] = {
    &verify_monarch_entry,   &verify_rope_entry,  &verify_scheduler_entry,
    &verify_dit_entry,       &verify_selfforcing_entry, &verify_train_entry,
    &verify_vae_entry,       &verify_t5_entry,    &verify_tokenizer_entry,
    &verify_model_e2e_entry, &verify_checkpoints_entry, NULL,
};
