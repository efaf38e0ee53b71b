/* fault_vfs: SQLite's file system with every write, sync, truncate and delete counted by fault.h,
 * so that a test can let the n-th fail or end the process there, in the database as in files. */
#ifndef DANAUS_TESTS_FAULT_VFS_H
#define DANAUS_TESTS_FAULT_VFS_H

#include <errno.h>
#include <sqlite3.h>

#include "store/fault.h"

struct fault_file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
};

static sqlite3_vfs *fault_real, fault_own;
#define REAL(f) (((struct fault_file *)(f))->real)
#define CALL(f, name, ...) (REAL(f)->pMethods->name(REAL(f), ##__VA_ARGS__))

static int fault_code(int otherwise)
{
    return errno == ENOSPC || errno == EDQUOT ? SQLITE_FULL : otherwise;
}
static int fv_close(sqlite3_file *f)
{
    return CALL(f, xClose);
}
static int fv_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return CALL(f, xRead, p, n, at);
}
static int fv_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    return fault_here() ? fault_code(SQLITE_IOERR_WRITE) : CALL(f, xWrite, p, n, at);
}
static int fv_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    return fault_here() ? fault_code(SQLITE_IOERR_TRUNCATE) : CALL(f, xTruncate, n);
}
static int fv_sync(sqlite3_file *f, int flags)
{
    return fault_here() ? fault_code(SQLITE_IOERR_FSYNC) : CALL(f, xSync, flags);
}
static int fv_size(sqlite3_file *f, sqlite3_int64 *n)
{
    return CALL(f, xFileSize, n);
}
static int fv_lock(sqlite3_file *f, int k)
{
    return CALL(f, xLock, k);
}
static int fv_unlock(sqlite3_file *f, int k)
{
    return CALL(f, xUnlock, k);
}
static int fv_reserved(sqlite3_file *f, int *out)
{
    return CALL(f, xCheckReservedLock, out);
}
static int fv_control(sqlite3_file *f, int op, void *arg)
{
    return CALL(f, xFileControl, op, arg);
}
static int fv_sector(sqlite3_file *f)
{
    return CALL(f, xSectorSize);
}
static int fv_device(sqlite3_file *f)
{
    return CALL(f, xDeviceCharacteristics);
}
static int fv_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return CALL(f, xShmMap, page, size, extend, out);
}
static int fv_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return CALL(f, xShmLock, at, n, flags);
}
static void fv_shm_barrier(sqlite3_file *f)
{
    CALL(f, xShmBarrier);
}
static int fv_shm_unmap(sqlite3_file *f, int remove)
{
    return CALL(f, xShmUnmap, remove);
}

static const sqlite3_io_methods fault_methods = {
    .iVersion = 2,
    .xClose = fv_close,
    .xRead = fv_read,
    .xWrite = fv_write,
    .xTruncate = fv_truncate,
    .xSync = fv_sync,
    .xFileSize = fv_size,
    .xLock = fv_lock,
    .xUnlock = fv_unlock,
    .xCheckReservedLock = fv_reserved,
    .xFileControl = fv_control,
    .xSectorSize = fv_sector,
    .xDeviceCharacteristics = fv_device,
    .xShmMap = fv_shm_map,
    .xShmLock = fv_shm_lock,
    .xShmBarrier = fv_shm_barrier,
    .xShmUnmap = fv_shm_unmap,
};

static int fv_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    struct fault_file *file = (struct fault_file *)f;
    (void)vfs;
    file->real = (sqlite3_file *)(file + 1);
    int code = fault_real->xOpen(fault_real, name, file->real, flags, out);
    file->base.pMethods = file->real->pMethods ? &fault_methods : NULL;
    return code;
}

static int fv_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    return fault_here() ? fault_code(SQLITE_IOERR_DELETE)
                        : fault_real->xDelete(fault_real, name, sync);
}

/* From now on every database of this process goes through it. */
static inline void fault_vfs_begin(void)
{
    fault_real = sqlite3_vfs_find(NULL);
    fault_own = *fault_real;
    fault_own.zName = "fault";
    fault_own.szOsFile = (int)sizeof(struct fault_file) + fault_real->szOsFile;
    fault_own.xOpen = fv_open;
    fault_own.xDelete = fv_delete;
    sqlite3_vfs_register(&fault_own, 1);
}

#endif
