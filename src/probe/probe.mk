# probe.mk: builds, tests and fuzzes the probe.  Included by the top Makefile, run from its folder.
#
#     missing_photos_probe    the program
#     check-unit              unit tests: as shipped, under ASan and UBSan, the threads under TSan
#     fuzz                    every fuzzer for FUZZ_SECONDS
#     bench-probe             a CHECK of a big tree, against find
#
# The probe has rules of its own because PGXS would link it with the server's libraries.

PROBE_CC ?= $(CC)
PROBE_CFLAGS ?= -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -O2 -g -pthread
PROBE_LDFLAGS ?= -Wl,-z,relro,-z,now
PROBE_LIBS ?= -lcrypto
PROBE_VERSION ?= $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" missing_photos.control \
	2>/dev/null)
FUZZ_CC ?= clang
FUZZ_SECONDS ?= 60

PROBE_PARTS := $(filter-out src/probe/main.c,$(wildcard src/probe/*.c)) src/protocol/wire.c
PROBE_TOOLS := $(filter-out test/unit/test_% test/unit/bench_% test/unit/faulty%, \
	$(wildcard test/unit/*.c))
PROBE_TESTS := $(patsubst test/unit/%.c,%,$(wildcard test/unit/test_*.c))
PROBE_FUZZERS := $(patsubst test/fuzz/%.c,%,$(wildcard test/fuzz/fuzz_*.c))
# Those that run threads; the others have nothing to show to TSan.
PROBE_TSAN_TESTS := test_workers test_check test_server test_landlock test_watch test_watch_storm

# What test_faults makes fail (test/unit/faulty.c).
PROBE_FAULTY := fsync malloc calloc realloc strdup open openat close read pread write recv send poll statx fstat \
	fstatfs readlink readlinkat fcntl eventfd pthread_create syscall EVP_MD_CTX_new \
	EVP_DigestInit_ex EVP_DigestUpdate EVP_DigestFinal_ex

.PHONY: check-unit check-unit-plain check-unit-asan check-unit-tsan unit-programs fuzz bench-probe

missing_photos_probe: build/probe/plain/missing_photos_probe
	cp -f $< $@

# The rules of one way of building: $(1) its folder, $(2) its compiler, $(3) its flags.
define PROBE_WAY
build/probe/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$(2) $$(PROBE_CFLAGS) $(3) -DMP_PROBE_VERSION='"$$(PROBE_VERSION)"' -MMD -MP -c -o $$@ $$<

build/probe/$(1)/missing_photos_probe: $$(PROBE_PARTS:%.c=build/probe/$(1)/%.o) \
		build/probe/$(1)/src/probe/main.o
	$(2) $$(PROBE_CFLAGS) $(3) $$(PROBE_LDFLAGS) -o $$@ $$^ $$(PROBE_LIBS)

$$(PROBE_TESTS:%=build/probe/$(1)/%) build/probe/$(1)/bench_check \
		build/probe/$(1)/bench_hash: build/probe/$(1)/%: \
		build/probe/$(1)/test/unit/%.o $$(PROBE_PARTS:%.c=build/probe/$(1)/%.o) \
		$$(PROBE_TOOLS:%.c=build/probe/$(1)/%.o)
	$(2) $$(PROBE_CFLAGS) $(3) -o $$@ $$^ $$(PROBE_LIBS)

build/probe/$(1)/test_faults: build/probe/$(1)/test/unit/faulty.o
build/probe/$(1)/test_faults: PROBE_LIBS += $$(PROBE_FAULTY:%=-Wl,--wrap=%)

$$(PROBE_FUZZERS:%=build/probe/$(1)/%): build/probe/$(1)/%: \
		build/probe/$(1)/test/fuzz/%.o $$(PROBE_PARTS:%.c=build/probe/$(1)/%.o)
	$(2) $$(PROBE_CFLAGS) $(3) -o $$@ $$^ $$(PROBE_LIBS)

.SECONDARY: $$(PROBE_TESTS:%=build/probe/$(1)/test/unit/%.o)
-include $$(shell find build/probe/$(1) -name '*.d' 2>/dev/null)
endef

$(eval $(call PROBE_WAY,plain,$(PROBE_CC),))
$(eval $(call PROBE_WAY,asan,$(PROBE_CC),-O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all))
$(eval $(call PROBE_WAY,tsan,$(PROBE_CC),-O1 -fsanitize=thread))
$(eval $(call PROBE_WAY,fuzz,$(FUZZ_CC),-O1 -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all))
$(PROBE_FUZZERS:%=build/probe/fuzz/%): PROBE_LIBS += -fsanitize=fuzzer

# What check-unit runs; it can be built with -j, while the tests run one after another.
unit-programs: $(foreach way,plain asan,$(PROBE_TESTS:%=build/probe/$(way)/%)) \
	$(PROBE_TSAN_TESTS:%=build/probe/tsan/%) \
	$(foreach way,plain asan tsan,build/probe/$(way)/missing_photos_probe)

# The tests find the program to start beside themselves.
check-unit: check-unit-plain check-unit-asan check-unit-tsan

check-unit-plain: $(PROBE_TESTS:%=build/probe/plain/%) build/probe/plain/missing_photos_probe
	prove -e '' $(PROBE_TESTS:%=build/probe/plain/%)

check-unit-asan: $(PROBE_TESTS:%=build/probe/asan/%) build/probe/asan/missing_photos_probe
	prove -e '' $(PROBE_TESTS:%=build/probe/asan/%)

check-unit-tsan: $(PROBE_TSAN_TESTS:%=build/probe/tsan/%) build/probe/tsan/missing_photos_probe
	TSAN_OPTIONS=die_after_fork=0:atexit_sleep_ms=0 \
		prove -e '' $(PROBE_TSAN_TESTS:%=build/probe/tsan/%)

# New inputs go to a folder of their own; the corpus in the repository stays small.
fuzz: $(PROBE_FUZZERS:%=build/probe/fuzz/%)
	for fuzzer in $(PROBE_FUZZERS); do \
		mkdir -p build/probe/found/$$fuzzer; \
		build/probe/fuzz/$$fuzzer -max_total_time=$(FUZZ_SECONDS) -timeout=5 -rss_limit_mb=2048 \
			-verbosity=0 -print_final_stats=1 -artifact_prefix=build/probe/found/$$fuzzer- \
			build/probe/found/$$fuzzer test/fuzz/corpus/$$fuzzer || exit 1; \
	done

bench-probe: build/probe/plain/bench_check build/probe/plain/missing_photos_probe
	build/probe/plain/bench_check build/probe/plain/missing_photos_probe
