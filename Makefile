# missing_photos: how it is built.
#
#   make            the server's module, the probe and the install script
#   make install    into the server that PG_CONFIG names (DESTDIR works)
#   make check      everything on a bare machine: packages, build, throwaway server, all suites
#   make demo       a short story on a throwaway server
#   make bench      the figures; make check-long: the slow suites
#   make check-package   builds the Debian package, installs, tests and removes it
#   make check-docker    builds the container images and runs them
#   make dist       a PGXN archive
#   make freeze     keeps the install script of this version as released (sql/releases)
#
# The version stands in missing_photos.control alone.

.DEFAULT_GOAL := all
HARNESS_GOALS := check check-long check-package check-docker demo bench

ifneq ($(filter $(HARNESS_GOALS),$(MAKECMDGOALS)),)

# These work where no PostgreSQL is installed yet, so nothing of PGXS may be needed to read them:
# test/run installs what is missing and calls make again.
OTHER_GOALS := $(filter-out $(HARNESS_GOALS),$(MAKECMDGOALS))

.PHONY: $(HARNESS_GOALS) $(OTHER_GOALS)
.NOTPARALLEL:
$(HARNESS_GOALS): ; +@test/run $@
ifneq ($(OTHER_GOALS),)
$(OTHER_GOALS): ; +@$(MAKE) --no-print-directory $@
endif

else

EXTENSION = missing_photos
MODULE_big = missing_photos
PROBE = missing_photos_probe
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" missing_photos.control)

# Module: the extension and its side of the protocol.  The probe has objects of its own (probe.mk).
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/extension/*.c src/extension/*/*.c src/protocol/*.c)))

# Install script: parts joined in this order, paths from the top of the tree.
-include sql/internal/parts.mk sql/library/parts.mk sql/surface/parts.mk
SQL_PARTS = $(SQL_INTERNAL) $(SQL_LIBRARY) $(SQL_SURFACE)
SQL_SCRIPT = build/$(EXTENSION)--$(EXTVERSION).sql
DATA = $(sort $(wildcard sql/upgrade/$(EXTENSION)--*--*.sql))
DATA_built = $(SQL_SCRIPT)

# Server headers are system headers here: their warnings aren't ours to mend.  Callbacks have the
# signature the server wants, so an unused parameter says nothing.
PG_CONFIG ?= pg_config
PG_CPPFLAGS = -Isrc $(patsubst %/,-I%,$(wildcard src/extension/*/)) -isystem $(shell $(PG_CONFIG) --includedir-server)
PG_CFLAGS = -Wall -Wextra -Werror -Wno-unused-parameter $(CLANG_CFLAGS)
# The server's own flags may have been chosen for gcc.
CLANG_CFLAGS = $(if $(findstring clang,$(shell $(CC) --version 2>&1)),\
	-Wno-unknown-warning-option -Wno-ignored-optimization-argument)
override autodepend = yes
# Nothing here is called per row from an expression, so there is nothing for the JIT to inline.
override with_llvm = no

REGRESS = $(patsubst test/sql/%.sql,%,$(sort $(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test
ISOLATION = $(patsubst test/isolation/specs/%.spec,%,$(sort $(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test/isolation
TAP_TESTS = 1
PROVE_TESTS = test/t/*.pl
EXTRA_CLEAN = build results regression.diffs regression.out output_iso tmp_check

PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq ($(wildcard $(PGXS)),)
ifeq ($(filter clean distclean dist,$(MAKECMDGOALS)),)
$(error PostgreSQL's build files are missing; on Debian: apt-get install postgresql-server-dev-all, \
or run `make check`, which installs what it needs)
endif
clean distclean: ; rm -rf $(EXTRA_CLEAN) $(OBJS) .deps $(PROBE) $(MODULE_big).so
else
include $(PGXS)
endif

-include src/probe/probe.mk
-include test/tools/tools.mk

all: $(PROBE)

$(SQL_SCRIPT): $(SQL_PARTS) $(wildcard sql/*/parts.mk) missing_photos.control Makefile
	@mkdir -p $(@D)
	@{ printf '%s\n' '\echo Use "CREATE EXTENSION $(EXTENSION)" to load this file. \quit'; \
	   for part in $(SQL_PARTS); do printf '\n-- %s\n\n' "$$part"; cat "$$part" || exit 1; done; \
	} > $@.new
	@mv $@.new $@

# PGXS refuses a program beside MODULE_big, so the probe is installed by hand, beside the module,
# where the module looks for it.
.PHONY: install-probe uninstall-probe clean-probe dist freeze version
install: install-probe
install-probe: $(PROBE) installdirs
	$(MKDIR_P) '$(DESTDIR)$(pkglibdir)'
	$(INSTALL_PROGRAM) $(PROBE) '$(DESTDIR)$(pkglibdir)/'

uninstall: uninstall-probe
uninstall-probe:
	rm -f '$(DESTDIR)$(pkglibdir)/$(PROBE)'

clean: clean-probe
clean-probe:
	rm -f $(PROBE)

version: ; @echo $(EXTVERSION)

# What is released stays as it is: from then on objects change by sql/upgrade alone, and with the
# version. A test compares (test/t/027_releases.pl).
RELEASED = sql/releases/$(notdir $(SQL_SCRIPT))
freeze: $(SQL_SCRIPT)
	@if [ -e $(RELEASED) ] && ! cmp -s $(SQL_SCRIPT) $(RELEASED); then \
		echo "version $(EXTVERSION) is released: raise default_version, and write" \
			"sql/upgrade/$(EXTENSION)--$(EXTVERSION)--NEXT.sql" >&2; exit 1; fi
	@mkdir -p sql/releases
	cp $(SQL_SCRIPT) $(RELEASED)
	cd sql/releases && sha256sum *.sql >SHA256SUMS

# PGXN wants the version in META.json: it is written into the copy that is shipped.
build/META.json: META.json missing_photos.control
	@mkdir -p $(@D)
	sed 's/"version": "control"/"version": "$(EXTVERSION).0"/' META.json >$@
dist: build/META.json
	@mkdir -p build/dist
	git archive --format=tar --prefix=$(EXTENSION)-$(EXTVERSION)/ HEAD | tar -x -C build/dist
	cp build/META.json build/dist/$(EXTENSION)-$(EXTVERSION)/META.json
	cd build/dist && zip -qr ../$(EXTENSION)-$(EXTVERSION).zip $(EXTENSION)-$(EXTVERSION)

endif
