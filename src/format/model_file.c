/* model_file: see model_file.h */
#include "format/model_file.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"

bool model_file_find(const char *path, char **file, struct dn_error *err)
{
    static const char *const names[] = {"diffusion_pytorch_model.safetensors",
                                        "diffusion_pytorch_model.safetensors.index.json"};
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        *file = dn_strdup(path);
        return true;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        *file = dn_asprintf("%s/%s", path, names[i]);
        if (stat(*file, &st) == 0)
            return true;
        free(*file);
    }
    *file = NULL;
    dn_fail(err, DN_E_MODEL, "%s is a directory without %s or its .index.json", path, names[0]);
    return dn_error_hint(err, "name the weights file itself, or a complete model directory");
}
