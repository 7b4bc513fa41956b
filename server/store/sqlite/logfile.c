/*
 * The write-ahead log's file as the writer sees it: what is appended is gathered
 * and written in few large pieces. SQLite itself makes two calls for every page,
 * one for 24 bytes before it, which was a tenth of the writer's time.
 *
 * Nobody can tell the difference. A transaction shows to others, and counts as
 * committed, only after SQLite has synced the log (synchronous = FULL at every
 * connection), and everything is written before that; so it is before anything
 * is read, cut off or written elsewhere than behind the last bytes. A failure
 * to write is reported by the call that found it, the sync at the latest.
 *
 * Only the log is wrapped; every other file is the system's own.
 */
#include <stdlib.h>
#include <string.h>

#include "server/store/sqlite/sqlite.h"

/*
 * 31 pages with what precedes each. SQLite's own functions for files keep only
 * the lower 17 bits of a length: more than 131,071 bytes would not be written.
 */
#define GATHER_BYTES 130048

struct log_file {
    sqlite3_file base; /* first: SQLite knows it by this */
    sqlite3_file *real;
    uint8_t *bytes; /* GATHER_BYTES, once something was written */
    sqlite3_int64 offset;
    int len;
};

/* UNSAFE: base is the first member; every file with these methods is one of ours. */
static struct log_file *mine(sqlite3_file *file)
{
    return (struct log_file *)(void *)file;
}

static int flush(struct log_file *log)
{
    int len = log->len;
    log->len = 0; /* also when it fails: SQLite gives the transaction up then */
    if (len == 0)
        return SQLITE_OK;
    return log->real->pMethods->xWrite(log->real, log->bytes, len, log->offset);
}

static int log_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
    struct log_file *log = mine(file);
    bool follows = log->len > 0 && offset == log->offset + log->len;
    if (!follows || len > GATHER_BYTES - log->len) {
        int code = flush(log);
        if (code != SQLITE_OK)
            return code;
        log->offset = offset;
    }
    if (log->bytes == NULL)
        log->bytes = malloc((size_t)GATHER_BYTES);
    if (log->bytes == NULL || len > GATHER_BYTES)
        return log->real->pMethods->xWrite(log->real, bytes, len, offset);
    memcpy(log->bytes + log->len, bytes, (size_t)len);
    log->len += len;
    return SQLITE_OK;
}

static int log_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 offset)
{
    struct log_file *log = mine(file);
    int code = flush(log);
    return code == SQLITE_OK ? log->real->pMethods->xRead(log->real, bytes, len, offset) : code;
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct log_file *log = mine(file);
    int code = flush(log);
    return code == SQLITE_OK ? log->real->pMethods->xTruncate(log->real, size) : code;
}

static int log_sync(sqlite3_file *file, int flags)
{
    struct log_file *log = mine(file);
    int code = flush(log);
    return code == SQLITE_OK ? log->real->pMethods->xSync(log->real, flags) : code;
}

static int log_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    struct log_file *log = mine(file);
    int code = flush(log);
    return code == SQLITE_OK ? log->real->pMethods->xFileSize(log->real, ret_size) : code;
}

static int log_close(sqlite3_file *file)
{
    struct log_file *log = mine(file);
    int code = flush(log);
    int closed = log->real->pMethods->xClose(log->real);
    free(log->bytes);
    log->bytes = NULL;
    return code == SQLITE_OK ? closed : code;
}

static int log_lock(sqlite3_file *file, int level)
{
    return mine(file)->real->pMethods->xLock(mine(file)->real, level);
}

static int log_unlock(sqlite3_file *file, int level)
{
    return mine(file)->real->pMethods->xUnlock(mine(file)->real, level);
}

static int log_reserved(sqlite3_file *file, int *ret_reserved)
{
    return mine(file)->real->pMethods->xCheckReservedLock(mine(file)->real, ret_reserved);
}

static int log_control(sqlite3_file *file, int what, void *arg)
{
    return mine(file)->real->pMethods->xFileControl(mine(file)->real, what, arg);
}

static int log_sector(sqlite3_file *file)
{
    return mine(file)->real->pMethods->xSectorSize(mine(file)->real);
}

static int log_device(sqlite3_file *file)
{
    return mine(file)->real->pMethods->xDeviceCharacteristics(mine(file)->real);
}

static const sqlite3_io_methods log_methods = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_reserved,
    .xFileControl = log_control,
    .xSectorSize = log_sector,
    .xDeviceCharacteristics = log_device,
};

static sqlite3_vfs *system_vfs;
static sqlite3_vfs our_vfs;

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *ret_flags)
{
    (void)vfs;
    if ((flags & SQLITE_OPEN_WAL) == 0)
        return system_vfs->xOpen(system_vfs, name, file, flags, ret_flags);
    struct log_file *log = mine(file);
    *log = (struct log_file){.real = (sqlite3_file *)(void *)(log + 1)};
    int code = system_vfs->xOpen(system_vfs, name, log->real, flags, ret_flags);
    /* Without methods SQLite does not close it. */
    if (code == SQLITE_OK)
        log->base.pMethods = &log_methods;
    return code;
}

/* All its other functions work on names, and are the system's. */
void pst_sqlite_log_register(void)
{
    system_vfs = sqlite3_vfs_find(NULL);
    if (system_vfs == NULL)
        return; /* then opening a connection fails */
    our_vfs = *system_vfs;
    our_vfs.zName = PST_SQLITE_VFS;
    our_vfs.pNext = NULL;
    our_vfs.szOsFile += (int)sizeof(struct log_file);
    our_vfs.xOpen = open_file;
    (void)sqlite3_vfs_register(&our_vfs, /* default= */ 0);
}
