/* Lets the n-th call of a kind fail: loaded before the C library (LD_PRELOAD), so that SQLite's calls count as well.
 *
 * Kinds: 0 writes to files, 1 fsync, 2 names (rename, link, unlink), 3 opening, 4 memory of 4 KiB and more. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE, SYNC, NAME, OPEN, MEMORY, KINDS };
#define LARGE 4096

static long counted[KINDS];
static long failing_at;
static int failing_kind = -1, persists;

/* Begin to count; the call number `at` of a kind fails, and with `persist` all after it. */
void faults_arm(int kind, long at, int persist) {
    for (int k = 0; k < KINDS; k++) counted[k] = 0;
    failing_at = at;
    persists = persist;
    failing_kind = kind;
}

/* Let everything succeed again; gives how many calls of the kind there were. */
long faults_disarm(void) {
    int kind = failing_kind;
    failing_kind = -1;
    return kind < 0 ? 0 : counted[kind];
}

static int fails(int kind) {
    if (kind != failing_kind) return 0;
    long number = __sync_add_and_fetch(&counted[kind], 1);
    return persists ? number >= failing_at : number == failing_at;
}

static int fails_to_write(int descriptor) {
    struct stat status;
    if (failing_kind != WRITE || fstat(descriptor, &status) || !S_ISREG(status.st_mode)) return 0;
    return fails(WRITE);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define REFUSE(code, value) do { errno = code; return value; } while (0)

ssize_t write(int fd, const void *from, size_t size) {
    if (fails_to_write(fd)) REFUSE(ENOSPC, -1);
    return REAL(write)(fd, from, size);
}
ssize_t pwrite(int fd, const void *from, size_t size, off_t at) {
    if (fails_to_write(fd)) REFUSE(ENOSPC, -1);
    return REAL(pwrite)(fd, from, size, at);
}
ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) {
    if (fails_to_write(fd)) REFUSE(ENOSPC, -1);
    return REAL(pwrite64)(fd, from, size, at);
}
ssize_t writev(int fd, const struct iovec *from, int count) {
    if (fails_to_write(fd)) REFUSE(ENOSPC, -1);
    return REAL(writev)(fd, from, count);
}
int ftruncate(int fd, off_t size) {
    if (fails_to_write(fd)) REFUSE(EIO, -1);
    return REAL(ftruncate)(fd, size);
}
int ftruncate64(int fd, off64_t size) {
    if (fails_to_write(fd)) REFUSE(EIO, -1);
    return REAL(ftruncate64)(fd, size);
}
int fsync(int fd) {
    if (fails(SYNC)) REFUSE(EIO, -1);
    return REAL(fsync)(fd);
}
int fdatasync(int fd) {
    if (fails(SYNC)) REFUSE(EIO, -1);
    return REAL(fdatasync)(fd);
}
int rename(const char *from, const char *to) {
    if (fails(NAME)) REFUSE(EIO, -1);
    return REAL(rename)(from, to);
}
int renameat(int a, const char *from, int b, const char *to) {
    if (fails(NAME)) REFUSE(EIO, -1);
    return REAL(renameat)(a, from, b, to);
}
int unlink(const char *path) {
    if (fails(NAME)) REFUSE(EIO, -1);
    return REAL(unlink)(path);
}
int unlinkat(int at, const char *path, int flags) {
    if (fails(NAME)) REFUSE(EIO, -1);
    return REAL(unlinkat)(at, path, flags);
}
#define OPENING(name)                                              \
    int name(const char *path, int flags, ...) {                   \
        va_list rest;                                              \
        va_start(rest, flags);                                     \
        mode_t mode = va_arg(rest, mode_t);                        \
        va_end(rest);                                              \
        if (fails(OPEN)) REFUSE(EMFILE, -1);                       \
        return REAL(name)(path, flags, mode);                      \
    }
OPENING(open)
OPENING(open64)

void *malloc(size_t size) {
    static void *(*real)(size_t);
    if (!real) real = REAL(malloc);
    if (size >= LARGE && fails(MEMORY)) REFUSE(ENOMEM, NULL);
    return real(size);
}
void *realloc(void *old, size_t size) {
    static void *(*real)(void *, size_t);
    if (!real) real = REAL(realloc);
    if (size >= LARGE && fails(MEMORY)) REFUSE(ENOMEM, NULL);
    return real(old, size);
}
