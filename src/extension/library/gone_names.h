/*
 * gone_names.h: names of missing files by folder, to be compared with the names that are there.
 * Everything lives in the memory context of gone_names_start; paths are the caller's.
 */
#ifndef MISSING_PHOTOS_GONE_NAMES_H
#define MISSING_PHOTOS_GONE_NAMES_H

typedef struct GoneName
{
	int			row;			/* the caller's number */
	const char *path;
	size_t		folder_length;	/* without the slash */
	const char *name;
	size_t		length;
	char	   *key;			/* see gone_names_fold; NULL: not plain ASCII */
} GoneName;

/* By folder, then key, those without a key last. */
typedef struct GoneNames
{
	GoneName   *list;
	int			n;
} GoneNames;

/* Names that follow each other. */
typedef struct GoneSpan
{
	int			first;
	int			n;
} GoneSpan;

extern void gone_names_start(GoneNames *names, int most);
extern void gone_names_add(GoneNames *names, int row, const char *path, size_t length);
extern void gone_names_sort(GoneNames *names);

/* The names of the folder that the name at `first` was in; it is the first of them. */
extern GoneSpan gone_names_folder(const GoneNames *names, int first);

/* The first of a folder whose key is not before this one, or the first without a key. */
extern int	gone_names_find(const GoneNames *names, GoneSpan folder, const char *key);

/*
 * What plain ASCII names have in common that differ in letter case and blanks at the end alone.  The
 * key needs room for length + 1 bytes.  False: not plain ASCII; SQL's twin_key knows.
 */
extern bool gone_names_fold(char *key, const char *name, size_t length);

#endif							/* MISSING_PHOTOS_GONE_NAMES_H */
