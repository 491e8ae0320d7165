/*
 * faulty.c: one wrapper per function that the probe calls and that may fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "faulty.h"
#include "tap.h"

enum
{
	MALLOC, CALLOC, REALLOC, STRDUP, OPEN, OPENAT, CLOSE, READ, PREAD, WRITE, RECV, SEND, POLL, STATX,
	FSTAT, FSTATFS, READLINK, READLINKAT, FCNTL, EVENTFD, THREAD, OPENAT2, GETDENTS, LISTMOUNT,
	STATMOUNT, LANDLOCK, RENAME, FSYNC, DIGEST_NEW, DIGEST_INIT, DIGEST_UPDATE, DIGEST_FINAL
};

const char *const faulty_kinds[] = {
	"malloc", "calloc", "realloc", "strdup", "open", "openat", "close", "read", "pread", "write", "recv",
	"send", "poll", "statx", "fstat", "fstatfs", "readlink", "readlinkat", "fcntl", "eventfd",
	"pthread_create", "openat2", "getdents64", "listmount", "statmount", "landlock", "renameat2", "fsync",
	"EVP_MD_CTX_new", "EVP_DigestInit_ex", "EVP_DigestUpdate", "EVP_DigestFinal_ex", NULL
};

/* Shared with the process that fails. */
typedef struct Plan
{
	int			kind;
	int			n;
	int			err;
	bool		from_then_on;
	atomic_int	calls;
	atomic_bool struck;
} Plan;

static Plan *plan;
static bool armed;

void
faulty_plan(int kind, int n, int err, bool from_then_on)
{
	if (plan == NULL)
		plan = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (plan == MAP_FAILED)
		bail("mmap");
	plan->kind = kind;
	plan->n = n;
	plan->err = err;
	plan->from_then_on = from_then_on;
	plan->calls = 0;
	plan->struck = false;
}

void
faulty_begin(void)
{
	armed = true;
}

bool
faulty_struck(void)
{
	return plan->struck;
}

/* Whether this call of a kind must fail; sets errno. */
static bool
fails(int kind)
{
	int			call;

	if (!armed || plan->kind != kind)
		return false;
	call = ++plan->calls;
	if (call < plan->n || (call > plan->n && !plan->from_then_on))
		return false;
	plan->struck = true;
	errno = plan->err;
	return true;
}

#define WRAP(result, name, parameters, arguments, kind, failed) \
	extern result __real_##name parameters; \
	extern result __wrap_##name parameters; \
	result __wrap_##name parameters \
	{ return fails(kind) ? (failed) : __real_##name arguments; }

WRAP(void *, malloc, (size_t size), (size), MALLOC, NULL)
WRAP(void *, calloc, (size_t n, size_t size), (n, size), CALLOC, NULL)
WRAP(void *, realloc, (void *old, size_t size), (old, size), REALLOC, NULL)
WRAP(char *, strdup, (const char *text), (text), STRDUP, NULL)
WRAP(ssize_t, read, (int fd, void *to, size_t n), (fd, to, n), READ, -1)
WRAP(ssize_t, pread, (int fd, void *to, size_t n, off_t at), (fd, to, n, at), PREAD, -1)
WRAP(ssize_t, write, (int fd, const void *from, size_t n), (fd, from, n), WRITE, -1)
WRAP(ssize_t, recv, (int fd, void *to, size_t n, int flags), (fd, to, n, flags), RECV, -1)
WRAP(ssize_t, send, (int fd, const void *from, size_t n, int flags), (fd, from, n, flags), SEND, -1)
WRAP(int, poll, (struct pollfd *fds, nfds_t n, int ms), (fds, n, ms), POLL, -1)
WRAP(int, statx, (int fd, const char *path, int flags, unsigned int mask, struct statx *st),
	 (fd, path, flags, mask, st), STATX, -1)
WRAP(int, fstat, (int fd, struct stat *st), (fd, st), FSTAT, -1)
WRAP(int, fstatfs, (int fd, struct statfs *fs), (fd, fs), FSTATFS, -1)
WRAP(ssize_t, readlink, (const char *path, char *to, size_t n), (path, to, n), READLINK, -1)
WRAP(ssize_t, readlinkat, (int fd, const char *path, char *to, size_t n), (fd, path, to, n),
	 READLINKAT, -1)
WRAP(int, fsync, (int fd), (fd), FSYNC, -1)
WRAP(int, eventfd, (unsigned int value, int flags), (value, flags), EVENTFD, -1)
WRAP(int, pthread_create, (pthread_t *thread, const pthread_attr_t *attributes,
						   void *(*start) (void *), void *argument),
	 (thread, attributes, start, argument), THREAD, plan->err)
WRAP(EVP_MD_CTX *, EVP_MD_CTX_new, (void), (), DIGEST_NEW, NULL)
WRAP(int, EVP_DigestInit_ex, (EVP_MD_CTX *context, const EVP_MD *type, ENGINE *engine),
	 (context, type, engine), DIGEST_INIT, 0)
WRAP(int, EVP_DigestUpdate, (EVP_MD_CTX *context, const void *data, size_t n), (context, data, n),
	 DIGEST_UPDATE, 0)
WRAP(int, EVP_DigestFinal_ex, (EVP_MD_CTX *context, unsigned char *to, unsigned int *n),
	 (context, to, n), DIGEST_FINAL, 0)

/* A descriptor is gone whatever close says. */
extern int	__real_close(int fd);
extern int	__wrap_close(int fd);

int
__wrap_close(int fd)
{
	bool		failed;
	int			result = __real_close(fd);

	failed = fails(CLOSE);
	return failed ? -1 : result;
}

/* Those with a variable number of arguments. */
extern int	__real_open(const char *path, int flags, ...);
extern int	__wrap_open(const char *path, int flags, int mode);
extern int	__real_openat(int fd, const char *path, int flags, ...);
extern int	__wrap_openat(int fd, const char *path, int flags, int mode);
extern int	__real_fcntl(int fd, int command, ...);
extern int	__wrap_fcntl(int fd, int command, long argument);
extern long __real_syscall(long number, ...);
extern long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

int
__wrap_open(const char *path, int flags, int mode)
{
	return fails(OPEN) ? -1 : __real_open(path, flags, mode);
}

int
__wrap_openat(int fd, const char *path, int flags, int mode)
{
	return fails(OPENAT) ? -1 : __real_openat(fd, path, flags, mode);
}

int
__wrap_fcntl(int fd, int command, long argument)
{
	return fails(FCNTL) ? -1 : __real_fcntl(fd, command, argument);
}

static int
kind_of_number(long number)
{
	switch (number)
	{
		case SYS_openat2:
			return OPENAT2;
		case SYS_getdents64:
			return GETDENTS;
		case 457:
			return STATMOUNT;
		case 458:
			return LISTMOUNT;
		case SYS_renameat2:
			return RENAME;
		case SYS_landlock_create_ruleset:
		case SYS_landlock_add_rule:
		case SYS_landlock_restrict_self:
			return LANDLOCK;
		default:
			return -1;
	}
}

long
__wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	return fails(kind_of_number(number)) ? -1 : __real_syscall(number, a, b, c, d, e, f);
}
