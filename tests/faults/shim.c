/* Counts the file-system calls of a process and its children below one folder, and makes the n-th of them go wrong.
 *
 * Preloaded (LD_PRELOAD), it stands between a program and the C library.  Everything is said by environment variables,
 * which are read when the library is loaded and again when faults_begin() is called:
 *
 *   FAULTS_DIR      the folder; calls elsewhere pass uncounted.  Unset: nothing is counted
 *   FAULTS_COUNTER  a file of 8 bytes, mapped by all processes: how many calls there were
 *   FAULTS_OPS      the letters of the calls that count (below)
 *   FAULTS_AT       the number of the call that goes wrong; -1: none
 *   FAULTS_ACTION   kill | killgroup | stop | clock | a number: that errno is returned
 *   FAULTS_AFTER    1: kill when the call has been made.  Half of the bytes of a write are written
 *   FAULTS_STICKY   1: that call and every later one
 *   FAULTS_CLOCK    seconds by which the clock of the day is wrong from that call on
 *   FAULTS_LOG      a file: one line for each counted call: number, letter, process, path
 *   FAULTS_FENCE    a folder: every change of a file outside of it, counted or not, is refused with EPERM
 *
 * o open to write   w write    s fsync, fdatasync   n rename   u unlink   d rmdir   m mkdir   t truncate   l flock
 * k link, symlink   c chmod, utime, xattr           O open to read        r read
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { GO = 0, DIE_AFTER = -1 };
static struct {
  int begun, after, sticky, log;
  long at, clock;
  char dir[PATH_MAX], ops[64], action[32], fence[PATH_MAX];
  size_t length;
  _Atomic long *counter;
} S = {.log = -1};

static long number(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text && *text ? strtol(text, NULL, 10) : otherwise;
}

static int raw_open(const char *path, int flags) { return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0666); }

void faults_begin(void) {
  const char *text;
  if (S.counter) munmap((void *)S.counter, sizeof(long));
  if (S.log >= 0) close(S.log);
  memset(&S, 0, sizeof S);
  S.begun = 1, S.log = -1, S.at = number("FAULTS_AT", -1), S.clock = number("FAULTS_CLOCK", 0);
  S.after = (int)number("FAULTS_AFTER", 0), S.sticky = (int)number("FAULTS_STICKY", 0);
  if ((text = getenv("FAULTS_FENCE")) && *text && !realpath(text, S.fence)) abort();
  if (!(text = getenv("FAULTS_DIR")) || !*text) return;
  snprintf(S.dir, sizeof S.dir, "%s", text);
  S.length = strlen(S.dir);
  while (S.length && S.dir[S.length - 1] == '/') S.dir[--S.length] = 0; /* "/" becomes "": every path */
  snprintf(S.ops, sizeof S.ops, "%s", (text = getenv("FAULTS_OPS")) ? text : "owsnudmtl");
  snprintf(S.action, sizeof S.action, "%s", (text = getenv("FAULTS_ACTION")) ? text : "count");
  if ((text = getenv("FAULTS_LOG")) && *text) S.log = raw_open(text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC);
  if ((text = getenv("FAULTS_COUNTER")) && *text) {
    int file = raw_open(text, O_RDWR | O_CLOEXEC);
    void *map = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (map != MAP_FAILED) S.counter = map;
    if (file >= 0) syscall(SYS_close, file);
  }
}

__attribute__((constructor)) static void begin(void) { faults_begin(); }
static int active(void) { return S.begun && (S.counter || S.fence[0]); }

static int within(const char *path, const char *folder) {
  size_t size = strlen(folder);
  return !strncmp(path, folder, size) && (!path[size] || path[size] == '/');
}

static int inside(const char *real) { return within(real, S.fence) || within(real, "/proc"); }

/* whether a change of a path would land outside of the fence: links in its folders, and at its end, are followed */
static int beyond_fence(char op, const char *path) {
  char folder[PATH_MAX + 1], real[PATH_MAX + 1];
  struct stat status;
  if (!S.fence[0] || !strchr("onudmtkc", op) || !path) return 0;
  snprintf(folder, sizeof folder, "%s", path);
  size_t size = strlen(folder);
  while (size > 1 && folder[size - 1] == '/') folder[--size] = 0;
  char *slash = strrchr(folder, '/');
  const char *name = slash + 1;
  int link = strchr("otc", op) && !lstat(path, &status) && S_ISLNK(status.st_mode);
  if (link || !*name || !strcmp(name, "..") || !strcmp(name, ".")) {
    if (!realpath(path, real)) return errno != ELOOP; /* what a lost link points to would be made there */
    return !inside(real);
  }
  *slash = 0;
  if (!realpath(*folder ? folder : "/", real)) return 0; /* no such folder: the call fails by itself */
  return !inside(real) && !(!strcmp(real, "/dev") && (!strcmp(name, "null") || !strcmp(name, "tty")));
}

/* the path of a call: of a name within an open folder, that folder's path with the name */
static const char *at_path(int folder, const char *name, char *out) {
  char link[64];
  ssize_t size = 0;
  if (!name) return NULL;
  if (*name == '/') return name;
  if (folder == AT_FDCWD) {
    if (!getcwd(out, PATH_MAX)) return NULL;
    size = (ssize_t)strlen(out);
  } else {
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    if ((size = readlink(link, out, PATH_MAX)) < 0) return NULL;
  }
  snprintf(out + size, PATH_MAX, "/%s", name);
  return out;
}

static const char *fd_path(int file, char *out) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t size = readlink(link, out, PATH_MAX);
  if (size < 0) return NULL;
  out[size] = 0;
  return out;
}

static void die(void) {
  kill(!strcmp(S.action, "killgroup") ? 0 : getpid(), SIGKILL);
  for (;;) pause();
}

/* what becomes of a call: GO, DIE_AFTER, or the errno that it returns */
static int verdict_on(char op, const char *path, int refused) {
  if (!S.counter || !path || !strchr(S.ops, op) || strncmp(path, S.dir, S.length)) return refused;
  if (path[S.length] && path[S.length] != '/') return refused;
  long n = atomic_fetch_add(S.counter, 1);
  if (S.log >= 0) {
    char line[PATH_MAX + 64];
    int size = snprintf(line, sizeof line, "%ld %c %d %s\n", n, op, (int)getpid(), path);
    syscall(SYS_write, S.log, line, size);
  }
  if (refused) return refused;
  if (S.at < 0 || (S.sticky ? n < S.at : n != S.at)) return GO;
  if (!strncmp(S.action, "kill", 4)) {
    if (S.after) return DIE_AFTER;
    die();
  }
  if (!strcmp(S.action, "stop")) raise(SIGSTOP);
  return atoi(S.action);
}

static int judge(char op, const char *path) { return verdict_on(op, path, beyond_fence(op, path) ? EPERM : GO); }

/* of an open file, which passed the fence when it was opened */
static int judge_file(char op, const char *path) { return verdict_on(op, path, GO); }

#define REAL(name)                             \
  static __typeof__(&name) real;               \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define GUARD(judge, op, path, call)           \
  do {                                         \
    int verdict = judge(op, path);             \
    if (verdict > 0) {                         \
      errno = verdict;                         \
      return -1;                               \
    }                                          \
    __typeof__(call) result = (call);          \
    if (verdict == DIE_AFTER) die();           \
    return result;                             \
  } while (0)

static char opens(int flags) { return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) ? 'o' : 'O'; }

#define OPEN(name)                                                            \
  int name(const char *path, int flags, ...) {                                \
    REAL(name);                                                               \
    va_list rest;                                                             \
    va_start(rest, flags);                                                    \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;   \
    va_end(rest);                                                             \
    char buffer[2 * PATH_MAX + 8];                                            \
    if (!active()) return real(path, flags, mode);                            \
    GUARD(judge, opens(flags), at_path(AT_FDCWD, path, buffer), real(path, flags, mode)); \
  }
#define OPENAT(name)                                                          \
  int name(int folder, const char *path, int flags, ...) {                    \
    REAL(name);                                                               \
    va_list rest;                                                             \
    va_start(rest, flags);                                                    \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;   \
    va_end(rest);                                                             \
    char buffer[2 * PATH_MAX + 8];                                            \
    if (!active()) return real(folder, path, flags, mode);                    \
    GUARD(judge, opens(flags), at_path(folder, path, buffer), real(folder, path, flags, mode)); \
  }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name)                                                           \
  FILE *name(const char *path, const char *mode) {                            \
    REAL(name);                                                               \
    char buffer[2 * PATH_MAX + 8];                                            \
    int verdict = active() ? judge(strpbrk(mode, "wa+") ? 'o' : 'O', at_path(AT_FDCWD, path, buffer)) : GO; \
    if (verdict > 0) return errno = verdict, NULL;                            \
    FILE *file = real(path, mode);                                            \
    if (verdict == DIE_AFTER) die();                                          \
    return file;                                                              \
  }
FOPEN(fopen)
FOPEN(fopen64)

ssize_t write(int file, const void *bytes, size_t size) {
  REAL(write);
  char path[PATH_MAX + 1];
  int verdict = active() && file != S.log ? judge_file('w', fd_path(file, path)) : GO;
  if (verdict && size > 1 && real(file, bytes, size / 2) < 0) return -1; /* what a full disk took before it was full */
  if (verdict == DIE_AFTER) die();
  if (verdict > 0) return errno = verdict, -1;
  return real(file, bytes, size);
}

ssize_t read(int file, void *bytes, size_t size) {
  REAL(read);
  char path[PATH_MAX + 1];
  if (!active() || !strchr(S.ops, 'r')) return real(file, bytes, size);
  GUARD(judge_file, 'r', fd_path(file, path), real(file, bytes, size));
}

#define BY_FILE(name, op, declared, given)                                    \
  int name declared {                                                         \
    REAL(name);                                                               \
    char path[PATH_MAX + 1];                                                  \
    if (!active()) return real given;                                         \
    GUARD(judge_file, op, fd_path(file, path), real given);                               \
  }
BY_FILE(fsync, 's', (int file), (file))
BY_FILE(fdatasync, 's', (int file), (file))
BY_FILE(ftruncate, 't', (int file, off_t size), (file, size))
BY_FILE(ftruncate64, 't', (int file, off64_t size), (file, size))
BY_FILE(flock, 'l', (int file, int how), (file, how))
BY_FILE(fchmod, 'c', (int file, mode_t mode), (file, mode))

#define BY_PATH(name, op, folder, path, declared, given)                      \
  int name declared {                                                         \
    REAL(name);                                                               \
    char buffer[2 * PATH_MAX + 8];                                            \
    if (!active()) return real given;                                         \
    GUARD(judge, op, at_path(folder, path, buffer), real given);                     \
  }
int renameat(int f, const char *from, int g, const char *to) {
  REAL(renameat);
  char buffer[2 * PATH_MAX + 8], source[2 * PATH_MAX + 8];
  if (!active()) return real(f, from, g, to);
  if (beyond_fence('n', at_path(f, from, source))) return errno = EPERM, -1;
  GUARD(judge, 'n', at_path(g, to, buffer), real(f, from, g, to));
}
int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }
BY_PATH(unlink, 'u', AT_FDCWD, path, (const char *path), (path))
BY_PATH(unlinkat, flags &AT_REMOVEDIR ? 'd' : 'u', f, path, (int f, const char *path, int flags), (f, path, flags))
BY_PATH(rmdir, 'd', AT_FDCWD, path, (const char *path), (path))
BY_PATH(mkdir, 'm', AT_FDCWD, path, (const char *path, mode_t mode), (path, mode))
BY_PATH(mkdirat, 'm', f, path, (int f, const char *path, mode_t mode), (f, path, mode))
BY_PATH(truncate, 't', AT_FDCWD, path, (const char *path, off_t size), (path, size))
BY_PATH(truncate64, 't', AT_FDCWD, path, (const char *path, off64_t size), (path, size))
BY_PATH(link, 'k', AT_FDCWD, to, (const char *from, const char *to), (from, to))
BY_PATH(linkat, 'k', g, to, (int f, const char *from, int g, const char *to, int flags), (f, from, g, to, flags))
BY_PATH(symlink, 'k', AT_FDCWD, to, (const char *from, const char *to), (from, to))
BY_PATH(symlinkat, 'k', f, to, (const char *from, int f, const char *to), (from, f, to))
BY_PATH(chmod, 'c', AT_FDCWD, path, (const char *path, mode_t mode), (path, mode))
BY_PATH(fchmodat, 'c', f, path, (int f, const char *path, mode_t mode, int flags), (f, path, mode, flags))
BY_PATH(mkfifo, 'm', AT_FDCWD, path, (const char *path, mode_t mode), (path, mode))
BY_PATH(utimensat, 'c', f, path, (int f, const char *path, const struct timespec t[2], int flags), (f, path, t, flags))

static long wrong(void) {
  return S.clock && S.counter && atomic_load(S.counter) > S.at ? S.clock : 0;
}

int clock_gettime(clockid_t id, struct timespec *now) {
  REAL(clock_gettime);
  int result = real(id, now);
  if (!result && id == CLOCK_REALTIME) now->tv_sec += wrong();
  return result;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
