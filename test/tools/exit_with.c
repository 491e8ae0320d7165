/*
 * exit_with.c: makes a running process end with a given exit status, for tests of who takes notice.
 *
 *     exit_with PID STATUS
 *
 * It attaches with ptrace and puts a call of exit_group into the process's registers, at the system
 * call instruction the process is waiting in.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#if defined(__x86_64__)
typedef struct user_regs_struct Registers;

static void
call_exit_group(Registers *registers, long status)
{
	if ((long) registers->orig_rax >= 0)
		registers->rip -= 2;	/* back to the instruction it waits in */
	registers->orig_rax = (unsigned long) -1L;
	registers->rax = SYS_exit_group;
	registers->rdi = (unsigned long) status;
}
#elif defined(__aarch64__)
typedef struct user_regs_struct Registers;

static void
call_exit_group(Registers *registers, long status)
{
	registers->pc -= 4;
	registers->regs[8] = SYS_exit_group;
	registers->regs[0] = (unsigned long) status;
}
#else
#error "exit_with doesn't know this processor"
#endif

static int
failed(const char *what)
{
	perror(what);
	return 1;
}

int
main(int argc, char **argv)
{
	Registers	registers;
	struct iovec set = {&registers, sizeof(registers)};
	pid_t		pid;

	if (argc != 3)
		return 2;
	pid = (pid_t) atol(argv[1]);
	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) != 0)
		return failed("attach");
	if (waitpid(pid, NULL, __WALL) != pid)
		return failed("wait");
	if (ptrace(PTRACE_GETREGSET, pid, (void *) NT_PRSTATUS, &set) != 0)
		return failed("read registers");
	call_exit_group(&registers, atol(argv[2]));
	if (ptrace(PTRACE_SETREGSET, pid, (void *) NT_PRSTATUS, &set) != 0)
		return failed("write registers");
	if (ptrace(PTRACE_DETACH, pid, NULL, NULL) != 0)
		return failed("detach");
	return 0;
}
