/*
 * bench_hash.c: the probe as a service that digests files in one way and no other.
 *
 *     bench_hash WAY --listen SOCKET --root FOLDER        WAY: OpenSSL, AVX2, AVX-512
 *
 * Exits with 3 when this processor hasn't got it.
 */
#include <stdio.h>
#include <string.h>

#include "../../src/probe/confine.h"
#include "../../src/probe/hash.h"
#include "../../src/probe/service.h"

int
main(int argc, char **argv)
{
	const MpMd5Way *way;
	unsigned	number = 0;

	if (argc < 3)
		return 2;
	while ((way = mp_md5_way(number)) != NULL && strcmp(way->name, argv[1]) != 0)
		number++;
	if (way == NULL && strcmp(argv[1], "OpenSSL") != 0)
		return 3;
	mp_hash_force_way(way);
	argv[1] = argv[0];
	mp_confine_start();
	return mp_service_main(argc - 1, argv + 1);
}
