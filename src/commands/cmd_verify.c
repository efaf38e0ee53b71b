/* cmd_verify: walks folders of fixtures and recomputes every one that a kind recognises. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/safetext.h"
#include "commands/command.h"
#include "commands/verify.h"

#define MAX_DEPTH 8

static void verify_one_file(struct verify_run *run, const char *root, const char *relative)
{
    char *path = dn_asprintf("%s/%s", root, relative);
    char *folder = dn_strdup(relative);
    char *slash = strrchr(folder, '/');
    const char *name = strrchr(path, '/') + 1;
    if (slash)
        *slash = '\0';
    const char *inner = slash ? strrchr(folder, '/') ? strrchr(folder, '/') + 1 : folder : "";
    char *shown = dn_safetext_dup(relative, strlen(relative));
    struct verify_file file = {
        .root = root, .path = path, .relative = relative, .folder = inner, .name = name};
    run->fixture = shown;

    const struct verify_kind *const *kind = verify_kinds;
    enum verify_claim claim = VERIFY_NOT_MINE;
    for (; *kind; kind++) {
        claim = (*kind)->claim(&file);
        if (claim != VERIFY_NOT_MINE)
            break;
    }
    if (claim == VERIFY_RUN)
        (*kind)->run(run, &file);
    else if (claim == VERIFY_SKIP)
        verify_skipped(run, (*kind)->name, "not built yet");
    else if (claim == VERIFY_NOT_MINE)
        verify_skipped(run, "", "not a known fixture");
    fflush(stdout);
    free(path);
    free(folder);
    free(shown);
}

static bool walk(struct verify_run *run, const char *root, const char *relative, int depth,
                 struct dn_error *err)
{
    char *path = *relative ? dn_asprintf("%s/%s", root, relative) : dn_strdup(root);
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, alphasort);
    bool ok = true;
    if (count < 0)
        ok = dn_fail(err, DN_E_IO, "cannot list %s: %s", path, strerror(errno));
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        char *child = *relative ? dn_asprintf("%s/%s", relative, name) : dn_strdup(name);
        char *child_path = dn_asprintf("%s/%s", root, child);
        struct stat st;
        if (ok && name[0] != '.' && lstat(child_path, &st) == 0) {
            if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH)
                ok = walk(run, root, child, depth + 1, err);
            else if (S_ISREG(st.st_mode))
                verify_one_file(run, root, child);
        }
        free(child);
        free(child_path);
        free(entries[i]);
    }
    free(entries);
    free(path);
    return ok;
}

struct verify_args {
    const char *backend;
    enum dtype dtype;
    int first; /* folder in argv */
};

static bool read_dtype(const char *word, enum dtype *out, struct dn_error *err)
{
    bool f32 = strcmp(word, "f32") == 0;
    if (!f32 && strcmp(word, "bf16") != 0)
        return dn_fail(err, DN_E_ARG, "--dtype %s is not one of f32, bf16", word);
    *out = f32 ? DTYPE_F32 : DTYPE_BF16;
    return true;
}

static bool read_args(struct verify_args *a, int argc, char **argv, struct dn_error *err)
{
    *a = (struct verify_args){.backend = "cpu", .dtype = DTYPE_F32, .first = 1};
    for (; a->first < argc && argv[a->first][0] == '-'; a->first += 2) {
        const char *word = argv[a->first], *value = argv[a->first + 1];
        if (strcmp(word, "--") == 0) {
            a->first++;
            break;
        }
        if (strcmp(word, "--backend") == 0 && value) {
            a->backend = value;
        } else if (strcmp(word, "--dtype") == 0 && value) {
            if (!read_dtype(value, &a->dtype, err))
                return false;
        } else {
            dn_fail(err, DN_E_ARG, "unknown option %s", word);
            return dn_error_hint(err, "danaus verify --help lists them");
        }
    }
    if (a->first < argc)
        return true;
    dn_fail(err, DN_E_ARG, "no folder given");
    return dn_error_hint(err, "danaus verify DIR...");
}

static int run_verify(int argc, char **argv)
{
    struct verify_args args;
    struct dn_error err;
    if (!read_args(&args, argc, argv, &err))
        return command_fail("verify", &err);
    struct verify_run run = {.dtype = args.dtype};
    struct exec_options options = {.dtype = args.dtype};
    if (!ops_select(args.backend, &run.ops, &err) || !run.ops->open(&options, &run.ex, &err))
        return command_fail("verify", &err);
    bool ok = true;
    for (int i = args.first; ok && i < argc; i++)
        ok = walk(&run, argv[i], "", 0, &err);
    run.ops->close(run.ex);
    if (!ok)
        return command_fail("verify", &err);
    printf("%lld passed, %lld failed, %lld skipped\n", (long long)run.passed, (long long)run.failed,
           (long long)run.skipped);
    if (run.passed + run.failed == 0) {
        dn_fail(&err, DN_E_ARG, "%s holds no fixture that danaus knows", argv[args.first]);
        return command_fail("verify", &err);
    }
    return run.failed ? EXIT_FAILED : EXIT_DONE;
}

static void print_options(FILE *out, bool man)
{
    fputs(man ? ".TP\n.BI \\-\\-backend \" B\"\nauto, cpu (default) or cuda.\n"
                ".TP\n.BI \\-\\-dtype \" D\"\nf32 (default) or bf16, with what that may lose.\n"
              : "Options:\n  --backend B      auto, cpu (default) or cuda\n"
                "  --dtype D        f32 (default) or bf16, with what that may lose\n",
          out);
}

const struct command cmd_verify_entry = {
    .name = "verify",
    .summary = "Recompute fixtures of the public implementations and compare",
    .synopsis = "[--backend B] [--dtype D] DIR...",
    .details =
        "Walks each DIR, recognises fixtures by folder and content, computes them in float32 and\n"
        "prints a row each: pass or FAIL, the error, the tolerance, the file and what was compared.\n"
        "Files that no kind knows, and fixtures of features that do not exist yet, are listed as\n"
        "skipped. The exit status is 1 when any row failed.",
    .print_options = print_options,
    .computes = true,
    .run = run_verify,
};
