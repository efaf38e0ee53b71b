/* logout_check: does logging out end the engine, however well it is detached? */
#ifndef DANAUS_COMMANDS_LOGOUT_CHECK_H
#define DANAUS_COMMANDS_LOGOUT_CHECK_H

#include <stdbool.h>

/* True when systemd-logind is told to kill what a user leaves behind (KillUserProcesses=yes,
 * logind.conf(5)) and the user does not linger (loginctl(1)). root comes before every path; "" but
 * for tests. */
bool logout_kills(const char *root, const char *user);

/* One warning line on stderr when it does. */
void logout_warn(const char *command);

#endif
