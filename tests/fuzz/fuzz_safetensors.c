/* fuzz_safetensors: any bytes as a weights file; without a zip or pickle mark in front they reach
 * the readers of safetensors and of the shard index, and the naming of wrong files. */
#include "fuzz_weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_weights(data, size);
    return 0;
}
