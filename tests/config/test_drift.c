/* Files written from the option table must be what the table says now. After a change of the table
 * run this test with DANAUS_UPDATE=1: it writes them anew. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/read_file.h"
#include "base/strbuf.h"
#include "check.h"
#include "config/option_print.h"
#include "config/yaml_reader.h"

static char *slurp(const char *path)
{
    struct dn_error err = {0};
    char *bytes = NULL;
    size_t size;
    CHECK_OK(dn_read_file(path, 1 << 20, &bytes, &size, &err), err);
    return bytes ? bytes : calloc(1, 1);
}

/* Compares the file with want, or makes it so. */
static void expect_file(const char *path, const char *want)
{
    if (getenv("DANAUS_UPDATE")) {
        FILE *f = fopen(path, "w");
        CHECK(f && fputs(want, f) >= 0 && fclose(f) == 0);
        return;
    }
    char *is = slurp(path);
    CHECK_MSG(strcmp(is, want) == 0, "%s differs from the option table; DANAUS_UPDATE=1", path);
    free(is);
}

TEST(danaus_yaml_is_the_table)
{
    struct strbuf text = {0};
    option_print_yaml(&text);
    expect_file("configs/danaus.yaml", strbuf_text(&text));
    strbuf_done(&text);
}

TEST(manual_is_the_table)
{
    static const char path[] = "man/danaus.yaml.5";
    static const char start[] = "see tests/config/test_drift.c\n", end[] = ".\\\" end of options";
    char *is = slurp(path);
    char *from = strstr(is, start), *to = strstr(is, end);
    CHECK(from && to && to > from);
    if (from && to) {
        struct strbuf text = {0};
        strbuf_append(&text, is, (size_t)(from - is) + sizeof start - 1);
        option_table_print_man(&text);
        strbuf_append_text(&text, to);
        expect_file(path, strbuf_text(&text));
        strbuf_done(&text);
    }
    free(is);
}

static int warnings;
static void count_warning(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "warning: %s\n", line);
    warnings++;
}

/* Takes the '#' away from lines that are "#key: ...". */
static void uncomment(char *text)
{
    char *out = text;
    for (char *p = text; *p; p++) {
        bool line_start = p == text || p[-1] == '\n';
        if (line_start && *p == '#' && p[1] >= 'a' && p[1] <= 'z')
            continue;
        *out++ = *p;
    }
    *out = '\0';
}

TEST(danaus_yaml_equals_the_defaults)
{
    for (int pass = 0; pass < 2; pass++) {
        struct dn_error err = {0};
        struct settings s;
        struct request defaults;
        request_init(&defaults);
        settings_init(&s, count_warning, NULL);
        char *text = slurp("configs/danaus.yaml");
        if (pass)
            uncomment(text);
        warnings = 0;
        CHECK_OK(yaml_read_bytes(&s, text, strlen(text), "danaus.yaml", "", LEVEL_USER, &err), err);
        CHECK(warnings == 0);
        size_t set = 0;
        for (size_t i = 0; i < option_count; i++)
            set += s.level[i] == LEVEL_USER;
        CHECK(set == (pass ? option_count : 0));
        char *is = request_to_json(&s.request), *want = request_to_json(&defaults);
        CHECK_STR(is, want);
        free(is);
        free(want);
        free(text);
        settings_done(&s);
        request_done(&defaults);
    }
}

TEST(sampler_configs_are_clean)
{
    static const char *const names[][2] = {{"self_forcing", "self_forcing"},
                                           {"self_forcing_monarch", "self_forcing"},
                                           {"few_step", "few_step"},
                                           {"unipc", "unipc"},
                                           {"euler", "euler"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct dn_error err = {0};
        struct settings s;
        char path[64];
        snprintf(path, sizeof path, "configs/samplers/%s.yaml", names[i][0]);
        settings_init(&s, count_warning, NULL);
        warnings = 0;
        CHECK_OK(yaml_read_file(&s, path, LEVEL_SAMPLER, &err), err);
        CHECK(warnings == 0);
        CHECK_STR(s.request.sampler, names[i][1]);
        CHECK((s.request.attention.kind == ATTENTION_MONARCH) == (i == 1));
        settings_done(&s);
    }
}

TESTS(T(danaus_yaml_is_the_table), T(manual_is_the_table), T(danaus_yaml_equals_the_defaults),
      T(sampler_configs_are_clean))
