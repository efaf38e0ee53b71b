/* output_file: see output_file.h */
#include "engine/output_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/paths.h"
#include "store/atomic_sweep.h"
#include "store/media_encode.h"

bool output_file_is_free(const char *path, bool force, struct dn_error *err)
{
    struct stat st;
    if (force || lstat(path, &st) != 0)
        return true;
    dn_fail(err, DN_E_EXISTS, "%s exists", path);
    return dn_error_hint(err, "--force replaces it");
}

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool output_is_free(const char *path, bool force, struct dn_error *err)
{
    if (force || !is_directory(path))
        return output_file_is_free(path, force, err);
    return media_directory_is_free(path, err);
}

bool output_file_check(const char *path, bool force, struct dn_error *err)
{
    if (is_directory(path))
        return dn_fail(err, DN_E_IO, "cannot write %s: it is a directory", path);
    return output_file_is_free(path, force, err) && output_place_check(path, err);
}

bool output_place_check(const char *path, struct dn_error *err)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    char *name = dn_strndup(path, n), *folder = dn_path_dir(name);
    free(name);
    bool ok = access(folder, W_OK | X_OK) == 0 ||
              dn_fail(err, DN_E_IO, "cannot write %s: %s", path, strerror(errno));
    free(folder);
    return ok;
}

/* safetensors_write's temporary */
static void remove_part(const char *path)
{
    char *part = dn_asprintf("%s.part", path);
    unlink(part);
    free(part);
}

void output_file_sweep(const char *output, const char *save_latents)
{
    size_t n = output ? strlen(output) : 0;
    if (output) {
        char *pictures = dn_path_join(output, "frames"); /* of a folder that was there already */
        atomic_sweep(output);
        atomic_sweep(pictures);
        free(pictures);
    }
    if (n > 12 && strcmp(output + n - 12, ".safetensors") == 0)
        remove_part(output);
    if (save_latents)
        remove_part(save_latents);
}
