/*
 * owner_rights.h: acting as the extension's owner for a moment.
 *
 * The extension's own tables are written by its owner and by nobody else; the library's tables are
 * read and written with the caller's own rights.  Between begin and end only functions of schema
 * missing_photos that touch the extension's own tables may be called, never anything of the
 * library: a trigger or operator of a user's would run as the owner.  An error in between restores
 * everything with the (sub)transaction.
 */
#ifndef MISSING_PHOTOS_OWNER_RIGHTS_H
#define MISSING_PHOTOS_OWNER_RIGHTS_H

typedef struct OwnerRights
{
	Oid			caller;
	int			context;
	int			settings;
} OwnerRights;

extern void owner_rights_begin(OwnerRights *saved);
extern void owner_rights_end(const OwnerRights *saved);

#endif							/* MISSING_PHOTOS_OWNER_RIGHTS_H */
