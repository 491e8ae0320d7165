/*
 * mountinfo.c: reading /proc/self/mountinfo.
 *
 *     36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
 *     id parent device root point options tags... - type source super-options
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mountinfo.h"
#include "verdict.h"

/* The whole file, malloc'd and NUL-terminated. */
static int
read_text(char **text)
{
	int			fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	size_t		length = 0;
	size_t		room = 0;
	int			tries = 0;
	int			err = 0;

	*text = NULL;
	if (fd < 0)
		return errno;
	for (;;)
	{
		ssize_t		n;

		if (room - length < 4096)
		{
			char	   *more = realloc(*text, room + 65536);

			if (more == NULL)
			{
				err = ENOMEM;
				break;
			}
			*text = more;
			room += 65536;
		}
		n = read(fd, *text + length, room - length - 1);
		if (n < 0 && mp_try_again(&tries))
			continue;
		if (n <= 0)
		{
			err = n < 0 ? errno : 0;
			break;
		}
		length += (size_t) n;
	}
	close(fd);
	if (err == 0)
		(*text)[length] = '\0';
	else
	{
		free(*text);
		*text = NULL;
	}
	return err;
}

static bool
is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* Undoes \040 and the like in place; the result is never longer. */
static void
unescape(char *field)
{
	char	   *to = field;

	for (const char *from = field; *from != '\0';)
	{
		if (from[0] == '\\' && is_octal(from[1]) && is_octal(from[2]) && is_octal(from[3]))
		{
			char		c = (char) (((from[1] - '0') << 6 | (from[2] - '0') << 3 |
									 (from[3] - '0')) & 0xFF);

			/* The kernel escapes no NUL; it would cut the field short. */
			*to++ = c != '\0' ? c : '?';
			from += 4;
		}
		else
			*to++ = *from++;
	}
	*to = '\0';
}

/* The next field of a line, or NULL. */
static char *
next_field(char **line)
{
	char	   *field = *line;
	size_t		n;

	if (field == NULL || *field == '\0')
		return NULL;
	n = strcspn(field, " ");
	*line = field[n] == ' ' ? field + n + 1 : field + n;
	field[n] = '\0';
	return field;
}

static bool
parse_line(char *line, MpMount *mount)
{
	char	   *fields[6];
	char	   *point;
	char	   *type;
	char	   *source;
	char	   *field;
	char	   *end;

	for (int i = 0; i < 6; i++)
	{
		fields[i] = next_field(&line);
		if (fields[i] == NULL)
			return false;
	}
	do
		field = next_field(&line);
	while (field != NULL && strcmp(field, "-") != 0);
	type = next_field(&line);
	source = next_field(&line);
	if (field == NULL || type == NULL || source == NULL)
		return false;
	errno = 0;
	mount->parent = strtoull(fields[1], NULL, 10);
	mount->id = strtoull(fields[0], &end, 10);
	point = fields[4];
	unescape(point);
	unescape(type);
	unescape(source);
	unescape(fields[3]);
	if (errno != 0 || end == fields[0] || *end != '\0' || point[0] != '/')
		return false;
	mount->device = fields[2];
	mount->point = point;
	mount->type = type;
	mount->source = source;
	mount->folder = fields[3];
	return true;
}

bool
mp_mountinfo_next(char **at, MpMount *mount)
{
	while (**at != '\0')
	{
		char	   *line = *at;
		size_t		n = strcspn(line, "\n");

		*at = line[n] == '\n' ? line + n + 1 : line + n;
		line[n] = '\0';
		if (parse_line(line, mount))
			return true;
	}
	return false;
}

int
mp_mountinfo_load(MpMounts *mounts)
{
	size_t		room = 0;
	MpMount		mount;
	int			err;

	memset(mounts, 0, sizeof(*mounts));
	err = read_text(&mounts->text);
	if (err != 0)
		return err;
	for (char *at = mounts->text; mp_mountinfo_next(&at, &mount);)
	{
		if (mounts->n == room)
		{
			MpMount    *list;

			room = room > 0 ? room * 2 : 64;
			list = realloc(mounts->list, room * sizeof(*list));
			if (list == NULL)
			{
				mp_mountinfo_free(mounts);
				return ENOMEM;
			}
			mounts->list = list;
		}
		mounts->list[mounts->n++] = mount;
	}
	return 0;
}

void
mp_mountinfo_free(MpMounts *mounts)
{
	free(mounts->text);
	free(mounts->list);
	memset(mounts, 0, sizeof(*mounts));
}

const char *
mp_mount_below(const char *path, const char *folder)
{
	size_t		n = strlen(folder);

	if (n == 0)
		return NULL;			/* not known */
	if (n == 1)
		n = 0;					/* "/" */
	if (strncmp(path, folder, n) != 0 || path[n] != '/' || path[n + 1] == '\0')
		return NULL;
	return path + n + 1;
}
