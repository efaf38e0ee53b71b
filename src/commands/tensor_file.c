/* tensor_file: see tensor_file.h */
#include "commands/tensor_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "format/weights.h"

bool tensor_file_is(const char *path)
{
    unsigned char head[9];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool is = false;
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head) {
        uint64_t length = 0; /* of a safetensors header, little-endian, then the header's JSON */
        for (int i = 7; i >= 0; i--)
            length = length << 8 | head[i];
        is = (head[8] == '{' && length >= 2 && length <= (uint64_t)st.st_size) ||
             memcmp(head, "PK\x03\x04", 4) == 0;
    }
    if (fd >= 0)
        close(fd);
    return is;
}

static bool read_tensor(const struct weights *w, const char *name, int ndim, struct tensor *out,
                        struct dn_error *err)
{
    const struct weight_view *view = weights_find(w, name);
    if (!view)
        return dn_fail(err, DN_E_FORMAT, "%s: there is no tensor %s", weights_path(w), name);
    if (view->ndim != ndim || view->count < 1)
        return dn_fail(err, DN_E_FORMAT, "%s: tensor %s has %d dimensions and %lld values, needs %d "
                       "dimensions", weights_path(w), name, view->ndim, (long long)view->count, ndim);
    if (!weights_check_finite(w, err))
        return false;
    float *values = dn_malloc(dn_mul_or_abort((size_t)view->count, sizeof *values));
    weights_copy_f32(view, values);
    *out = tensor_over(values, DTYPE_F32, ndim, view->shape);
    return true;
}

bool tensor_file_read(const char *path, const char *name, int ndim, struct tensor *out,
                      char **recipe, struct dn_error *err)
{
    struct weights *w = NULL;
    *out = (struct tensor){0};
    *recipe = NULL;
    bool ok = weights_open(path, &w, err) && read_tensor(w, name, ndim, out, err);
    const char *text = ok ? weights_metadata(w, "recipe") : NULL;
    if (text)
        *recipe = dn_strdup(text);
    weights_close(w);
    return ok;
}
