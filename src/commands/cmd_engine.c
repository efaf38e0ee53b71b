/* cmd_engine: start, stop and look at the engine. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/gpu_reading.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/safetext.h"
#include "commands/command.h"
#include "commands/engine_session.h"
#include "commands/job.h"
#include "engine/engine_paths.h"
#include "engine/server.h"
#include "store/library.h"

struct engine_args {
    bool json, follow, ready;
    int64_t lines;
    char *library;
};

#define AT(field) .offset = offsetof(struct engine_args, field)
static const struct option own_rows[] = {
    {.name = "json", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(json), .fallback = "false",
     .help = "status as JSON."},
    {.name = "lines", .letter = 'n', .type = OPTION_INT, .group = GROUP_COMMAND, AT(lines),
     .min = 0, .max = 1000000, .fallback = "50", .argument = "N", .help = "Of the log, the last N."},
    {.name = "follow", .letter = 'f', .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(follow),
     .fallback = "false", .help = "Go on with the log as it grows, until Ctrl-C."},
    {.name = "library", .type = OPTION_PATH, .group = GROUP_COMMAND, AT(library),
     .argument = "DIR", .help = "Of serve: the library to work for."},
    {.name = "ready", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(ready), .fallback = "false",
     .help = "Of serve: somebody waits at descriptor 3 to hear that it listens."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "engine", .own = own_rows, .own_count = OWN_COUNT, .max_words = 1};

static void print_json(json_t *message)
{
    json_object_del(message, "type");
    json_object_del(message, "id");
    json_dumpf(message, stdout, JSON_COMPACT);
    putchar('\n');
}

static bool do_start(const struct engine_args *args, struct dn_error *err)
{
    struct client *c;
    (void)args;
    if (!session_connect("engine start", true, &c, err))
        return false;
    printf("the engine runs as process %lld\n", (long long)client_engine_pid(c));
    client_close(c);
    return true;
}

/* Until the connection ends: then the locks are free. */
static bool wait_for_end(struct client *c, struct dn_error *err)
{
    for (int tries = 0; tries < 60; tries++) {
        enum message_type type;
        json_t *message;
        struct dn_error gone;
        if (!client_next(c, 1000, &type, &message, &gone))
            return true;
        json_decref(message);
    }
    return dn_fail(err, DN_E_IO, "the engine does not end");
}

/* One of another version, or for another library, is asked by a signal. */
static bool stop_by_signal(struct dn_error *err)
{
    char *library = library_find(NULL, err);
    int64_t pid = library ? client_find_engine(library) : 0;
    bool ok = library != NULL;
    if (ok && pid == 0)
        puts("no engine is running");
    if (pid && kill((pid_t)pid, SIGTERM) != 0)
        ok = dn_fail(err, DN_E_IO, "cannot end process %lld: %s", (long long)pid, strerror(errno));
    for (int tries = 0; ok && pid && client_find_engine(library) == pid; tries++) {
        poll(NULL, 0, 100);
        if (tries == 600)
            ok = dn_fail(err, DN_E_IO, "the engine does not end");
    }
    if (ok && pid)
        puts("the engine has ended");
    free(library);
    return ok;
}

static bool do_stop(const struct engine_args *args, struct dn_error *err)
{
    struct client *c;
    (void)args;
    if (!session_connect("engine stop", false, &c, err))
        return stop_by_signal(err);
    bool ok = client_order(c, MESSAGE_STOP, 0, err) && wait_for_end(c, err);
    client_close(c);
    if (ok)
        puts("the engine has ended");
    return ok;
}

static bool do_restart(const struct engine_args *args, struct dn_error *err)
{
    return do_stop(args, err) && do_start(args, err);
}

static void print_gpu(const json_t *gpu)
{
    struct gpu_reading reading;
    char text[GPU_TEXT_SIZE];
    if (!gpu_reading_from_json(gpu, &reading))
        return;
    gpu_reading_text(&reading, true, text);
    printf("; GPU %s", text);
}

static void print_workers(const json_t *workers)
{
    size_t i;
    json_t *w;
    json_array_foreach(workers, i, w)
    {
        const char *model = protocol_text(w, "model");
        int64_t pid = protocol_int(w, "pid", 0), job = protocol_int(w, "job", 0);
        printf("worker %zu: ", i);
        if (!pid)
            printf("not started");
        else if (job)
            printf("process %lld, job %lld", (long long)pid, (long long)job);
        else
            printf("process %lld, idle%s%s", (long long)pid, model ? " with " : "",
                   model ? model : "");
        print_gpu(json_object_get(w, "gpu"));
        putchar('\n');
    }
}

static void print_path(const char *what, const char *path)
{
    char *safe = dn_safetext_dup(path, strlen(path));
    printf("%s %s\n", what, safe);
    free(safe);
}

static bool do_status(const struct engine_args *args, struct dn_error *err)
{
    struct client *c;
    json_t *reply = NULL;
    bool ok = session_connect("engine status", false, &c, err) &&
              client_ask(c, protocol_new(MESSAGE_STATUS), &reply, err);
    if (ok && args->json) {
        print_json(reply);
    } else if (ok) {
        printf("process %lld, for %.0f s; %lld jobs wait, %lld run%s\n",
               (long long)protocol_int(reply, "pid", 0), protocol_number(reply, "seconds", 0),
               (long long)protocol_int(reply, "queued", 0),
               (long long)protocol_int(reply, "running", 0),
               protocol_bool(reply, "paused") ? "; the queue is paused" : "");
        print_workers(json_object_get(reply, "workers"));
        print_path("library", protocol_text(reply, "library"));
        print_path("socket ", protocol_text(reply, "socket"));
        print_path("log    ", protocol_text(reply, "log"));
    }
    json_decref(reply);
    client_close(c);
    return ok;
}

/* --- the log --- */

/* Where the last `lines` lines begin. */
static off_t start_of_lines(FILE *file, int64_t lines)
{
    fseeko(file, 0, SEEK_END);
    off_t at = ftello(file);
    for (int64_t seen = 0; at > 0; at--) {
        fseeko(file, at - 1, SEEK_SET);
        if (fgetc(file) == '\n' && seen++ == lines)
            break;
    }
    return at;
}

static void copy_lines(FILE *file)
{
    char *line = NULL;
    size_t size = 0;
    for (ssize_t n; (n = getline(&line, &size, file)) > 0;) {
        char *safe = dn_safetext_dup(line, (size_t)(line[n - 1] == '\n' ? n - 1 : n));
        puts(safe);
        free(safe);
    }
    clearerr(file);
    fflush(stdout);
    free(line);
}

static bool print_log(const struct engine_paths *paths, const struct engine_args *args,
                      struct dn_error *err)
{
    FILE *file = fopen(paths->log, "re");
    if (!file)
        return dn_fail(err, DN_E_IO, "cannot read the log %s: %s", paths->log, strerror(errno));
    fseeko(file, start_of_lines(file, args->lines), SEEK_SET);
    copy_lines(file);
    while (args->follow && !*command_stop()) {
        struct stat now, open_now;
        poll(NULL, 0, 250);
        copy_lines(file);
        /* a log that was full goes on in a new file of the same name */
        if (stat(paths->log, &now) == 0 && fstat(fileno(file), &open_now) == 0 &&
            now.st_ino != open_now.st_ino) {
            FILE *next = fopen(paths->log, "re");
            if (next) {
                fclose(file);
                file = next;
            }
        }
    }
    fclose(file);
    return true;
}

static bool do_log(const struct engine_args *args, struct dn_error *err)
{
    struct engine_paths paths = {0};
    char *library = library_find(args->library, err);
    command_catch_signals();
    bool ok = library && engine_paths_find(library, &paths, err) && print_log(&paths, args, err);
    engine_paths_done(&paths);
    free(library);
    return ok;
}

/* --- serving --- */

/* A whole number out of the environment; 0 when it is none. */
static int number_from(const char *variable, int max)
{
    const char *text = getenv(variable);
    int64_t value = 0;
    return text && dn_parse_int(text, &value) && value >= 0 && value <= max ? (int)value : 0;
}

static bool do_serve(const struct engine_args *args, struct dn_error *err)
{
    char *library = library_find(args->library, err);
    struct server_options options = {.library = library, .ready_fd = args->ready ? 3 : -1,
                                     .foreground = !args->ready,
                                     .workers = number_from("DANAUS_WORKERS", 64),
                                     .idle_seconds = number_from("DANAUS_IDLE_SECONDS", 1000000)};
    if (args->ready)
        fcntl(3, F_SETFD, FD_CLOEXEC);
    bool ok = library && server_run(&options, err);
    free(library);
    return ok;
}

static const struct {
    const char *name;
    bool (*run)(const struct engine_args *args, struct dn_error *err);
} actions[] = {{"start", do_start},   {"stop", do_stop}, {"restart", do_restart},
               {"status", do_status}, {"log", do_log},   {"serve", do_serve}};

static bool act(const char *name, const struct engine_args *args, struct dn_error *err)
{
    for (size_t i = 0; name && i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(name, actions[i].name) == 0)
            return actions[i].run(args, err);
    dn_fail(err, DN_E_ARG, name ? "there is no action \"%s\"" : "no action given%s",
            name ? name : "");
    return dn_error_hint(err, "danaus engine start, stop, restart, status or log");
}

static int run_engine(int argc, char **argv)
{
    struct engine_args args = {0};
    struct settings settings;
    struct dn_error err;
    int words = 0;
    option_defaults(own_rows, OWN_COUNT, &args);
    settings_init(&settings, NULL, NULL);
    bool ok = options_parse_argv(&settings, &usage, &args, argc, argv, 1, &words, &err) &&
              act(words ? argv[1] : NULL, &args, &err);
    settings_done(&settings);
    option_free(own_rows, OWN_COUNT, &args);
    return ok ? EXIT_DONE : command_fail("engine", &err);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_engine_entry = {
    .name = "engine",
    .summary = "Start, stop and look at the engine, which works in the background",
    .synopsis = "start|stop|restart|status|log|serve [OPTIONS]",
    .details =
        "The engine owns the queue and the library and has a worker process a GPU, or one for the\n"
        "CPU. Any command that needs it starts it; there is one for each user. It goes on when the\n"
        "terminal is closed. stop puts what runs back into the queue: it continues at its last\n"
        "whole chunk when an engine starts again. log prints the end of the engine's log.\n"
        "serve is the engine itself, in the foreground. status tells of each worker's GPU how warm,\n"
        "full and busy it is, where NVIDIA's NVML is there.\n"
        "\n"
        "An engine of an older build that makes nothing and has no other client ends for a new one,\n"
        "which takes over its queue. One that works is left alone until it is told to stop.\n"
        "\n"
        "A worker that had no work for DANAUS_IDLE_SECONDS (600) ends and gives its memory back.\n"
        "DANAUS_WORKERS sets the number of workers. Both count when the engine starts.",
    .print_options = print_options,
    .run = run_engine,
};
