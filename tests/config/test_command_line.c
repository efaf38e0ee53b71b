/* The command line: every form, and what it says about mistakes. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "config/option_argv.h"
#include "config/option_print.h"

struct own {
    bool json, verbose;
    char *file;
};
static const struct option own_rows[] = {
    {.name = "json",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     .fallback = "false",
     .offset = offsetof(struct own, json),
     .help = "One event a line."},
    {.name = "verbose",
     .letter = 'v',
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     .fallback = "false",
     .offset = offsetof(struct own, verbose),
     .help = "Say more."},
    {.name = "file",
     .letter = 'f',
     .type = OPTION_PATH,
     .group = GROUP_COMMAND,
     .offset = offsetof(struct own, file),
     .argument = "FILE",
     .help = "Prompts, one a line."},
};
static const struct option_usage all = {.command = "generate",
                                        .groups = ~0u,
                                        .own = own_rows,
                                        .own_count = 3,
                                        .max_words = 1,
                                        .config = true};

static struct settings settings;
static struct own own;
static struct dn_error error;
static char *arguments[32];
static int words;

/* Parses the given arguments; done() frees. */
static bool parse(const struct option_usage *usage, const char *const *args)
{
    int argc = 2;
    arguments[0] = "danaus";
    arguments[1] = "generate";
    for (; args[argc - 2]; argc++)
        arguments[argc] = (char *)args[argc - 2];
    settings_init(&settings, NULL, NULL);
    memset(&own, 0, sizeof own);
    memset(&error, 0, sizeof error);
    option_defaults(own_rows, 3, &own);
    return options_parse_argv(&settings, usage, &own, argc, arguments, 2, &words, &error);
}
#define PARSE(...) parse(&all, (const char *const[]){__VA_ARGS__, NULL})

static void done(void)
{
    settings_done(&settings);
    option_free(own_rows, 3, &own);
}

static void fails(bool parsed, const char *message, const char *hint)
{
    CHECK(!parsed);
    CHECK_STR(error.message, message);
    CHECK_STR(error.hint, hint);
    done();
}

TEST(all_forms)
{
    struct request *r = &settings.request;
    CHECK(PARSE("--seed", "5", "a butterfly", "--size=416x240", "-o", "x.mp4", "-n3", "-vfp.txt",
                "--no-causal", "--no-ema", "--force", "--recipe=off", "--local-attn-size", "-1",
                "--json", "-c", "unipc"));
    CHECK_STR(error.message, "");
    CHECK(r->seed == 5 && r->count == 3 && r->width == 416 && r->height == 240);
    CHECK(!r->causal && !r->use_ema && r->force && !r->embed_recipe);
    CHECK(own.json && own.verbose && words == 1);
    CHECK_STR(arguments[2], "a butterfly");
    CHECK_STR(r->output, "x.mp4");
    CHECK_STR(own.file, "p.txt");
    CHECK_STR(settings.config, "unipc");
    done();
}

TEST(dashes)
{
    CHECK(PARSE("--seed", "1", "--", "--not-an-option"));
    CHECK(words == 1);
    CHECK_STR(arguments[2], "--not-an-option");
    done();
    CHECK(PARSE("-"));
    CHECK_STR(arguments[2], "-");
    done();
    CHECK(PARSE("--negative", "-"));
    CHECK_STR(settings.request.negative, "-");
    done();
    CHECK(PARSE("--negative=--force"));
    CHECK_STR(settings.request.negative, "--force");
    CHECK(!settings.request.force);
    done();
    CHECK(PARSE("--use-ema", "--no-use-ema"));
    CHECK(!settings.request.use_ema);
    done();
    CHECK(PARSE("--h_reduce=2", "--no_use_ema"));
    CHECK(settings.request.attention.h_reduce == 2 && !settings.request.use_ema);
    done();
}

TEST(mistakes)
{
    const char *list = "danaus generate --help lists all options";
    fails(PARSE("--fames", "81"), "unknown option --fames", "did you mean --frames?");
    fails(PARSE("--emma"), "unknown option --emma", list);
    fails(PARSE("--no-em"), "unknown option --no-em", "did you mean --no-ema?");
    fails(PARSE("--wibble=3"), "unknown option --wibble", list);
    fails(PARSE("-x"), "unknown option -x in -x", list);
    fails(PARSE("-vx"), "unknown option -x in -vx", list);
    fails(PARSE("--seed"), "--seed needs a value", "write --seed N");
    fails(PARSE("-o", "--force"), "-o needs a value before --force", "write -o OUT");
    fails(PARSE("--no-ema=true"), "--no-ema takes no value", "");
    fails(PARSE("--causal=2"), "--causal 2: must be true or false", "");
    fails(PARSE("--frames", "80"),
          "--frames 80: must be 1, 5, 9 and so on; the nearest are 77 and 81", "");
    fails(PARSE("-n", "0"), "-n 0: must be 1 to 10000", "");
    fails(PARSE("--negative", "a\033b"),
          "--negative a\\x1Bb: must not hold control characters, U+001B is at byte 2", "");
    fails(PARSE("--output="), "--output \"\": must not be empty", "");
    fails(PARSE("--prompt", "\xC3\xA9 is fine, \xFF is not"),
          "--prompt \"\xC3\xA9 is fine, \\xFF is not\": must be UTF-8, byte 13 is not", "");
    fails(PARSE("a", "b"), "generate takes at most 1 argument, \"b\" is one more",
          "put quotes around an argument with blanks");
}

TEST(long_values_are_cut)
{
    char size[200];
    memset(size, '9', sizeof size);
    size[199] = '\0';
    CHECK(!PARSE("--size", size));
    CHECK_STR(error.message,
              "--size 999999999999999999999999999999999999999999999999999999999999...: "
              "must be WIDTHxHEIGHT, as in 832x480");
    done();
}

TEST(commands_take_only_their_groups)
{
    const struct option_usage decode = {
        .command = "decode", .groups = 1u << GROUP_MODEL, .max_words = 0};
    CHECK(parse(&decode, (const char *const[]){"-m", "dir", NULL}));
    done();
    fails(parse(&decode, (const char *const[]){"--seed", "1", NULL}), "decode does not take --seed",
          "danaus decode --help lists all options");
    fails(parse(&decode, (const char *const[]){"x", NULL}), "decode takes no argument like \"x\"",
          "put quotes around an argument with blanks");
}

TEST(changes_add_up)
{
    CHECK(parse(&all, (const char *const[]){"x", "--at", "3: blue", "--at=5:green",
                                            "--prompt-changes", "9: red: dark", NULL}));
    CHECK_STR(settings.request.prompt_changes, "3: blue\n5: green\n9: red: dark");
    done();
    fails(parse(&all, (const char *const[]){"x", "--at", "3: blue", "--at", "3: red", NULL}),
          "--at \"3: red\": must rise from chunk to chunk", "");
    fails(parse(&all, (const char *const[]){"x", "--at", "blue", NULL}),
          "--at blue: must be \"CHUNK: PROMPT\", as in \"3: a blue butterfly\"", "");
}

/* Every option written from one request and read back gives the same request. */
TEST(round_trip)
{
    struct request r;
    char why[OPTION_WHY_SIZE];
    request_init(&r);
    static const char *const values[][2] = {
        {"prompt", "one \"two\" \\ three\nfour"},
        {"negative", "-x"},
        {"seed", "123456789012345678"},
        {"count", "7"},
        {"frames", "165"},
        {"size", "1280x720"},
        {"fps", "23.976"},
        {"prompt-changes", "3: one \"two\"\n12: three"},
        {"transition", "2"},
        {"model", "--odd"},
        {"checkpoint", "c.pt"},
        {"use-ema", "false"},
        {"sampler", "unipc"},
        {"step-list", "999,10,0"},
        {"warp-denoising-step", "false"},
        {"shift", "0.1"},
        {"steps", "33"},
        {"guidance", "5.123456789012345"},
        {"causal", "false"},
        {"frames-per-block", "5"},
        {"independent-first-frame", "true"},
        {"context-noise", "0.3"},
        {"local-attn-size", "21"},
        {"sink-size", "3"},
        {"attention", "monarch"},
        {"f-tied", "3"},
        {"h-reduce", "2"},
        {"w-reduce", "4"},
        {"iters", "3"},
        {"attention-rules", "steps 0 layers 0-3: dense; steps 1-: h2w2"},
        {"image", "i.png"},
        {"extend", "e"},
        {"context", "c"},
        {"noise", "n"},
        {"output", "o.mp4"},
        {"save-latents", "l"},
        {"force", "true"},
        {"recipe", "false"},
        {"quality", "20"},
        {"backend", "cpu"},
        {"dtype", "bf16"},
        {"linear", "fp8"},
        {"threads", "2"}};
    CHECK(sizeof values / sizeof values[0] == option_count);
    char *args[OPTION_MAX + 1] = {0};
    for (size_t i = 0; i < option_count; i++) {
        CHECK_STR(values[i][0], option_rows[i].name);
        CHECK_MSG(option_set(&option_rows[i], &r, values[i][1], why), "%s", why);
    }
    struct settings s;
    int count, n = 0;
    for (size_t i = 0; i < option_count; i++) {
        char *value = option_get(&option_rows[i], &r);
        args[n++] = dn_asprintf("--%s=%s", option_rows[i].name, value);
        free(value);
    }
    settings_init(&s, NULL, NULL);
    CHECK_OK(options_parse_argv(&s, &all, &own, n, args, 0, &count, &error), error);
    char *want = request_to_json(&r), *is = request_to_json(&s.request);
    CHECK_STR(is, want);
    struct request again;
    request_init(&again);
    CHECK_OK(request_from_json(&again, want, &error), error);
    char *json = request_to_json(&again);
    CHECK_STR(json, want);
    free(json);
    free(want);
    free(is);
    for (int i = 0; i < n; i++)
        free(args[i]);
    settings_done(&s);
    request_done(&again);
    request_done(&r);
}

static char warning[200];
static void keep_warning(void *context, const char *line)
{
    (void)context;
    snprintf(warning, sizeof warning, "%s", line);
}

TEST(idle_options_are_told)
{
    CHECK(PARSE("--h-reduce", "2"));
    settings.warn = keep_warning;
    settings_warn_idle(&settings);
    CHECK_STR(warning, "--h-reduce has no effect: attention is dense (by the default)");
    done();
    warning[0] = '\0';
    CHECK(PARSE("--h-reduce", "2", "--attention", "monarch", "--sampler", "euler", "--steps", "9"));
    settings.warn = keep_warning;
    settings_warn_idle(&settings);
    CHECK_STR(warning, "");
    done();
}

TEST(help_fits_80_columns)
{
    struct strbuf text = {0};
    option_print_help(&text, &all);
    const char *p = strbuf_text(&text);
    CHECK(strstr(p, "  -o, --output OUT          File ending in .mp4"));
    CHECK(strstr(p, "      --use-ema, --no-ema   Take"));
    CHECK(strstr(p, "      --[no-]causal"));
    CHECK(strstr(p, "\nThis command:\n      --json                One event a line.\n"));
    for (; *p; p += strcspn(p, "\n"), p += *p == '\n')
        CHECK_MSG(strcspn(p, "\n") <= 80, "%.*s", (int)strcspn(p, "\n"), p);
    strbuf_done(&text);
}

TESTS(T(all_forms), T(dashes), T(mistakes), T(long_values_are_cut),
      T(commands_take_only_their_groups), T(changes_add_up), T(round_trip), T(idle_options_are_told),
      T(help_fits_80_columns))
