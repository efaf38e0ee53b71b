/* verify_train: losses, gradients and optimizer steps; recognised, and skipped until training. */
#include <string.h>

#include "commands/verify_model.h"

static enum verify_claim claim(const struct verify_file *file)
{
    char folder[32];
    return strcmp(verify_folder_name(file->path, 0, folder, sizeof folder), "train") == 0
               ? VERIFY_SKIP
               : VERIFY_NOT_MINE;
}

static void run_train(struct verify_run *run, const struct verify_file *file)
{
    (void)file;
    verify_skipped(run, "train", "no training yet");
}

const struct verify_kind verify_train_entry = {.name = "train", .claim = claim, .run = run_train};
