/*
 * test_check.c: a root or folder that isn't the same after the batch voids what was seen missing.
 *
 * The steps of a CHECK are called one by one, and the disk changes between them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/probe/dispatch.h"
#include "fixture.h"
#include "tap.h"

/* top/root/album/{a,b}.jpg, and top/spare/album without files. */
static const char *
make_tree(void)
{
	const char *top = fixture_folder();

	fixture_mkdir(top, "root");
	fixture_mkdir(top, "root/album");
	fixture_file(top, "root/album/a.jpg", "a");
	fixture_file(top, "root/album/b.jpg", "b");
	fixture_mkdir(top, "spare");
	fixture_mkdir(top, "spare/album");
	return top;
}

static void
swap(const char *top, const char *one, const char *two)
{
	if (renameat2(AT_FDCWD, fixture_path(top, one), AT_FDCWD, fixture_path(top, two),
				  RENAME_EXCHANGE) != 0)
		bail("renameat2");
}

/* A request for a.jpg (there), gone.jpg and album/2019/x.jpg (not there). */
static void
ask(const char *top, MpRequest *request)
{
	Ask			a;

	ask_check(&a, fixture_path(top, "root"), 0, NULL);
	ask_directory(&a, "album");
	ask_name(&a, "a.jpg", MP_WANT_IDENTITY);
	ask_name(&a, "gone.jpg", 0);
	ask_directory(&a, "album/2019/may");
	ask_name(&a, "x.jpg", 0);
	if (ask_parse(&a, request) != 0)
		bail("ask_parse");
}

static void
judge(MpCheck *check)
{
	MpScratch	scratch = {0};

	for (uint32_t i = 0; i < check->request->n_directories; i++)
		mp_check_directory(check, i, &scratch);
	mp_scratch_free(&scratch);
}

static void
finish(MpCheck *check)
{
	mp_check_compare(check);
	for (uint32_t i = 0; i < check->request->n_directories; i++)
		mp_check_confirm(check, i);
}

static int
verdict_of(const MpCheck *check, const char *name)
{
	return entry_named(check->request, name)->verdict;
}

static void
release(MpCheck *check, MpRequest *request)
{
	mp_check_close(check);
	mp_request_free(request);
}

static void
test_undisturbed(void)
{
	const char *top = make_tree();
	MpRequest	request;
	MpCheck		check;
	struct stat st;

	ask(top, &request);
	ok(run_check(&check, &request), "a batch that nothing disturbs");
	is(check.guard.report.verdict, MP_PRESENT, "its root held");
	is(verdict_of(&check, "a.jpg"), MP_PRESENT, "the file that is there");
	is(verdict_of(&check, "gone.jpg"), MP_MISSING, "the file that isn't");
	is(verdict_of(&check, "x.jpg"), MP_MISSING, "the file whose folder isn't");
	is((long long) request.directories[1].witness.length, 6, "vouched for by \"album/\"");
	if (stat(fixture_path(top, "root/album/a.jpg"), &st) != 0)
		bail("stat");
	ok(check.batch.identities[0].inode == st.st_ino && check.batch.identities[0].size == 1 &&
	   check.batch.identities[0].mtime_ns ==
	   (int64_t) st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec, "the file's identity");
	release(&check, &request);
}

static void
test_root_swapped(void)
{
	const char *top = make_tree();
	MpRequest	request;
	MpCheck		check;

	ask(top, &request);
	mp_check_open(&check, &request, NULL);
	swap(top, "root", "spare");
	judge(&check);
	is(verdict_of(&check, "a.jpg"), MP_PRESENT, "the pinned root is looked at, not its path");
	finish(&check);
	is(check.guard.report.verdict, MP_UNREACHABLE, "a root swapped during the batch voids it");
	is(check.guard.report.reason, MP_ROOT_CHANGED, "and says why");
	release(&check, &request);
}

static void
test_root_gone(void)
{
	const char *top = make_tree();
	MpRequest	request;
	MpCheck		check;
	MpWriter	w;
	MpReader	r;
	MpRootReport report;

	ask(top, &request);
	mp_check_open(&check, &request, NULL);
	judge(&check);
	if (rename(fixture_path(top, "root"), fixture_path(top, "moved")) != 0)
		bail("rename");
	finish(&check);
	is(check.guard.report.reason, MP_ROOT_CHANGED, "a root renamed away during the batch");
	mp_write_start(&w);
	mp_check_write(&check, &w);
	mp_read_start(&r, w.data, w.length);
	mp_read_root_report(&r, &report);
	ok(mp_read_u32(&r) == 0 && mp_read_u32(&r) == 0 && mp_read_done(&r),
	   "its answer concludes nothing");
	mp_write_free(&w);
	release(&check, &request);
}

static void
test_folder_swapped(void)
{
	const char *top = make_tree();
	MpRequest	request;
	MpCheck		check;

	/* While the names are looked up an empty folder stands in album's place, as under a mount. */
	ask(top, &request);
	mp_check_open(&check, &request, NULL);
	swap(top, "root/album", "spare/album");
	judge(&check);
	is(verdict_of(&check, "a.jpg"), MP_MISSING, "a folder swapped: the file isn't seen");
	swap(top, "root/album", "spare/album");
	finish(&check);
	is(check.guard.report.verdict, MP_PRESENT, "the root held");
	is(verdict_of(&check, "a.jpg"), MP_UNREACHABLE, "but the folder didn't: nothing is missing");
	is(verdict_of(&check, "x.jpg"), MP_UNREACHABLE, "nor below it");
	is(entry_named(&request, "x.jpg")->reason, MP_ROOT_CHANGED, "and it says why");
	release(&check, &request);
}

static void
test_mounts(void)
{
	const char *top = make_tree();
	char	   *root = fixture_path(top, "root");
	char	   *album = fixture_path(top, "root/album");
	MpRequest	request;
	MpCheck		check;

	if (!can_mount("a mount over the root, and one below it"))
		return;
	ask(top, &request);
	mp_check_open(&check, &request, NULL);
	if (mount("none", root, "tmpfs", 0, NULL) != 0)
		bail("mount");
	judge(&check);
	is(verdict_of(&check, "a.jpg"), MP_PRESENT, "under a new mount the pinned root is still seen");
	finish(&check);
	is(check.guard.report.reason, MP_ROOT_CHANGED, "a mount over the root voids the batch");
	release(&check, &request);
	is(umount(root), 0, "no handle keeps the mount busy");

	ask(top, &request);
	mp_check_open(&check, &request, NULL);
	if (mount("none", album, "tmpfs", 0, NULL) != 0)
		bail("mount");
	judge(&check);
	is(verdict_of(&check, "a.jpg"), MP_MISSING, "a mount over a folder hides its files");
	umount(album);
	finish(&check);
	is(verdict_of(&check, "a.jpg"), MP_UNREACHABLE, "when it goes within the batch they count not");
	release(&check, &request);
}

/* The same folder mounted on itself: device and inode are alike, the mount isn't. */
static void
test_bind_mount(void)
{
	const char *top = make_tree();
	char	   *root = fixture_path(top, "root");
	MpRequest	request;
	MpCheck		check;

	if (!can_mount("the same folder mounted anew"))
		return;
	ask(top, &request);
	mp_check_open(&check, &request, NULL);
	judge(&check);
	if (mount(root, root, NULL, MS_BIND, NULL) != 0)
		bail("mount");
	finish(&check);
	is(check.guard.report.reason, MP_ROOT_CHANGED, "the same folder mounted anew is another root");
	umount(root);
	release(&check, &request);
}

static void
test_shortage(void)
{
	const char *top = make_tree();
	struct rlimit old;
	struct rlimit few;
	MpRequest	request;
	MpCheck		check;
	int			first;

	ask(top, &request);
	getrlimit(RLIMIT_NOFILE, &old);
	first = open("/dev/null", O_RDONLY);
	close(first);
	/* Needed are the root, the folder reached, and the next one below it. */
	for (int spare = 0; spare <= 3; spare++)
	{
		few = old;
		few.rlim_cur = (rlim_t) (first + spare);
		setrlimit(RLIMIT_NOFILE, &few);
		run_check(&check, &request);
		is(check.shortage, spare < 3 ? EMFILE : 0, "with %d descriptors to spare", spare);
		setrlimit(RLIMIT_NOFILE, &old);
		mp_check_close(&check);
	}
	mp_request_free(&request);
}

static void
test_permission(void)
{
	const char *top = make_tree();
	char	   *album = fixture_path(top, "root/album");
	MpRequest	request;
	MpCheck		check;

	if (geteuid() == 0)
	{
		skip("root may look everywhere", "folders that can't be read or searched");
		return;
	}
	chmod(album, 0);
	ask(top, &request);
	run_check(&check, &request);
	is(entry_named(&request, "a.jpg")->reason, MP_NO_PERMISSION, "a folder closed to us");
	is(verdict_of(&check, "gone.jpg"), MP_UNREACHABLE, "a doubt about all that is in it");
	release(&check, &request);
	chmod(album, 0100);
	ask(top, &request);
	run_check(&check, &request);
	is(verdict_of(&check, "a.jpg"), MP_PRESENT, "a folder that can be searched but not listed");
	is(verdict_of(&check, "gone.jpg"), MP_MISSING, "tells what isn't there");
	release(&check, &request);
	chmod(album, 0700);
}

static void
count_answer(void *owner, uint64_t request, size_t length, MpWriter *answer)
{
	(void) request;
	(void) length;
	if (answer->data[5] == MP_CHECK)
		atomic_fetch_add((atomic_int *) owner, 1);
	mp_write_free(answer);
}

/* All of it over the pool: for the thread sanitizer. */
static void
test_dispatched(void)
{
	const char *top = make_tree();
	atomic_int	answers = 0;
	MpWorkers	workers;
	MpDispatch	dispatch = {.workers = &workers, .answer = count_answer, .owner = &answers};

	mp_workers_start(&workers, 4);
	for (int i = 0; i < 20; i++)
	{
		MpRequest	request;
		Ask			a;

		ask_check(&a, fixture_path(top, "root"), 0, NULL);
		for (int d = 0; d < 50; d++)
		{
			ask_directory(&a, d % 2 == 0 ? "album" : "nowhere");
			for (int n = 0; n < 10; n++)
				ask_name(&a, n % 2 == 0 ? "a.jpg" : "gone.jpg", n % 3 == 0);
		}
		ask_parse(&a, &request);
		mp_dispatch(&dispatch, &request);
	}
	mp_workers_stop(&workers);
	is(answers, 20, "twenty checks on the pool, twenty answers");
}

static void
test_descriptors(int expected)
{
	int			fd = open("/dev/null", O_RDONLY);

	is(fd, expected, "no descriptor was left open");
	close(fd);
}

int
main(void)
{
	int			fd = open("/dev/null", O_RDONLY);

	close(fd);
	mp_confine_start();
	test_undisturbed();
	test_root_swapped();
	test_root_gone();
	test_folder_swapped();
	test_shortage();
	test_permission();
	test_dispatched();
	test_mounts();
	test_bind_mount();
	test_descriptors(fd);
	return done();
}
