/* Makes a disk disobey: preloaded into the service, it fails or blocks the writes and syncs of files whose path holds
 * PADAN_FAULT_FILES, as the first word in the file PADAN_FAULT_MODE says: eio, enospc, erofs (remounted read-only, so
 * that nothing is opened for writing either), hang, or nothing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int mode_now(char *word, size_t size) {
    const char *path = getenv("PADAN_FAULT_MODE");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return 0;
    ssize_t length = read(file, word, size - 1);
    close(file);
    word[length > 0 ? length : 0] = 0;
    word[strcspn(word, " \n")] = 0;
    return word[0] != 0;
}

static int concerned(int file) {
    char link[64], path[4096];
    const char *part = getenv("PADAN_FAULT_FILES");
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = part ? readlink(link, path, sizeof path - 1) : -1;
    if (length < 0)
        return 0;
    path[length] = 0;
    return strstr(path, part) != NULL;
}

/* Returns an errno to fail with, or 0; waits as long as the mode is hang. */
static int fault(int file, int writes) {
    char word[16];
    if (!mode_now(word, sizeof word) || !concerned(file))
        return 0;
    if (!strcmp(word, "enospc"))
        return writes ? ENOSPC : 0;
    if (!strcmp(word, "erofs"))
        return writes ? EROFS : 0;
    if (!strcmp(word, "eio"))
        return EIO;
    while (mode_now(word, sizeof word) && !strcmp(word, "hang"))
        usleep(20000);
    return 0;
}

static int may_not_be_opened(const char *path, int flags) {
    char word[16];
    const char *part = getenv("PADAN_FAULT_FILES");
    return (flags & (O_ACCMODE | O_CREAT | O_TRUNC)) && part && strstr(path, part)
        && mode_now(word, sizeof word) && !strcmp(word, "erofs");
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

int fdatasync(int file) {
    REAL(fdatasync);
    int error = fault(file, 0);
    if (error) { errno = error; return -1; }
    return real(file);
}

int fsync(int file) {
    REAL(fsync);
    int error = fault(file, 0);
    if (error) { errno = error; return -1; }
    return real(file);
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) {
    REAL(pwrite64);
    int error = fault(file, 1);
    if (error) { errno = error; return -1; }
    return real(file, data, size, at);
}

ssize_t pwrite(int file, const void *data, size_t size, off_t at) {
    REAL(pwrite);
    int error = fault(file, 1);
    if (error) { errno = error; return -1; }
    return real(file, data, size, at);
}

#define OPENS(name)                                                      \
    int name(const char *path, int flags, ...) {                         \
        REAL(name);                                                      \
        va_list rest;                                                    \
        va_start(rest, flags);                                           \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                    \
        if (may_not_be_opened(path, flags)) {                            \
            errno = EROFS;                                               \
            return -1;                                                   \
        }                                                                \
        return real(path, flags, mode);                                  \
    }

OPENS(open)
OPENS(open64)
