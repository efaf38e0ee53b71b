/* model_hash: the SHA-256 of a model file, computed beside the work that does not need it yet. */
#ifndef DANAUS_ENGINE_MODEL_HASH_H
#define DANAUS_ENGINE_MODEL_HASH_H

struct model_hash;

/* Starts a thread on path (borrowed until finish). */
struct model_hash *model_hash_start(const char *path);
/* Waits; hex is "" when the file could not be read (a folder of shards, say). Frees. */
void model_hash_finish(struct model_hash *hash, char hex[65]);

#endif
