/* model_hash: see model_hash.h */
#include "engine/model_hash.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/weights.h"

struct model_hash {
    pthread_t thread;
    bool running;
    const char *path;
    char hex[65];
};

static void *work(void *context)
{
    struct model_hash *hash = context;
    struct dn_error err;
    if (!weights_sha256(hash->path, hash->hex, &err))
        hash->hex[0] = '\0';
    return NULL;
}

struct model_hash *model_hash_start(const char *path)
{
    struct model_hash *hash = dn_calloc(1, sizeof *hash);
    hash->path = path;
    hash->running = pthread_create(&hash->thread, NULL, work, hash) == 0;
    return hash;
}

void model_hash_finish(struct model_hash *hash, char hex[65])
{
    if (hash->running)
        pthread_join(hash->thread, NULL);
    memcpy(hex, hash->hex, sizeof hash->hex);
    free(hash);
}
