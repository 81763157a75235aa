/*
 * A disk that fails once: preloaded into a program, it stands between the program and every system
 * call that changes a file below one folder. Each such call is a write point: operation and class
 * of the file (its path with ids and numbers taken out). Nothing of the program has to know of it,
 * so no write can be left out.
 *
 * FAULTS_ROOT   the folder
 * FAULTS_LOG    every write point that is met is appended here, one a line
 * FAULTS_AT     "operation class": where to fail
 * FAULTS_NTH    at which meeting, from 1 on
 * FAULTS_KIND   failed | persisted | torn
 * FAULTS_THEN   retry: the call answers EIO; kill: the process kills itself with signal 9
 * FAULTS_DONE   made when the fault has come; no process fails again while it is there
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { PASS, FAILED, PERSISTED, TORN };

static char root[PATH_MAX], at[PATH_MAX], done[PATH_MAX];
static long nth, met;
static enum kind kind;
static int kills, log_fd = -1;
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;

/* What of a file was synced when it was opened or last synced, by descriptor; -1: not known. Who
 * syncs a file syncs it for everybody who has it open. */
#define DESCRIPTORS 4096
static off_t synced[DESCRIPTORS];
static ino_t inode[DESCRIPTORS];

static void take(char *to, const char *name)
{
	const char *value = getenv(name);
	snprintf(to, PATH_MAX, "%s", value ? value : "");
}

__attribute__((constructor)) static void begin(void)
{
	const char *value;
	for (int fd = 0; fd < DESCRIPTORS; fd++)
		synced[fd] = -1;
	take(at, "FAULTS_AT");
	take(done, "FAULTS_DONE");
	nth = (value = getenv("FAULTS_NTH")) ? atol(value) : 0;
	value = getenv("FAULTS_KIND");
	kind = !value ? PASS : *value == 'f' ? FAILED : *value == 'p' ? PERSISTED : TORN;
	value = getenv("FAULTS_THEN");
	kills = value && *value == 'k';
	/* A descriptor out of the way, and below the limit of a connector. */
	if ((value = getenv("FAULTS_LOG"))) {
		int fd = syscall(SYS_openat, AT_FDCWD, value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		log_fd = fd < 0 ? -1 : (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 200);
		if (fd >= 0)
			syscall(SYS_close, fd);
	}
	take(root, "FAULTS_ROOT");
}

/* Whether a path is below the folder; `to` gets its class then. */
static int class_of(const char *path, char *to)
{
	size_t length = strlen(root);
	if (!length || strncmp(path, root, length) || path[length] != '/')
		return 0;
	const char *from = path + length + 1;
	char *out = to, *end = to + PATH_MAX - 8;
	int in_objects = 0;
	while (*from && out < end) {
		size_t part = strcspn(from, "/");
		if (in_objects && part == 2) {
			*out++ = '*';
			in_objects = 0;
		} else if (!strncmp(from, ".draft-", 7)) {
			out += sprintf(out, ".draft-*");
		} else {
			in_objects = part == 7 && !strncmp(from, "objects", 7);
			for (size_t i = 0; i < part && out < end;) {
				size_t hex = 0, digits = 0;
				while (i + hex < part && strchr("0123456789abcdef", from[i + hex]))
					hex++;
				while (i + digits < part && strchr("0123456789", from[i + digits]))
					digits++;
				if (hex >= 16) {
					*out++ = '*';
					i += hex;
				} else if (digits) {
					*out++ = '#';
					i += digits;
				} else {
					*out++ = from[i++];
				}
			}
		}
		from += part;
		while (*from == '/') {
			*out++ = '/';
			from++;
		}
	}
	*out = 0;
	return 1;
}

/* A path that a call was given, from its folder's descriptor; absolute. */
static const char *absolute(int folder, const char *path, char *to)
{
	char link[64];
	ssize_t length;
	if (*path == '/')
		return path;
	if (folder == AT_FDCWD) {
		length = readlink("/proc/self/cwd", to, PATH_MAX / 2);
	} else {
		snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
		length = readlink(link, to, PATH_MAX / 2);
	}
	if (length < 0)
		return "";
	snprintf(to + length, PATH_MAX - length, "/%s", path);
	return to;
}

/* What becomes of a write point. */
static enum kind meet(const char *operation, const char *path)
{
	char class[PATH_MAX], line[PATH_MAX + 32];
	enum kind answer = PASS;
	int before = errno;
	if (!class_of(path, class))
		return PASS;
	int length = snprintf(line, sizeof line, "%s %s\n", operation, class);
	if (log_fd >= 0)
		syscall(SYS_write, log_fd, line, length);
	line[length - 1] = 0;
	if (kind != PASS && !strcmp(line, at)) {
		pthread_mutex_lock(&counting);
		if (++met == nth) {
			int fd = syscall(SYS_openat, AT_FDCWD, done, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
			if (fd >= 0) {
				syscall(SYS_close, fd);
				answer = kind;
			}
		}
		pthread_mutex_unlock(&counting);
	}
	errno = before;
	return answer;
}

static enum kind meet_fd(const char *operation, int fd)
{
	char link[64], path[PATH_MAX];
	if (!*root)
		return PASS;
	int before = errno;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, sizeof path - 1);
	errno = before;
	if (length <= 0 || path[0] != '/')
		return PASS;
	path[length] = 0;
	/* A file that has no name any more is written in vain, and one being cleared as well. */
	char *gone = strstr(path, " (deleted)");
	if (gone)
		return PASS;
	return meet(operation, path);
}

static enum kind meet_at(const char *operation, int folder, const char *path)
{
	char whole[PATH_MAX];
	return *root ? meet(operation, absolute(folder, path, whole)) : PASS;
}

/* The end of a call that has failed. */
static long fail(void)
{
	if (kills) {
		syscall(SYS_kill, getpid(), SIGKILL);
		for (;;)
			pause();
	}
	errno = EIO;
	return -1;
}

static off_t size_of(int fd)
{
	struct stat about;
	return fstat(fd, &about) || !S_ISREG(about.st_mode) ? -1 : about.st_size;
}

static void opened(int fd, int is_new)
{
	struct stat about;
	synced[fd] = -1;
	inode[fd] = 0;
	if (fstat(fd, &about) || !S_ISREG(about.st_mode))
		return;
	off_t known = is_new ? 0 : about.st_size;
	for (int other = 0; other < DESCRIPTORS; other++)
		if (other != fd && inode[other] == about.st_ino && synced[other] >= 0)
			known = synced[other];
	inode[fd] = about.st_ino;
	synced[fd] = known;
}

static void whole(int fd, off_t size)
{
	for (int other = 0; other < DESCRIPTORS; other++)
		if (inode[fd] && inode[other] == inode[fd])
			synced[other] = size;
}

/* Calls without an inside: they happen or they do not. */
#define WHOLE(MET, CALL)                       \
	do {                                   \
		enum kind kind_ = (MET);       \
		if (kind_ == PASS)             \
			return (CALL);         \
		if (kind_ == PERSISTED)        \
			(void)(CALL);          \
		return fail();                 \
	} while (0)

/* Calls that write some bytes: half of them may get there. */
#define BYTES(MET, CALL, HALF)                 \
	do {                                   \
		enum kind kind_ = (MET);       \
		if (kind_ == PASS)             \
			return (CALL);         \
		if (kind_ == PERSISTED)        \
			(void)!(CALL);         \
		if (kind_ == TORN)             \
			(void)!(HALF);         \
		return fail();                 \
	} while (0)

ssize_t write(int fd, const void *bytes, size_t count)
{
	BYTES(meet_fd("write", fd), syscall(SYS_write, fd, bytes, count),
	      syscall(SYS_write, fd, bytes, count / 2));
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset)
{
	BYTES(meet_fd("write", fd), syscall(SYS_pwrite64, fd, bytes, count, offset),
	      syscall(SYS_pwrite64, fd, bytes, count / 2, offset));
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset)
{
	return pwrite64(fd, bytes, count, offset);
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
	BYTES(meet_fd("write", fd), syscall(SYS_writev, fd, pieces, count),
	      syscall(SYS_write, fd, pieces[0].iov_base, pieces[0].iov_len / 2));
}

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t count, unsigned flags)
{
	BYTES(meet_fd("write", to), syscall(SYS_copy_file_range, from, from_at, to, to_at, count, flags),
	      syscall(SYS_copy_file_range, from, from_at, to, to_at, count > 4096 ? 2048 : 1, flags));
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t count)
{
	BYTES(meet_fd("write", to), syscall(SYS_sendfile, to, from, offset, count),
	      syscall(SYS_sendfile, to, from, offset, count > 4096 ? 2048 : 1));
}

ssize_t sendfile(int to, int from, off_t *offset, size_t count)
{
	return sendfile64(to, from, offset, count);
}

/* A sync that is torn is a power cut: half of what was added since the last one is gone. Only a
 * process that ends with it can not have known better. */
static int synchronize(long call, int fd)
{
	enum kind met_ = meet_fd("sync", fd);
	off_t size = fd < DESCRIPTORS && fd >= 0 && *root ? size_of(fd) : -1;
	if (met_ == PASS) {
		int answer = syscall(call, fd);
		if (!answer && size >= 0)
			whole(fd, size);
		return answer;
	}
	if (met_ == PERSISTED)
		(void)syscall(call, fd);
	if (met_ == TORN && kills && size > 0 && synced[fd] >= 0 && size > synced[fd])
		(void)!syscall(SYS_ftruncate, fd, synced[fd] + (size - synced[fd]) / 2);
	return fail();
}

int fsync(int fd)
{
	return synchronize(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return synchronize(SYS_fdatasync, fd);
}

int ftruncate64(int fd, off64_t length)
{
	WHOLE(meet_fd("truncate", fd), syscall(SYS_ftruncate, fd, length));
}

int ftruncate(int fd, off_t length)
{
	return ftruncate64(fd, length);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length)
{
	WHOLE(meet_fd("truncate", fd), syscall(SYS_fallocate, fd, mode, offset, length));
}

int fallocate(int fd, int mode, off_t offset, off_t length)
{
	return fallocate64(fd, mode, offset, length);
}

/* A rename is known by the name that it gives. */
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
	WHOLE(meet_at("rename", to_folder, to),
	      syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
	return renameat2(from_folder, from, to_folder, to, 0);
}

int rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
	WHOLE(meet_at("link", to_folder, to), syscall(SYS_linkat, from_folder, from, to_folder, to, flags));
}

int link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int folder, const char *path, int flags)
{
	struct stat about;
	/* What is not there is not removed. */
	if (*root && fstatat(folder, path, &about, AT_SYMLINK_NOFOLLOW))
		return syscall(SYS_unlinkat, folder, path, flags);
	WHOLE(meet_at("remove", folder, path), syscall(SYS_unlinkat, folder, path, flags));
}

int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
	return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int mkdirat(int folder, const char *path, mode_t mode)
{
	struct stat about;
	if (*root && !fstatat(folder, path, &about, 0))
		return syscall(SYS_mkdirat, folder, path, mode);
	WHOLE(meet_at("make", folder, path), syscall(SYS_mkdirat, folder, path, mode));
}

int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

static int opens(int folder, const char *path, int flags, mode_t mode)
{
	struct stat about;
	int is_new = 0;
	if (*root && (flags & O_CREAT) && fstatat(folder, path, &about, 0)) {
		is_new = 1;
		switch (meet_at("make", folder, path)) {
		case PASS:
			break;
		case PERSISTED: {
			int fd = syscall(SYS_openat, folder, path, flags, mode);
			if (fd >= 0)
				syscall(SYS_close, fd);
			return fail();
		}
		default:
			return fail();
		}
	} else if (*root && (flags & O_TRUNC) && (flags & O_ACCMODE) != O_RDONLY) {
		switch (meet_at("truncate", folder, path)) {
		case PASS:
			break;
		case PERSISTED: {
			int fd = syscall(SYS_openat, folder, path, flags, mode);
			if (fd >= 0)
				syscall(SYS_close, fd);
			return fail();
		}
		default:
			return fail();
		}
	}
	int fd = syscall(SYS_openat, folder, path, flags, mode);
	if (*root && fd >= 0 && fd < DESCRIPTORS)
		opened(fd, is_new);
	return fd;
}

#define WITH_MODE                                       \
	mode_t mode = 0;                                \
	if (flags & (O_CREAT | __O_TMPFILE)) {          \
		va_list list;                           \
		va_start(list, flags);                  \
		mode = va_arg(list, mode_t);            \
		va_end(list);                           \
	}

int open(const char *path, int flags, ...)
{
	WITH_MODE
	return opens(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	WITH_MODE
	return opens(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
	WITH_MODE
	return opens(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
	WITH_MODE
	return opens(folder, path, flags | O_LARGEFILE, mode);
}

/* Connectors get an environment of their own: what this file needs goes along. */
static char **with_faults(char *const environment[])
{
	static const char *const names[] = { "LD_PRELOAD=", "FAULTS_ROOT=", "FAULTS_LOG=", "FAULTS_AT=",
		"FAULTS_NTH=", "FAULTS_KIND=", "FAULTS_THEN=", "FAULTS_DONE=" };
	size_t count = 0, kept = 0;
	while (environment && environment[count])
		count++;
	char **all = calloc(count + 16, sizeof *all);
	if (!all)
		return (char **)environment;
	for (size_t i = 0; i < count; i++)
		if (strncmp(environment[i], "FAULTS_", 7) && strncmp(environment[i], "LD_PRELOAD=", 11))
			all[kept++] = environment[i];
	extern char **environ;
	static char **own;
	if (!own)
		own = environ;
	for (size_t name = 0; name < sizeof names / sizeof *names; name++)
		for (char **mine = own; *mine; mine++)
			if (!strncmp(*mine, names[name], strlen(names[name])))
				all[kept++] = *mine;
	return all;
}

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[])
{
	int (*real)(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
		    char *const[], char *const[]) = dlsym(RTLD_NEXT, "posix_spawnp");
	return real(pid, file, actions, attributes, arguments, with_faults(environment));
}
