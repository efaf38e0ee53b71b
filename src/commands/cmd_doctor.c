/* cmd_doctor: what this machine has for danaus, on one screen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "commands/doctor.h"

enum { COLUMNS = 80, LABEL = 11 };

const struct doctor_section doctor_sections[] = {
    {"cpu", doctor_cpu},       {"memory", doctor_memory},     {"gpu", doctor_gpu},
    {"libraries", doctor_libraries}, {"models", doctor_models}, {"terminal", doctor_terminal},
    {"paths", doctor_paths},   {NULL, NULL},
};

/* Columns of UTF-8 text, where a character is one: what safetext lets through is close to it. */
static int columns_of(const char *text, size_t bytes)
{
    int columns = 0;
    for (size_t i = 0; i < bytes; i++)
        columns += ((unsigned char)text[i] & 0xC0) != 0x80;
    return columns;
}

/* One row behind a label, wrapped at blanks; a word that is too long has its end cut off. */
static void print_row(const char *label, const char *row, size_t length)
{
    const char *end = row + length;
    do {
        size_t fits = 0, cut = 0, bytes = (size_t)(end - row);
        while (fits < bytes && columns_of(row, fits + 1) <= COLUMNS - LABEL - 1)
            fits++;
        while (fits < bytes && fits > 0 && ((unsigned char)row[fits] & 0xC0) == 0x80)
            fits--;
        for (cut = fits; fits < bytes && cut > 0 && row[cut] != ' '; cut--)
            ;
        bool too_long = fits < bytes && !cut; /* one word: its end is left out */
        size_t shown = fits == bytes ? bytes : cut ? cut : fits - 3;
        while (too_long && shown > 0 && ((unsigned char)row[shown] & 0xC0) == 0x80)
            shown--;
        printf("%-*s%.*s%s\n", LABEL, label, (int)shown, row, too_long ? "..." : "");
        label = "";
        row += shown;
        while (too_long && row < end && *row != ' ')
            row++;
        while (row < end && *row == ' ')
            row++;
    } while (row < end);
}

static void print_section(const char *name, const char *text)
{
    const char *label = name;
    while (*text) {
        size_t length = strcspn(text, "\n");
        print_row(label, text, length);
        label = "";
        text += length + (text[length] == '\n');
    }
}

static int run_doctor(int argc, char **argv)
{
    struct dn_error err;
    bool as_json = argc == 2 && strcmp(argv[1], "--json") == 0, broken = false;
    if (argc > 1 && !as_json) {
        dn_fail(&err, DN_E_ARG, "doctor does not take %s",
                strcmp(argv[1], "--json") == 0 ? argv[2] : argv[1]);
        dn_error_hint(&err, "danaus doctor, or danaus doctor --json");
        return command_fail("doctor", &err);
    }
    json_t *all = json_pack("{s:s}", "danaus", DANAUS_VERSION);
    if (!as_json)
        printf("%-*s%s\n", LABEL, "danaus", DANAUS_VERSION);
    for (const struct doctor_section *s = doctor_sections; s->name; s++) {
        struct doctor_finding finding = {.json = json_object()};
        fflush(stdout); /* the terminal is asked below what is printed */
        s->look(&finding);
        broken = broken || finding.broken;
        json_object_set_new(all, s->name, finding.json);
        if (!as_json)
            print_section(s->name, strbuf_text(&finding.text));
        strbuf_done(&finding.text);
    }
    json_object_set_new(all, "works", json_boolean(!broken));
    if (as_json) {
        json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (broken) {
        puts("Something above keeps danaus from working.");
    }
    json_decref(all);
    return broken ? EXIT_FAILED : EXIT_DONE;
}

static void print_options(FILE *out, bool man)
{
    fputs(man ? ".TP\n.B \\-\\-json\nThe same as one JSON object.\n"
              : "Options:\n  --json    the same as one JSON object\n",
          out);
}

const struct command cmd_doctor_entry = {
    .name = "doctor",
    .summary = "Tell what this machine has for danaus, on one screen",
    .synopsis = "[--json]",
    .details = "Shows CPU, memory, GPUs (by NVIDIA's NVML how warm, full and busy they are), libraries\n"
               "with their versions, the models that are installed and whether their parts fit (headers\n"
               "only), the terminal and the paths in use. The exit status is 1 when something keeps\n"
               "danaus from working.",
    .print_options = print_options,
    .run = run_doctor,
};
