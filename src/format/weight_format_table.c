/* weight_format_table: every kind of weights file, in the order in which they are tried.
 * safetensors is last: it has no magic number, only a plausible header length. */
#include "format/weight_format.h"

const struct weight_format *const weight_format_table[] = {
    &torch_zip_entry, &torch_legacy_entry, &sharded_entry, &safetensors_entry, NULL,
};
