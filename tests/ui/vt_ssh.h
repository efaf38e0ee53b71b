/* vt_ssh: an OpenSSH server of the test's own on a port of this machine, and sessions through it in
 * a virtual terminal. All its files are in the test's home; it knows one key, made here. */
#ifndef DANAUS_TESTS_UI_VT_SSH_H
#define DANAUS_TESTS_UI_VT_SSH_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "vt_session.h"

struct vt_ssh {
    pid_t daemon;
    int port;
};

static inline int vt_ssh_connect(int port, bool listening)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool ok = listening ? connect(fd, (struct sockaddr *)&at, size) == 0
                        : bind(fd, (struct sockaddr *)&at, size) == 0 &&
                              getsockname(fd, (struct sockaddr *)&at, &size) == 0;
    close(fd);
    return ok ? ntohs(at.sin_port) : -1;
}

static inline bool vt_ssh_write(const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/ssh/%s", vt_home, name);
    FILE *f = fopen(path, "w");
    bool ok = f && fputs(text, f) >= 0;
    return (!f || fclose(f) == 0) && ok;
}

/* Keys and the configuration of both sides. */
static inline bool vt_ssh_prepare(int port)
{
    char text[2048], line[512];
    snprintf(line, sizeof line,
             "mkdir -m 700 '%s/ssh' && cd '%s/ssh' && ssh-keygen -q -t ed25519 -N '' -f host && "
             "ssh-keygen -q -t ed25519 -N '' -f user && cp user.pub allowed",
             vt_home, vt_home);
    if (system(line) != 0)
        return false;
    snprintf(text, sizeof text,
             "Port %d\nListenAddress 127.0.0.1\nHostKey %s/ssh/host\nPidFile none\n"
             "AuthorizedKeysFile %s/ssh/allowed\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n"
             "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPrintMotd no\n"
             "PrintLastLog no\nX11Forwarding no\n",
             port, vt_home, vt_home);
    if (!vt_ssh_write("server", text))
        return false;
    snprintf(
        text, sizeof text,
        "Host there\nHostName 127.0.0.1\nPort %d\nIdentityFile %s/ssh/user\nIdentitiesOnly yes\n"
        "IdentityAgent none\nUserKnownHostsFile %s/ssh/known\nStrictHostKeyChecking no\n"
        "LogLevel ERROR\n",
        port, vt_home, vt_home);
    return vt_ssh_write("client", text);
}

/* False: there is none to be had here, which is told. */
static inline bool vt_ssh_start(struct vt_ssh *s)
{
    static const char there[] = "PATH=$PATH:/usr/sbin; command -v sshd";
    char sshd[256] = "", line[512], config[96];
    if (system("command -v ssh >/dev/null && command -v ssh-keygen >/dev/null") != 0 ||
        system("PATH=$PATH:/usr/sbin; command -v sshd >/dev/null") != 0) {
        printf("OpenSSH's server and client are not installed\n");
        return false;
    }
    FILE *f = popen(there, "r");
    if (!f || !fgets(sshd, sizeof sshd, f))
        return false;
    pclose(f);
    sshd[strcspn(sshd, "\n")] = '\0';
    s->port = vt_ssh_connect(0, false);
    if (!vt_ssh_prepare(s->port))
        return false;
    snprintf(config, sizeof config, "%s/ssh/server", vt_home);
    snprintf(line, sizeof line, "'%s' -t -f '%s'", sshd, config);
    if (system(line) != 0) {
        printf("sshd does not start here\n");
        return false;
    }
    s->daemon = fork();
    if (s->daemon == 0) {
        snprintf(line, sizeof line, "%s/ssh/log", vt_home);
        execl(sshd, sshd, "-D", "-f", config, "-E", line, NULL);
        _exit(127);
    }
    for (int i = 0; i < 300 && vt_ssh_connect(s->port, true) < 0; i++)
        usleep(100000);
    return true;
}

static inline void vt_ssh_stop(struct vt_ssh *s)
{
    kill(s->daemon, SIGTERM);
    waitpid(s->daemon, NULL, 0);
}

/* command, run by the shell there in this working directory, with the test's home. */
static inline struct vt_session *vt_ssh_open(int rows, int cols, const char *command)
{
    static const char *const names[] = {"XDG_RUNTIME_DIR", "XDG_DATA_HOME",  "XDG_STATE_HOME",
                                        "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "LC_ALL"};
    char here[1024], config[96];
    struct strbuf line = {0};
    strbuf_printf(&line, "cd '%s' && export", getcwd(here, sizeof here));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        strbuf_printf(&line, " %s='%s'", names[i], getenv(names[i]));
    strbuf_printf(&line, " && %s", command);
    snprintf(config, sizeof config, "%s/ssh/client", vt_home);
    char *arguments[] = {"ssh", "-t", "-F", config, "there", line.data, NULL};
    struct vt_session *v = vt_start(rows, cols, "ssh", arguments);
    strbuf_done(&line);
    return v;
}

/* The line breaks: those processes of the server that hold the sessions are gone at once. */
static inline void vt_ssh_cut(const struct vt_ssh *s)
{
    char line[256];
    snprintf(line, sizeof line,
             "for a in $(pgrep -P %d '^sshd'); do b=$(pgrep -P $a '^sshd'); kill -9 $a $b; done",
             (int)s->daemon);
    CHECK(system(line) == 0);
}

#endif
