# The file system that fails on command, for tests only: `make build/faultfs`.

build/faultfs: test/fuse/faultfs.c test/fuse/faults.c test/fuse/control.c test/fuse/faults.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -pthread $$(pkg-config --cflags fuse3) \
		-o $@ $(filter %.c,$^) $$(pkg-config --libs fuse3)
