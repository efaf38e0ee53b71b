/* file_hash: the SHA-256 of a model file, computed beside the work that does not need it yet. */
#ifndef DANAUS_COMMANDS_FILE_HASH_H
#define DANAUS_COMMANDS_FILE_HASH_H

struct file_hash;

/* Starts a thread on path (borrowed until finish). */
struct file_hash *file_hash_start(const char *path);
/* Waits; hex is "" when the file could not be read (a folder of shards, say). Frees. */
void file_hash_finish(struct file_hash *hash, char hex[65]);

#endif
