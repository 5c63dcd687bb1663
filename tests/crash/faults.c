/* Fails or kills a process at one of its calls that change files: loaded before the C library (LD_PRELOAD).

   A plan is a file: FAULT AT LASTING UNDER COMMAND, as in `kill 17 0 /state/ streams.cli.main`. FAULT is kill, full
   (ENOSPC), error (EIO) or count; AT the number of the call, from 1; LASTING 1 where all later ones fail too; UNDER a
   part of the paths that count; COMMAND a part of the command line of the process that takes the plan. One process
   takes it, by renaming the file to PLAN.PID; what it counted is written there at its end.

   CRASH_PLANS names a directory: its files are looked at in the order of their names. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char fault[16], under[256], taken[PATH_MAX];
static long at, lasting;
static long count;
static int ready;

static int compare(const void *one, const void *two) { return strcmp(*(char *const *)one, *(char *const *)two); }

__attribute__((constructor)) static void begin(void) {
    const char *plans = getenv("CRASH_PLANS");
    if (!plans) return;
    char command[4096] = "";
    int file = open("/proc/self/cmdline", O_RDONLY);
    if (file < 0) return;
    ssize_t length = read(file, command, sizeof command - 1);
    close(file);
    for (ssize_t i = 0; i < length; i++) if (!command[i]) command[i] = ' ';
    if (length > 0) command[length] = 0;
    DIR *directory = opendir(plans);
    if (!directory) return;
    char *names[256];
    int found = 0;
    for (struct dirent *entry; (entry = readdir(directory)) && found < 256;)
        if (entry->d_name[0] != '.' && !strchr(entry->d_name, '.')) names[found++] = strdup(entry->d_name);
    closedir(directory);
    qsort(names, found, sizeof *names, compare);
    for (int i = 0; i < found && !ready; i++) {
        char path[PATH_MAX], whom[256];
        snprintf(path, sizeof path, "%s/%s", plans, names[i]);
        FILE *plan = fopen(path, "r");
        if (!plan) continue;
        int read_all = fscanf(plan, "%15s %ld %ld %255s %255s", fault, &at, &lasting, under, whom) == 5;
        fclose(plan);
        if (!read_all || !strstr(command, whom)) continue;
        if (snprintf(taken, sizeof taken, "%s.%d", path, getpid()) >= (int)sizeof taken) continue;
        if (rename(path, taken) == 0) ready = 1;
    }
    for (int i = 0; i < found; i++) free(names[i]);
}

__attribute__((destructor)) static void end(void) {
    if (!ready) return;
    FILE *file = fopen(taken, "w");
    if (!file) return;
    fprintf(file, "%ld\n", __atomic_load_n(&count, __ATOMIC_SEQ_CST));
    fclose(file);
}

static int counts(const char *path) { return ready && path && strstr(path, under) != NULL; }

static int counts_fd(int fd) {
    if (!ready) return 0;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return counts(path);
}

/* Is it this call's turn? The number of the error that it fails with; -1: the process is to die. */
static int due(void) {
    long number = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
    if (!strcmp(fault, "count") || number < at || (number > at && !lasting)) return 0;
    if (!strcmp(fault, "kill")) return -1;
    return !strcmp(fault, "full") ? ENOSPC : EIO;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

#define FAIL_OR(condition, torn) \
    if (condition) { \
        int failed = due(); \
        if (failed < 0) { torn; die(); } \
        if (failed > 0) { errno = failed; return -1; } \
    }

ssize_t write(int fd, const void *data, size_t length) {
    REAL(ssize_t, "write", int, const void *, size_t);
    FAIL_OR(counts_fd(fd), real(fd, data, length / 2))
    return real(fd, data, length);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t place) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    FAIL_OR(counts_fd(fd), real(fd, data, length / 2, place))
    return real(fd, data, length, place);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t place) {
    REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
    FAIL_OR(counts_fd(fd), real(fd, data, length / 2, place))
    return real(fd, data, length, place);
}

ssize_t writev(int fd, const struct iovec *parts, int number) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    FAIL_OR(counts_fd(fd), real(fd, parts, number / 2))
    return real(fd, parts, number);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int number, off64_t place) {
    REAL(ssize_t, "pwritev64", int, const struct iovec *, int, off64_t);
    FAIL_OR(counts_fd(fd), real(fd, parts, number / 2, place))
    return real(fd, parts, number, place);
}

ssize_t pwritev(int fd, const struct iovec *parts, int number, off_t place) {
    REAL(ssize_t, "pwritev", int, const struct iovec *, int, off_t);
    FAIL_OR(counts_fd(fd), real(fd, parts, number / 2, place))
    return real(fd, parts, number, place);
}

ssize_t pwritev2(int fd, const struct iovec *parts, int number, off_t place, int flags) {
    REAL(ssize_t, "pwritev2", int, const struct iovec *, int, off_t, int);
    FAIL_OR(counts_fd(fd), real(fd, parts, number / 2, place, flags))
    return real(fd, parts, number, place, flags);
}

ssize_t pwritev64v2(int fd, const struct iovec *parts, int number, off64_t place, int flags) {
    REAL(ssize_t, "pwritev64v2", int, const struct iovec *, int, off64_t, int);
    FAIL_OR(counts_fd(fd), real(fd, parts, number / 2, place, flags))
    return real(fd, parts, number, place, flags);
}

int fsync(int fd) {
    REAL(int, "fsync", int);
    FAIL_OR(counts_fd(fd), )
    return real(fd);
}

int fdatasync(int fd) {
    REAL(int, "fdatasync", int);
    FAIL_OR(counts_fd(fd), )
    return real(fd);
}

int ftruncate64(int fd, off64_t size) {
    REAL(int, "ftruncate64", int, off64_t);
    FAIL_OR(counts_fd(fd), )
    return real(fd, size);
}

int ftruncate(int fd, off_t size) {
    REAL(int, "ftruncate", int, off_t);
    FAIL_OR(counts_fd(fd), )
    return real(fd, size);
}

int rename(const char *old, const char *new) {
    REAL(int, "rename", const char *, const char *);
    FAIL_OR(counts(old) || counts(new), )
    return real(old, new);
}

int renameat(int from, const char *old, int to, const char *new) {
    REAL(int, "renameat", int, const char *, int, const char *);
    FAIL_OR(counts(old) || counts(new), )
    return real(from, old, to, new);
}

int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    FAIL_OR(counts(path), )
    return real(path);
}

int mkdir(const char *path, mode_t mode) {
    REAL(int, "mkdir", const char *, mode_t);
    FAIL_OR(counts(path), )
    return real(path, mode);
}
