/* command: see command.h */
#include "commands/command.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/safetext.h"

static volatile sig_atomic_t signals_seen;

const struct command *command_find(const char *name)
{
    for (const struct command *const *c = command_table; *c; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}

void command_print_help(FILE *out, const struct command *command)
{
    fprintf(out, "usage: danaus %s%s%s\n\n%s.\n", command->name, *command->synopsis ? " " : "",
            command->synopsis, command->summary);
    if (command->details)
        fprintf(out, "\n%s\n", command->details);
    if (command->print_options) {
        fputc('\n', out);
        command->print_options(out, false);
    }
}

int command_fail(const char *command, const struct dn_error *err)
{
    fprintf(stderr, "danaus %s: %s", command, err->message);
    if (err->hint[0])
        fprintf(stderr, " (%s)", err->hint);
    fputc('\n', stderr);
    return err->code == DN_E_ARG ? EXIT_USAGE
         : err->code == DN_E_CANCELLED ? EXIT_CANCELLED : EXIT_FAILED;
}

bool command_words_fit(const char *action, int most, char *const *words, int count,
                       struct dn_error *err)
{
    char safe[256];
    if (count <= most)
        return true;
    dn_safetext(safe, sizeof safe, words[most], strlen(words[most]));
    return dn_fail(err, DN_E_ARG, "%s does not take \"%.60s\"", action, safe);
}

bool command_wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static void on_signal(int number)
{
    if (signals_seen++)
        _exit(128 + number);
}

static void catch(int number)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void command_catch_interrupt(void)
{
    catch(SIGINT);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a size limit is then an ordinary write error */
}

void command_catch_signals(void)
{
    command_catch_interrupt();
    catch(SIGTERM);
    catch(SIGHUP);
}

const volatile sig_atomic_t *command_stop(void)
{
    return &signals_seen;
}
