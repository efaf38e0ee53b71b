/* cmd_man: prints the manual pages danaus(1), so that it can never say other than --help, and
 * danaus-protocol(7). The pages in man/ are this output; a test compares them. */
#include <stdio.h>
#include <string.h>

#include "commands/command.h"
#include "commands/man_page.h"

static const struct {
    const char *title, *text;
} sections[] = {
    {"EXAMPLES",
     "  danaus generate \"a red butterfly flying to the right\" -o red.mp4\n"
     "  danaus generate -f prompts.txt --count 4 -o clips/\n"
     "  danaus generate \"a blue star\" --save-latents star.safetensors --json\n"
     "  danaus generate \"a blue star\" --extend star.safetensors --frames 161\n"
     "  danaus decode star.safetensors -o star.webm\n"
     "  danaus model check ~/models/Wan2.1-T2V-1.3B\n"},
    {"EXIT STATUS",
     "0 when all was done; 1 when something failed or a check said no; 2 when the command line is\n"
     "wrong; 130 after Ctrl-C (what was finished by then is kept). Every failure is one line on\n"
     "standard error: what failed, on what, why, and what to do.\n"},
    {"FILES",
     "  $XDG_CONFIG_HOME/danaus/danaus.yaml   the user's defaults and keys, see danaus.yaml(5)\n"
     "  MODEL_DIR/*.yaml                      sampler settings that ship with a model\n"
     "  $XDG_DATA_HOME/danaus/                the library: catalog.db and the clips\n"
     "  $XDG_RUNTIME_DIR/danaus/engine.sock   the engine's socket; /tmp/danaus-UID/ without it\n"
     "  $XDG_STATE_HOME/danaus/engine.log     the engine's log\n"},
    {"ENVIRONMENT",
     "NO_COLOR (no colours), XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_STATE_HOME, XDG_RUNTIME_DIR,\n"
     "DANAUS_LIBRARY (where the library is), DANAUS_WORKERS, DANAUS_IDLE_SECONDS (danaus engine),\n"
     "OMP_NUM_THREADS (cores for the CPU backend; --threads\n"
     "goes before it).\n"},
};

static int run_man(int argc, char **argv)
{
    FILE *out = stdout;
    struct dn_error err;
    if (argc > 1 && strcmp(argv[1], "protocol") == 0) {
        man_print_protocol(out);
        return ferror(out) ? EXIT_FAILED : EXIT_DONE;
    }
    if (argc > 1) {
        dn_fail(&err, DN_E_ARG, "there is no page \"%s\"", argv[1]);
        dn_error_hint(&err, "danaus man, or danaus man protocol");
        return command_fail("man", &err);
    }
    fputs(".\\\" Made by `danaus man`; do not edit.\n.TH DANAUS 1 \"\" \"danaus " DANAUS_VERSION
          "\" \"User Commands\"\n.SH NAME\ndanaus \\- text to video in the terminal\n.SH SYNOPSIS\n",
          out);
    for (const struct command *const *c = command_table; *c; c++) {
        fprintf(out, "%s.B danaus %s\n", c == command_table ? "" : ".br\n", (*c)->name);
        man_print_roff(out, (*c)->synopsis);
    }
    fputs(".SH DESCRIPTION\n", out);
    man_print_roff(out, "danaus makes videos from text with Wan2.1 video diffusion transformers, chunk by\n"
                    "chunk with Self-Forcing and Monarch attention, so that frames leave while later\n"
                    "ones are still being made. It reads the public model files as they are.\n");
    fputs(".SH COMMANDS\n", out);
    for (const struct command *const *c = command_table; *c; c++) {
        fprintf(out, ".SS danaus %s\n", (*c)->name);
        fprintf(out, "%s.\n", (*c)->summary);
        if ((*c)->details) {
            fputs(".PP\n", out);
            man_print_roff(out, (*c)->details);
        }
        if ((*c)->print_options)
            (*c)->print_options(out, true);
    }
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        fprintf(out, ".SH %s\n", sections[i].title);
        man_print_roff(out, sections[i].text);
    }
    fputs(".SH SEE ALSO\n.BR danaus.yaml (5),\n.BR danaus\\-protocol (7),\n.BR ffmpeg (1)\n", out);
    return ferror(out) ? EXIT_FAILED : EXIT_DONE;
}

const struct command cmd_man_entry = {
    .name = "man",
    .summary = "Print the manual page danaus(1) as roff, or danaus-protocol(7)",
    .synopsis = "[protocol]",
    .run = run_man,
};
