# Programs that only tests use.

# The file system that fails on command.

build/faultfs: test/fuse/faultfs.c test/fuse/faults.c test/fuse/control.c test/fuse/faults.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -pthread $$(pkg-config --cflags fuse3) \
		-o $@ $(filter %.c,$^) $$(pkg-config --libs fuse3)

# Ends a process with a chosen status.
build/exit_with: test/tools/exit_with.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -o $@ $<
