/* atomic_file: a file that appears under its name whole or not at all.
 *
 * Bytes go to a hidden `.NAME-xxxxxxxx.part` in the same directory (O_EXCL, O_NOFOLLOW, a random
 * name). Publishing is fsync, rename, fsync of the directory. The rename refuses to replace
 * anything unless force was asked for, also when the name came into being meanwhile. All steps are
 * relative to a held directory, so a renamed or swapped parent cannot redirect them. */
#ifndef DANAUS_STORE_ATOMIC_FILE_H
#define DANAUS_STORE_ATOMIC_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { ATOMIC_NAME_SIZE = 256 }; /* NAME_MAX and its NUL */

struct atomic_file;

/* Refuses at once with DN_E_EXISTS when path is there and force is false, and with DN_E_ARG when
 * it is something that must not be replaced (directory, device, FIFO). The file gets mode 0666
 * less the umask, as the user named it. *out is the caller's until publish or abort. */
bool atomic_file_open(const char *path, bool force, struct atomic_file **out,
                      struct dn_error *err);

/* The descriptor to write to (and read back from); borrowed. */
int atomic_file_fd(const struct atomic_file *file);

/* Makes the content durable without publishing it yet. */
bool atomic_file_sync(struct atomic_file *file, struct dn_error *err);

/* Publishes. Frees file in every case; on failure the temporary is gone and path is as before. */
bool atomic_file_publish(struct atomic_file *file, struct dn_error *err);

/* Removes the temporary and frees file; NULL is allowed. */
void atomic_file_abort(struct atomic_file *file);

/* The whole way for content that is in memory already. */
bool atomic_file_write(const char *path, const void *bytes, size_t size, bool force,
                       struct dn_error *err);

/* The file `from` as `to`, likewise. */
bool atomic_file_copy(const char *from, const char *to, bool force, struct dn_error *err);

/* Writes all bytes at the descriptor's position. false with errno set. */
bool atomic_write_all(int fd, const void *bytes, size_t size);

/* "cannot write PATH: why"; for a full disk also what is free on fd's file system. False. */
bool atomic_write_failed(struct dn_error *err, const char *path, int fd, int error);

/* The parts that directories of files (png sequences) share. */

/* Splits path (trailing slashes ignored) into its opened directory, *dir_fd (caller closes), and
 * the last component. */
bool atomic_split(const char *path, int *dir_fd, char name[ATOMIC_NAME_SIZE],
                  struct dn_error *err);
/* A new hidden temporary name made from name. */
void atomic_temporary_name(char out[ATOMIC_NAME_SIZE], const char *name);
/* rename that replaces only with force. 0, or -1 with errno (EEXIST: something is there). */
int atomic_rename(int from_dir, const char *from, int to_dir, const char *to, bool force);

#endif
