/* An engine and a client of different builds: they say so, and an old engine that is idle makes room
 * for a new one. The old engine is pretended here, in the words of protocol 1. */
#define _GNU_SOURCE
#include "engine_fixture.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "config/option_table.h"

/* Runs before main(): a client that starts an engine executes this program as `danaus engine serve
 * --ready --library FOLDER`. */
__attribute__((constructor)) static void become_engine(void)
{
    char line[512] = "";
    int fd = open("/proc/self/cmdline", O_RDONLY);
    ssize_t n = read(fd, line, sizeof line - 1);
    close(fd);
    const char *word = line, *library = NULL;
    for (int i = 0; i < 5 && word < line + n; i++)
        library = word += strlen(word) + 1;
    if (n < 8 || strcmp(line + strlen(line) + 1, "engine") != 0)
        return;
    struct dn_error err;
    struct server_options options = {
        .library = library, .ready_fd = 3, .workers = 1, .idle_seconds = 1};
    fcntl(3, F_SETFD, FD_CLOEXEC);
    _exit(server_run(&options, &err) ? 0 : 1);
}

/* --- the pretended old engine --- */

struct old {
    struct engine home; /* directories; its pid is the old engine's */
    bool tells_number;  /* as builds since protocol 2 do when they refuse another */
    int number, running, others;
};

static void old_answer(int fd, const char *line, const struct old *o, bool *stops)
{
    char text[512];
    json_t *m = json_loads(line, 0, NULL);
    const char *type = protocol_text(m, "type");
    int id = (int)protocol_int(m, "id", -1);
    if (strcmp(type, "hello") == 0 && protocol_int(m, "protocol", 0) != o->number)
        snprintf(text, sizeof text,
                 "{\"type\":\"error\",\"id\":%d,\"code\":\"unsupported\",\"message\":\"no\"%s%d}\n", id,
                 o->tells_number ? ",\"protocol\":" : ",\"x\":", o->number);
    else if (strcmp(type, "hello") == 0)
        snprintf(text, sizeof text,
                 "{\"type\":\"hello\",\"id\":%d,\"protocol\":%d,\"build\":\"0.0.9\",\"pid\":1,"
                 "\"library\":\"%s\"}\n",
                 id, o->number, o->home.paths.library);
    else if (strcmp(type, "status") == 0)
        snprintf(text, sizeof text,
                 "{\"type\":\"status\",\"id\":%d,\"pid\":1,\"seconds\":1.5,\"paused\":false,"
                 "\"queued\":1,\"running\":%d,\"clients\":%d,\"socket\":\"s\",\"library\":\"l\","
                 "\"log\":\"g\",\"workers\":[]}\n",
                 id, o->running, 1 + o->others);
    else
        snprintf(text, sizeof text, "{\"type\":\"done\",\"id\":%d}\n", id);
    *stops = strcmp(type, "stop") == 0;
    CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
    json_decref(m);
}

/* One client after the other, until one says stop: then socket, and connection last, are gone. */
static void old_serve(int listener, const struct old *o)
{
    for (bool stops = false; !stops;) {
        char line[1024];
        int fd = accept(listener, NULL, NULL);
        FILE *words = fdopen(fd, "r");
        while (!stops && words && fgets(line, sizeof line, words))
            old_answer(fd, line, o, &stops);
        if (stops) {
            unlink(o->home.paths.socket);
            close(listener);
        }
        fclose(words);
    }
}

static void on_term(int signal)
{
    _exit(signal != SIGTERM);
}

static void old_open(struct old *o)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    o->home = engine_open(1, 0); /* makes the directories, the catalog and a job that waits */
    struct client *c = client_of(&o->home);
    struct dn_error err;
    CHECK_OK(client_order(c, MESSAGE_PAUSE, 0, &err), err);
    CHECK(enqueue(c, "waits", NULL) == 1);
    client_close(c);
    engine_kill(&o->home, SIGTERM);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", o->home.paths.socket);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(listener, 8) == 0);
    fflush(NULL);
    o->home.pid = fork();
    if (o->home.pid == 0) {
        signal(SIGTERM, on_term);
        old_serve(listener, o);
        _exit(0);
    }
    close(listener);
}

static bool meet(struct old *o, bool start, struct client **c, struct dn_error *err)
{
    struct client_options options = {.library = o->home.library, .name = "test", .start = start};
    return client_connect(&options, c, err);
}

/* --- tests --- */

TEST(an_engine_of_another_build_is_told)
{
    static const struct {
        struct old old;
        bool start;
        const char *message, *hint;
    } cases[] = {
        {{.number = 1}, false, "an older build: protocol 1, not ", "danaus engine stop"},
        {{.number = 1, .running = 1}, true, "an older build: protocol 1, not ",
         "goes on with the next one"},
        {{.number = 1, .others = 1}, true, "an older build: protocol 1, not ",
         "danaus engine stop"},
        {{.number = 77, .tells_number = true}, true, "a newer build: protocol 77, not ",
         "use the newer danaus"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct old o = cases[i].old;
        struct client *c;
        struct dn_error err = {0};
        old_open(&o);
        CHECK_MSG(!meet(&o, cases[i].start, &c, &err) && !c, "case %zu", i);
        CHECK_MSG(strstr(err.message, cases[i].message) && strstr(err.hint, cases[i].hint),
                  "case %zu: %s (%s)", i, err.message, err.hint);
        CHECK_MSG(err.code == DN_E_UNSUPPORTED, "case %zu", i);
        CHECK_MSG(waitpid(o.home.pid, NULL, WNOHANG) == 0, "case %zu: it was ended", i);
        engine_close(&o.home);
    }
}

TEST(an_idle_old_engine_makes_room)
{
    struct old o = {.number = 1};
    struct client *c;
    struct dn_error err;
    old_open(&o);
    CHECK_OK(meet(&o, true, &c, &err), err);
    if (c) {
        CHECK(client_engine_pid(c) > 1); /* the old one says that it is 1 */
        /* what waited waits still, and is made when it may */
        CHECK(state_is(c, 1, "queued"));
        CHECK_OK(client_order(c, MESSAGE_RESUME, 0, &err), err);
        CHECK(reaches(c, 1, "done"));
        CHECK_OK(client_order(c, MESSAGE_STOP, 0, &err), err);
        enum message_type type;
        json_t *message;
        for (int i = 0; i < 600 && client_next(c, 100, &type, &message, &err); i++)
            json_decref(message);
    }
    client_close(c);
    engine_close(&o.home);
}

/* --- the number --- */

static uint64_t add(uint64_t sum, const char *text)
{
    for (; text && *text; text++) /* FNV-1a */
        sum = (sum ^ (unsigned char)*text) * 0x100000001b3;
    return sum * 0x100000001b3;
}

static uint64_t add_fields(uint64_t sum, const struct message_field *f)
{
    for (; f->name; f++) {
        char *text = dn_asprintf("%s %d %d %lld %lld", f->name, (int)f->kind, f->optional,
                                 (long long)f->min, (long long)f->max);
        sum = add(add(sum, text), f->choices);
        free(text);
    }
    return sum;
}

/* All that travels: messages, jobs, the request. */
static uint64_t vocabulary(void)
{
    uint64_t sum = 0xcbf29ce484222325;
    for (int i = 0; i < MESSAGE_COUNT; i++)
        sum = add_fields(add(sum, message_table[i].name), message_table[i].fields);
    sum = add_fields(sum, message_job_fields);
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_rows[i];
        char *text = dn_asprintf("%s %d %g %g %lld", o->name, (int)o->type, o->min, o->max,
                                 (long long)o->step);
        sum = add(add(sum, text), o->choices);
        free(text);
    }
    return sum;
}

TEST(the_number_is_raised_with_the_vocabulary)
{
    static const struct {
        int number;
        uint64_t vocabulary;
    } known = {3, 0x657f51ebfe547b6a};
    CHECK_MSG(PROTOCOL_NUMBER == known.number && vocabulary() == known.vocabulary,
              "what travels between client and engine has changed: raise PROTOCOL_NUMBER, and write "
              "{%d, 0x%llx} here",
              known.number + (vocabulary() != known.vocabulary), (unsigned long long)vocabulary());
}

TESTS(T(an_engine_of_another_build_is_told), T(an_idle_old_engine_makes_room),
      T(the_number_is_raised_with_the_vocabulary))
