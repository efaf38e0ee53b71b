/* safetensors: reading one file of the format (also as a shard of several). */
#ifndef DANAUS_FORMAT_SAFETENSORS_H
#define DANAUS_FORMAT_SAFETENSORS_H

#include "format/weight_format.h"

/* Adds the tensors and metadata of w's file to w. */
bool safetensors_read(struct weights *w, int file, struct dn_error *err);
/* Could this be one? (Its header length is followed by an object.) */
bool safetensors_sniff(const struct mapped_file *f);

#endif
