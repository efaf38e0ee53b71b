/* logout_check: see logout_check.h */
#include "commands/logout_check.h"

#include <dirent.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/paths.h"

/* The last KillUserProcesses line of a file that is no comment; *kills stays where there is none. */
static void read_conf(const char *path, bool *kills)
{
    char line[512];
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        char value[16] = "";
        if (sscanf(line, " KillUserProcesses = %15[a-z0-9]", value) == 1)
            *kills = strcmp(value, "yes") == 0 || strcmp(value, "true") == 0 ||
                     strcmp(value, "1") == 0 || strcmp(value, "on") == 0;
    }
    if (file)
        fclose(file);
}

static int is_conf(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return n > 5 && strcmp(entry->d_name + n - 5, ".conf") == 0;
}

static void read_conf_dir(const char *dir, bool *kills)
{
    struct dirent **entries;
    int count = scandir(dir, &entries, is_conf, alphasort);
    for (int i = 0; i < count; i++) {
        char *path = dn_path_join(dir, entries[i]->d_name);
        read_conf(path, kills);
        free(path);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

bool logout_kills(const char *root, const char *user)
{
    static const char *const places[] = {"/usr/lib/systemd/logind.conf", "/etc/systemd/logind.conf"};
    bool kills = false;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char *path = dn_asprintf("%s%s", root, places[i]), *dir = dn_asprintf("%s.d", path);
        read_conf(path, &kills);
        read_conf_dir(dir, &kills);
        free(path);
        free(dir);
    }
    char *linger = dn_asprintf("%s/var/lib/systemd/linger/%s", root, user);
    kills = kills && !dn_path_exists(linger);
    free(linger);
    return kills;
}

void logout_warn(const char *command)
{
    struct passwd *user = getpwuid(getuid());
    if (user && logout_kills("", user->pw_name))
        fprintf(stderr,
                "danaus %s: warning: this system ends the engine at logout; its jobs then wait for "
                "the next one (loginctl enable-linger keeps it)\n",
                command);
}
