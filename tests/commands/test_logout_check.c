/* What logind's files say about processes that stay behind. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/paths.h"
#include "check.h"
#include "commands/logout_check.h"

static char root[] = "/tmp/danaus-logout-XXXXXX";

static void put(const char *name, const char *text)
{
    char *path = dn_asprintf("%s/%s", root, name), *dir = dn_path_dir(path);
    struct dn_error err;
    CHECK_OK(dn_make_dirs(dir, &err), err);
    FILE *f = fopen(path, "w");
    CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
    free(dir);
    free(path);
}

TEST(logind)
{
    CHECK(mkdtemp(root) != NULL);
    CHECK(!logout_kills(root, "ada"));
    put("etc/systemd/logind.conf", "[Login]\n#KillUserProcesses=yes\nKillExcludeUsers=root\n");
    CHECK(!logout_kills(root, "ada"));
    put("etc/systemd/logind.conf", "[Login]\nKillUserProcesses=yes\n");
    CHECK(logout_kills(root, "ada"));
    put("etc/systemd/logind.conf.d/10-no.conf", "[Login]\nKillUserProcesses = no\n");
    CHECK(!logout_kills(root, "ada"));
    put("etc/systemd/logind.conf.d/20-yes.conf", "[Login]\nKillUserProcesses=true\n");
    CHECK(logout_kills(root, "ada"));
    put("var/lib/systemd/linger/ada", "");
    CHECK(!logout_kills(root, "ada") && logout_kills(root, "bob"));
    char *command = dn_asprintf("rm -rf %s", root);
    CHECK(system(command) == 0);
    free(command);
}

TESTS(T(logind))
