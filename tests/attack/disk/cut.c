/* Remembers what a disk would still hold after a power cut: preloaded into a process, it keeps a copy of each file and
 * the listing of each folder as they were when last synced, for those below PADAN_CUT_FOLDERS (absolute, by colons).
 *
 * PADAN_CUT_KEPT/f-KEY   a file's content at its last fsync or fdatasync
 * PADAN_CUT_KEPT/d-KEY   a folder's listing at its last fsync: lines of kind (d or f), KEY and name
 *
 * A KEY is an inode's number and time of birth, so that one that is used again is another. Where PADAN_CUT_ENTRIES is
 * set, a file's fsync keeps its name in its folder too, as ext4 and XFS do and PostgreSQL expects; else that takes the
 * folder's own fsync, which is all that POSIX promises. The real sync is left out: nobody cuts the power here. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KEY 64
#define PLACE (PATH_MAX + KEY)

static int key_at(int folder, const char *name, char *key) {
    struct statx found;
    if (statx(folder, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_INO | STATX_BTIME, &found))
        return -1;
    snprintf(key, KEY, "%llx-%llx.%x", (unsigned long long)found.stx_ino, (unsigned long long)found.stx_btime.tv_sec,
             found.stx_btime.tv_nsec);
    return S_ISDIR(found.stx_mode) ? 'd' : 'f';
}

static void name_of(int file, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = 0;
}

static int concerned(const char *path) {
    const char *folder = getenv("PADAN_CUT_FOLDERS");
    while (folder && *folder) {
        size_t length = strcspn(folder, ":");
        if (!strncmp(path, folder, length) && (path[length] == '/' || !path[length]))
            return 1;
        folder += length + (folder[length] == ':');
    }
    return 0;
}

static int begin(char *fresh) {
    static __thread unsigned turn;
    snprintf(fresh, PLACE, "%s/new-%ld-%u", getenv("PADAN_CUT_KEPT"), syscall(SYS_gettid), turn++);
    return open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

static void finish(int file, const char *fresh, int kind, const char *key) {
    char kept[PLACE];
    snprintf(kept, sizeof kept, "%s/%c-%s", getenv("PADAN_CUT_KEPT"), kind, key);
    close(file);
    if (rename(fresh, kept))
        abort();
}

static void put(int file, const char *data, size_t size) {
    while (size) {
        ssize_t done = write(file, data, size);
        if (done <= 0)
            abort();
        data += done, size -= done;
    }
}

static void keep_file(int file, const char *key) {
    char link[64], fresh[PLACE], data[65536];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    int from = open(link, O_RDONLY | O_CLOEXEC), to = begin(fresh);
    if (from < 0 || to < 0)
        abort();
    for (ssize_t size; (size = read(from, data, sizeof data)) > 0;)
        put(to, data, size);
    close(from);
    finish(to, fresh, 'f', key);
}

static void keep_folder(int folder, const char *key) {
    char link[64], fresh[PLACE], line[PLACE], of[KEY];
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    DIR *list = opendir(link);
    int to = begin(fresh);
    if (!list || to < 0)
        abort();
    for (struct dirent *each; (each = readdir(list));) {
        if (!strcmp(each->d_name, ".") || !strcmp(each->d_name, ".."))
            continue;
        int kind = key_at(dirfd(list), each->d_name, of);
        if (kind > 0)
            put(to, line, snprintf(line, sizeof line, "%c %s %s\n", kind, of, each->d_name));
    }
    closedir(list);
    finish(to, fresh, 'd', key);
}

static void keep_name(const char *path, const char *key) {
    char copy[PATH_MAX], other[PATH_MAX], place[PLACE], fresh[PLACE], line[PLACE], of[KEY];
    snprintf(copy, sizeof copy, "%s", path), snprintf(other, sizeof other, "%s", path);
    const char *name = basename(other);
    if (key_at(AT_FDCWD, dirname(copy), of) != 'd')
        return;
    snprintf(place, sizeof place, "%s/names.lock", getenv("PADAN_CUT_KEPT"));
    int lock = open(place, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock < 0 || flock(lock, LOCK_EX))
        abort();
    snprintf(place, sizeof place, "%s/d-%s", getenv("PADAN_CUT_KEPT"), of);
    int to = begin(fresh);
    FILE *before = fopen(place, "re");
    while (before && fgets(line, sizeof line, before)) {
        char *second = strchr(line + 2, ' ');
        line[strcspn(line, "\n")] = 0;
        if (second && strcmp(second + 1, name)) {
            put(to, line, strlen(line));
            put(to, "\n", 1);
        }
    }
    if (before)
        fclose(before);
    put(to, line, snprintf(line, sizeof line, "f %s %s\n", key, name));
    finish(to, fresh, 'd', of);
    close(lock);
}

/* Keeps what a descriptor is of; called by the test too, for what is on the disk from the beginning. */
int padan_cut_keep(int file, int with_name) {
    char path[PATH_MAX], key[KEY];
    int error = errno;
    name_of(file, path);
    if (!getenv("PADAN_CUT_KEPT") || !concerned(path))
        return -1;
    int kind = key_at(file, "", key);
    if (kind == 'd')
        keep_folder(file, key);
    else if (kind == 'f') {
        keep_file(file, key);
        if (with_name)
            keep_name(path, key);
    }
    errno = error;
    return 0;
}

/* Writes the key of a path, for the test. */
int padan_cut_key(const char *path, char *key) { return key_at(AT_FDCWD, path, key); }

int fsync(int file) {
    return padan_cut_keep(file, getenv("PADAN_CUT_ENTRIES") != NULL) ? (int)syscall(SYS_fsync, file) : 0;
}

int fdatasync(int file) {
    return padan_cut_keep(file, getenv("PADAN_CUT_ENTRIES") != NULL) ? (int)syscall(SYS_fdatasync, file) : 0;
}
