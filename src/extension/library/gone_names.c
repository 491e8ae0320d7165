/* gone_names.c: names of missing files by folder; see gone_names.h. */
#include "postgres.h"

#include "gone_names.h"

bool
gone_names_fold(char *key, const char *name, size_t length)
{
	while (length > 0 && name[length - 1] == ' ')
		length--;
	for (size_t i = 0; i < length; i++)
	{
		if (IS_HIGHBIT_SET(name[i]))
			return false;
		key[i] = pg_ascii_tolower((unsigned char) name[i]);
	}
	key[length] = '\0';
	return true;
}

static int
compare_gone(const void *left, const void *right)
{
	const GoneName *a = left;
	const GoneName *b = right;
	int			order = memcmp(a->path, b->path, Min(a->folder_length, b->folder_length));

	if (order != 0)
		return order;
	if (a->folder_length != b->folder_length)
		return a->folder_length < b->folder_length ? -1 : 1;
	if (a->key == NULL || b->key == NULL)
		return (a->key == NULL) - (b->key == NULL);
	return strcmp(a->key, b->key);
}

static bool
is_same_folder(const GoneName *a, const GoneName *b)
{
	return a->folder_length == b->folder_length && memcmp(a->path, b->path, a->folder_length) == 0;
}

void
gone_names_start(GoneNames *names, int most)
{
	names->list = palloc((most + 1) * sizeof(GoneName));
	names->n = 0;
}

void
gone_names_add(GoneNames *names, int row, const char *path, size_t length)
{
	GoneName   *gone = &names->list[names->n++];
	char	   *key;

	*gone = (GoneName) {.row = row, .path = path, .folder_length = length};
	while (gone->folder_length > 0 && path[--gone->folder_length] != '/')
		;
	gone->name = path + gone->folder_length + 1;
	gone->length = length - gone->folder_length - 1;
	key = palloc(gone->length + 1);
	if (gone_names_fold(key, gone->name, gone->length))
		gone->key = key;
}

void
gone_names_sort(GoneNames *names)
{
	qsort(names->list, names->n, sizeof(GoneName), compare_gone);
}

GoneSpan
gone_names_folder(const GoneNames *names, int first)
{
	GoneSpan	folder = {first, 0};

	while (first + folder.n < names->n &&
		   is_same_folder(&names->list[first], &names->list[first + folder.n]))
		folder.n++;
	return folder;
}

int
gone_names_find(const GoneNames *names, GoneSpan folder, const char *key)
{
	int			low = folder.first;
	int			high = folder.first + folder.n;

	while (low < high)
	{
		int			middle = (low + high) / 2;
		const char *here = names->list[middle].key;

		if (here != NULL && strcmp(here, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
