/* server_log: the engine's log: lines with times, two files of bounded size. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/paths.h"
#include "base/strbuf.h"
#include "engine/server_internal.h"

enum { LOG_MAX = 10 * 1024 * 1024 };

static struct {
    char *path;
    int fd;
    bool also_stderr;
} log_file = {.fd = -1};

/* The file that is full becomes PATH.1, and what was that is gone. stderr follows (workers write
 * there). */
static bool open_log(void)
{
    struct stat st;
    int fd = open(log_file.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > LOG_MAX) {
        char *old = dn_asprintf("%s.1", log_file.path);
        rename(log_file.path, old);
        free(old);
        close(fd);
        fd = open(log_file.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    }
    if (fd < 0)
        return false;
    if (log_file.fd >= 0)
        close(log_file.fd);
    log_file.fd = fd;
    if (!log_file.also_stderr)
        dup2(fd, STDERR_FILENO);
    return true;
}

static void write_line(void *context, enum dn_log_level level, const char *line)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    (void)context;
    char when[32];
    time_t now = time(NULL);
    struct tm parts;
    struct stat st;
    localtime_r(&now, &parts);
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &parts);
    struct strbuf text = {0};
    strbuf_printf(&text, "%s %s: %s\n", when, names[level], line);
    if (fstat(log_file.fd, &st) == 0 && st.st_size > LOG_MAX)
        open_log();
    /* a full disk must not stop the engine: a line that cannot be written is lost */
    ssize_t ignored = write(log_file.fd, text.data, text.length);
    if (log_file.also_stderr)
        ignored = write(STDERR_FILENO, text.data, text.length);
    (void)ignored;
    strbuf_done(&text);
}

bool server_log_open(const char *path, bool also_stderr, struct dn_error *err)
{
    char *dir = dn_path_dir(path);
    bool ok = dn_make_dirs(dir, err);
    free(dir);
    if (!ok)
        return false;
    log_file.path = dn_strdup(path);
    log_file.also_stderr = also_stderr;
    if (!open_log())
        return dn_fail(err, DN_E_IO, "cannot write the log %s: %s", path, strerror(errno));
    dn_log_set_level(DN_LOG_INFO);
    dn_log_set_sink(write_line, NULL);
    return true;
}
