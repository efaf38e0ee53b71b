/* compare A B TENSOR PEAK: how far a tensor of two .safetensors files is apart, as PSNR in decibels
 * with values from -PEAK/2 to PEAK/2 ("inf": the same values). Exit status 1: it cannot tell. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "format/weights.h"

static float *read_tensor(const char *path, const char *name, int64_t *count)
{
    struct weights *w = NULL;
    struct dn_error err;
    float *values = NULL;
    if (!weights_open(path, &w, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return NULL;
    }
    const struct weight_view *view = weights_find(w, name);
    if (view && weights_check_finite(w, &err)) {
        values = dn_malloc(dn_mul_or_abort((size_t)view->count, sizeof *values));
        weights_copy_f32(view, values);
        *count = view->count;
    } else {
        fprintf(stderr, "%s: %s\n", path, view ? err.message : "there is no such tensor");
    }
    weights_close(w);
    return values;
}

int main(int argc, char **argv)
{
    int64_t counts[2] = {0};
    float *values[2];
    double noise = 0;
    if (argc != 5)
        return 1;
    for (int i = 0; i < 2; i++)
        if (!(values[i] = read_tensor(argv[1 + i], argv[3], &counts[i])))
            return 1;
    if (counts[0] != counts[1] || counts[0] == 0) {
        fprintf(stderr, "%lld and %lld values\n", (long long)counts[0], (long long)counts[1]);
        return 1;
    }
    for (int64_t i = 0; i < counts[0]; i++) {
        double d = (double)values[0][i] - values[1][i];
        noise += d * d;
    }
    double peak = atof(argv[4]);
    printf("%.2f\n", 10 * log10(peak * peak * (double)counts[0] / noise));
    free(values[0]);
    free(values[1]);
    return 0;
}
