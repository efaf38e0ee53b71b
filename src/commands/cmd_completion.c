/* cmd_completion: what a shell needs to complete danaus' command lines, drawn from the command
 * table and from what --help prints. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "commands/command.h"
#include "commands/print_usage.h"

static const struct option_usage usage = {.command = "completion", .max_words = 1};

/* "--json --limit ..." of a command; the caller frees. In --help an option stands at the beginning
 * of its line, "-n, --limit N" or "--[no-]tree". */
static char *options_of(const struct command *command)
{
    struct strbuf names = {0};
    char *help = NULL;
    size_t size;
    FILE *out = open_memstream(&help, &size);
    strbuf_append_text(&names, "--help");
    if (out && command->print_options)
        command->print_options(out, false);
    if (out)
        fclose(out);
    for (char *rest = help, *line; rest && (line = strsep(&rest, "\n"));) {
        char *word = line + strspn(line, " ");
        if (word[0] == '-' && word[1] != '-' && word[1] && word[2] == ',')
            word += 4; /* "-n, " */
        if (word - line > 8 || strncmp(word, "--", 2) != 0)
            continue;
        bool negated = strncmp(word, "--[no-]", 7) == 0;
        word += negated ? 7 : 2;
        size_t n = 0;
        while (isalnum((unsigned char)word[n]) || word[n] == '-')
            n++;
        strbuf_printf(&names, " --%.*s", (int)n, word);
        if (negated)
            strbuf_printf(&names, " --no-%.*s", (int)n, word);
    }
    free(help);
    return strbuf_take(&names);
}

/* --- the shells --- */

static void print_names(const char *between)
{
    for (int i = 0; command_table[i]; i++)
        printf("%s%s", i ? between : "", command_table[i]->name);
}

/* The branches of a case over the command's name. */
static void print_cases(const char *variable)
{
    for (int i = 0; command_table[i]; i++) {
        char *options = options_of(command_table[i]);
        printf("    %s) %s=\"%s\" ;;\n", command_table[i]->name, variable, options);
        free(options);
    }
}

static void print_bash(void)
{
    puts("# danaus: bash completion. Put it where your shell looks, or: . <(danaus completion "
         "bash)");
    puts("_danaus() {\n    local words=\"\" word=\"${COMP_WORDS[COMP_CWORD]}\"");
    puts("    if [ \"$COMP_CWORD\" -eq 1 ]; then");
    printf("        COMPREPLY=($(compgen -W \"");
    print_names(" ");
    puts("\" -- \"$word\"))\n        return\n    fi");
    puts("    case \"${COMP_WORDS[1]}\" in");
    print_cases("words");
    puts("    esac\n    case \"$word\" in");
    puts("    -*) COMPREPLY=($(compgen -W \"$words\" -- \"$word\")) ;;");
    puts("    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;");
    puts("    esac\n}\ncomplete -o filenames -F _danaus danaus");
}

static void print_zsh(void)
{
    puts("#compdef danaus\n# danaus: zsh completion. Save as _danaus in a folder of $fpath.");
    puts("local options=\"\"\nif (( CURRENT == 2 )); then");
    printf("    compadd -- ");
    print_names(" ");
    puts("\n    return\nfi\ncase \"${words[2]}\" in");
    print_cases("options");
    puts(
        "esac\nif [[ \"$PREFIX\" == -* ]]; then\n    compadd -- ${=options}\nelse\n    _files\nfi");
}

static void print_fish(void)
{
    puts("# danaus: fish completion. Save as ~/.config/fish/completions/danaus.fish");
    for (int i = 0; command_table[i]; i++) {
        const struct command *c = command_table[i];
        char *options = options_of(c), *rest = options, *option;
        printf("complete -c danaus -n __fish_use_subcommand -f -a %s -d '%s'\n", c->name,
               c->summary);
        while ((option = strsep(&rest, " ")))
            printf("complete -c danaus -n '__fish_seen_subcommand_from %s' -l %s\n", c->name,
                   option + 2);
        free(options);
    }
}

static const struct {
    const char *name;
    void (*print)(void);
} shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};

static int run_completion(int argc, char **argv)
{
    struct settings settings;
    struct dn_error err;
    int words = 0;
    settings_init(&settings, NULL, NULL);
    bool ok = options_parse_argv(&settings, &usage, NULL, argc, argv, 1, &words, &err);
    settings_done(&settings);
    for (size_t i = 0; ok && words && i < sizeof shells / sizeof shells[0]; i++)
        if (strcmp(argv[1], shells[i].name) == 0) {
            shells[i].print();
            return EXIT_DONE;
        }
    if (ok) {
        dn_fail(&err, DN_E_ARG,
                words ? "no completion is known for that shell" : "for which shell?");
        dn_error_hint(&err, "danaus completion bash, zsh or fish");
    }
    return command_fail("completion", &err);
}

const struct command cmd_completion_entry = {
    .name = "completion",
    .summary = "Print completions for a shell",
    .synopsis = "bash|zsh|fish",
    .details = "make install puts them where the shells look. For one shell only:\n"
               "    . <(danaus completion bash)",
    .run = run_completion,
};
