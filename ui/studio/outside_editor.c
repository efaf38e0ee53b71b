/* outside_editor: the prompt in the user's own editor, $VISUAL or $EDITOR. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/read_file.h"
#include "store/atomic_file.h"
#include "ui/studio/studio_internal.h"
#include "ui/tty.h"

enum { TEXT_MAX = 65536 };

/* A file that only we can read, with text in it. The caller unlinks and frees. NULL: err. */
static char *write_file(const char *text, struct dn_error *err)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char *path = dn_asprintf("%s/danaus-prompt-XXXXXX", runtime && runtime[0] == '/' ? runtime : "/tmp");
    int fd = mkostemp(path, O_CLOEXEC);
    bool ok = fd >= 0 && atomic_write_all(fd, text, strlen(text));
    if (!ok)
        dn_fail(err, DN_E_IO, "cannot write %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (ok)
        return path;
    if (fd >= 0)
        unlink(path);
    free(path);
    return NULL;
}

/* What the editor left there, without the newline that editors put behind the last line. */
static char *read_back(const char *path, struct dn_error *err)
{
    char *text;
    size_t size;
    if (!dn_read_file(path, TEXT_MAX, &text, &size, err))
        return NULL;
    if (size > 0 && text[size - 1] == '\n')
        text[size - 1] = '\0';
    return text;
}

char *studio_edit_outside(struct studio *s, const char *text, struct dn_error *err)
{
    /* the variable may hold arguments too, and is the user's own word: the shell takes it apart */
    char *argv[] = {"sh", "-c", "exec ${VISUAL:-${EDITOR:-vi}} \"$1\"", "sh", NULL, NULL};
    char *path = write_file(text, err), *edited = NULL;
    int status = 0;
    if (!path)
        return NULL;
    argv[4] = path;
    studio_hear_out(s);
    bool ran = tty_run(argv, &status);
    studio_reenter(s);
    if (!ran || status != 0)
        dn_fail(err, DN_E_IO, "the editor ended with status %d: the prompt is as it was", status);
    else
        edited = read_back(path, err);
    unlink(path);
    free(path);
    return edited;
}
