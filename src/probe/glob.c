/*
 * glob.c: a matcher that goes back no further than to the last star.
 *
 * When what follows a star doesn't fit, the star takes one byte more.  An earlier star needn't be
 * tried again: whatever it could give up, the last one can take.
 */
#include <stddef.h>

#include "glob.h"

/* Whether a byte is in the set that begins behind the bracket; *end is behind its other bracket. */
static bool
in_set(const char *set, unsigned char byte, const char **end)
{
	bool		negated = *set == '!' || *set == '^';
	bool		found = false;
	const char *at = set + negated;

	/* A bracket that comes first is one of the set. */
	do
	{
		unsigned char low = (unsigned char) *at;
		unsigned char high = low;

		if (low == '\0')
		{
			*end = NULL;
			return false;
		}
		if (at[1] == '-' && at[2] != ']' && at[2] != '\0')
		{
			high = (unsigned char) at[2];
			at += 2;
		}
		found = found || (low <= byte && byte <= high);
		at++;
	} while (*at != ']');
	*end = at + 1;
	return found != negated;
}

/* Whether the pattern's first element takes the byte; *next is the one behind it. */
static bool
takes(const char *pattern, char byte, const char **next)
{
	const char *end;
	bool		found;

	*next = pattern + 1;
	if (*pattern == '?')
		return true;
	if (*pattern == '[')
	{
		found = in_set(pattern + 1, (unsigned char) byte, &end);
		if (end != NULL)
		{
			*next = end;
			return found;
		}
	}
	else if (*pattern == '\\' && pattern[1] != '\0')
	{
		*next = pattern + 2;
		return pattern[1] == byte;
	}
	return *pattern == byte;
}

bool
mp_glob_matches(const char *pattern, const char *name)
{
	const char *star = NULL;	/* the last one, behind it */
	const char *taken = NULL;	/* what it has taken ends here */

	while (*name != '\0')
	{
		const char *next;

		if (*pattern == '*')
		{
			star = ++pattern;
			taken = name;
		}
		else if (*pattern != '\0' && takes(pattern, *name, &next))
		{
			pattern = next;
			name++;
		}
		else if (star != NULL)
		{
			pattern = star;
			name = ++taken;
		}
		else
			return false;
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
