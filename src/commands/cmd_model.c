/* cmd_model: what a model file or directory is, and whether its parts fit. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/safetext.h"
#include "commands/command.h"
#include "format/weights.h"
#include "model/model_dir.h"

struct model_args {
    const char *path, *checkpoint;
    bool json, hash, deep;
};

static void print_dtypes(FILE *out, const struct model_description *d)
{
    const char *separator = "";
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (d->by_dtype[i]) {
            fprintf(out, "%s%lld %s", separator, (long long)d->by_dtype[i], dtype_name(i));
            separator = ", ";
        }
}

static json_t *dtypes_json(const struct model_description *d)
{
    json_t *object = json_object();
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (d->by_dtype[i])
            json_object_set_new(object, dtype_name(i), json_integer(d->by_dtype[i]));
    return object;
}

/* One part of a model: a file, an index or a folder of shards. */
static bool info_part(const char *path, const struct model_args *args, json_t *list,
                      struct dn_error *err)
{
    struct model_description d;
    if (!model_describe(path, &d, err))
        return false;
    char hash[65] = "";
    struct stat st;
    bool is_file = stat(path, &st) == 0 && S_ISREG(st.st_mode);
    if (args->hash && is_file && !weights_sha256(path, hash, err))
        return false;
    char *safe = dn_safetext_dup(path, strlen(path));
    if (args->json) {
        json_t *part = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:o, s:b, s:s}", "path", safe,
                                 "kind", model_kind_name(d.kind), "format", d.format, "tensors",
                                 (json_int_t)d.tensors, "parameters", (json_int_t)d.parameters,
                                 "bytes", (json_int_t)d.bytes, "dtypes", dtypes_json(&d), "ema",
                                 d.has_ema, "summary", d.summary);
        if (hash[0])
            json_object_set_new(part, "sha256", json_string(hash));
        json_array_append_new(list, part);
    } else {
        printf("%s\n  %-11s %s%s%s\n  %-11s %s\n  %-11s %lld (", safe, "kind",
               model_kind_name(d.kind), d.summary[0] ? ": " : "", d.summary, "format", d.format,
               "tensors", (long long)d.tensors);
        print_dtypes(stdout, &d);
        printf(")\n  %-11s %lld in %.1f MB\n", "parameters", (long long)d.parameters,
               (double)d.bytes / 1e6);
        if (d.has_ema)
            printf("  %-11s generator and generator_ema\n", "weights");
        if (hash[0])
            printf("  %-11s %s\n", "sha256", hash);
    }
    free(safe);
    return true;
}

static int model_info(const struct model_args *args)
{
    struct dn_error err;
    struct model_dir dir;
    if (!model_dir_open(args->path, args->checkpoint, &dir, &err)) {
        model_dir_done(&dir);
        return command_fail("model", &err);
    }
    json_t *list = json_array();
    const char *const parts[] = {dir.transformer, dir.text_encoder, dir.vae};
    bool ok = true, any = false;
    for (size_t i = 0; ok && i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i]) {
            any = true;
            ok = info_part(parts[i], args, list, &err);
        }
    if (ok && !any)
        ok = info_part(args->path, args, list, &err);
    if (ok && dir.tokenizer_file && !args->json) {
        char *safe = dn_safetext_dup(dir.tokenizer_file, strlen(dir.tokenizer_file));
        printf("%s\n  %-11s tokenizer\n", safe, "kind");
        free(safe);
    }
    if (ok && args->json) {
        json_dumpf(list, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    json_decref(list);
    model_dir_done(&dir);
    return ok ? EXIT_DONE : command_fail("model", &err);
}

static void print_finding(void *context, bool fatal, const char *line)
{
    (void)context;
    fprintf(fatal ? stderr : stdout, "%s%s\n", fatal ? "danaus model: " : "note: ", line);
}

static int model_check(const struct model_args *args)
{
    struct dn_error err;
    struct stat st;
    int64_t fatal;
    if (stat(args->path, &st) == 0 && S_ISDIR(st.st_mode)) {
        struct model_dir dir;
        if (!model_dir_open(args->path, args->checkpoint, &dir, &err)) {
            model_dir_done(&dir);
            return command_fail("model", &err);
        }
        fatal = model_dir_check(&dir, args->deep, print_finding, NULL);
        model_dir_done(&dir);
    } else {
        fatal = model_file_check(args->path, args->deep, print_finding, NULL);
    }
    if (fatal == 0) {
        char *safe = dn_safetext_dup(args->path, strlen(args->path));
        printf("%s: complete, every part fits\n", safe);
        free(safe);
    }
    return fatal ? EXIT_FAILED : EXIT_DONE;
}

static const struct {
    const char *name;
    int (*run)(const struct model_args *args);
} actions[] = {{"info", model_info}, {"check", model_check}};

static bool parse(int argc, char **argv, struct model_args *args, struct dn_error *err)
{
    bool literal = false;
    for (int i = 2; i < argc; i++) {
        const char *a = argv[i];
        if (!literal && strcmp(a, "--") == 0)
            literal = true;
        else if (!literal && strcmp(a, "--json") == 0)
            args->json = true;
        else if (!literal && strcmp(a, "--no-hash") == 0)
            args->hash = false;
        else if (!literal && strcmp(a, "--quick") == 0)
            args->deep = false;
        else if (!literal && strcmp(a, "--checkpoint") == 0 && i + 1 < argc)
            args->checkpoint = argv[++i];
        else if (!literal && a[0] == '-' && a[1]) {
            dn_fail(err, DN_E_ARG, "unknown option %s", a);
            return dn_error_hint(err, "danaus model --help lists them");
        } else if (args->path)
            return dn_fail(err, DN_E_ARG, "one PATH at a time, but there is also %s", a);
        else
            args->path = a;
    }
    if (!args->path) {
        dn_fail(err, DN_E_ARG, "no file or directory given");
        return dn_error_hint(err, "danaus model %s PATH", argv[1]);
    }
    return true;
}

static int run_model(int argc, char **argv)
{
    struct model_args args = {.hash = true, .deep = true};
    struct dn_error err;
    for (size_t i = 0; argc > 1 && i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(argv[1], actions[i].name) == 0)
            return parse(argc, argv, &args, &err) ? actions[i].run(&args)
                                                  : command_fail("model", &err);
    dn_fail(&err, DN_E_ARG, argc > 1 ? "there is no action \"%s\"" : "no action given%s",
            argc > 1 ? argv[1] : "");
    dn_error_hint(&err, "danaus model info PATH, or danaus model check PATH");
    return command_fail("model", &err);
}

static void print_options(FILE *out, bool man)
{
    static const char *const rows[][2] = {
        {"--checkpoint FILE", "generator weights that take the place of the directory's"},
        {"--json", "info as JSON"},
        {"--no-hash", "info without the SHA-256 of the files"},
        {"--quick", "check headers only: do not read every weight for NaN and checksums"},
    };
    if (!man)
        fputs("Options:\n", out);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        fprintf(out, man ? ".TP\n.B %s\n%s\n" : "  %-18s %s\n", rows[i][0], rows[i][1]);
}

const struct command cmd_model_entry = {
    .name = "model",
    .summary = "Tell what a model file or directory is, and whether its parts fit",
    .synopsis = "info|check PATH [OPTIONS]",
    .details = "info prints for each part: kind, sizes, tensors, dtypes, parameters, SHA-256.\n"
               "check opens every part, compares names, shapes and dtypes with what the model needs\n"
               "and prints a line for each misfit; the exit status is 1 when there is one.\n"
               "PATH is a directory laid out like the public Wan2.1 download, a safetensors file or\n"
               "index, or a torch checkpoint.",
    .print_options = print_options,
    .run = run_model,
};
