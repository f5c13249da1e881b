# muster: one Makefile, no recursion. `make help` lists the targets.
#
# Every room (a folder of DESIGN's tree) becomes an archive of its own, and a room's unit tests link only that room and
# those below it: an arrow in the wrong direction fails to link before lint sees it.

PREFIX      ?= /usr/local
DESTDIR     ?=
ifeq ($(origin CC),default)
CC          := gcc
endif
VARIANT     ?= release
BUILD       ?= build$(if $(filter-out release,$(VARIANT)),-$(VARIANT))
VERSION     := 0.1.0
# `make V=1` shows the commands.
V           ?= 0
Q           := $(if $(filter 0,$(V)),@)

PACKAGES    := glib-2.0 jansson yaml-0.1 sqlite3 libmicrohttpd libcurl libcrypto libgit2 gpgme expat
DEBIAN_DEPS := gcc make pkg-config perl sqlite3 strace curl tmux groff-base libglib2.0-dev libjansson-dev libyaml-dev libsqlite3-dev libmicrohttpd-dev \
               libcurl4-openssl-dev libssl-dev libgit2-dev libgpgme-dev libexpat1-dev gnupg git openssl openssh-client openssh-server \
               lighttpd lighttpd-mod-openssl python3 python3-botocore python3-yaml docker.io podman runc busybox-static chromium
LINT_DEPS   := clang clang-format cppcheck libclang-rt-14-dev valgrind zsh fish jq
BENCH_DEPS  := coinor-cbc
# The one program of Debian's prometheus that tests want (19 MB to fetch, 48 MB there): the package would start a server and bring a web page's libraries.
UNPACK_PROMTOOL = unpack=$$(mktemp -d) && cd $$unpack && apt-get download -q prometheus && dpkg-deb --fsys-tarfile prometheus_*.deb | tar -xO ./usr/bin/promtool >promtool && \
                  $(SUDO) install -m755 promtool /usr/local/bin/promtool; rm -rf "$$unpack"
# What judges the web page in a browser: two packages, by their lock file. Where there is an npm that is not Debian's, it stays.
WEB_TEST = { command -v npm >/dev/null || DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -q --no-install-recommends nodejs npm; } && \
           cd tests/support/web && npm ci --no-audit --no-fund
# The AWS SDK for JavaScript, for tests/e2e/batch_js.t: of the versions in the lock, without running anything of theirs. Where it cannot be had that test is skipped.
INSTALL_JS = { command -v npm >/dev/null || DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -q --no-install-recommends nodejs npm; } && \
             { cd tests/support/js && npm ci --ignore-scripts --no-audit --no-fund; } || echo 'make: the AWS SDK for JavaScript cannot be installed; tests/e2e/batch_js.t will be skipped' >&2
# What nothing can be compiled without; and what `make test` and `make demo` install besides when it is not there.
NO_LIBS     := $(shell { command -v $(firstword $(CC)) && command -v pkg-config && pkg-config --exists $(PACKAGES); } >/dev/null 2>&1 || echo yes)
MISSING     := $(or $(NO_LIBS),$(shell { PATH=$$PATH:/usr/sbin; command -v prove && command -v strace && command -v curl && command -v git && \
               command -v sshd && command -v ssh-keygen && command -v gpg && command -v lighttpd && command -v openssl; } >/dev/null 2>&1 || echo yes))

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
            -Wwrite-strings
WERROR   ?= -Werror
CFLAGS_release  := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fPIE
LDFLAGS_release := -pie -Wl,-z,relro,-z,now
CFLAGS_asan     := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -DARENA_MALLOC
LDFLAGS_asan    := -fsanitize=address,undefined
CFLAGS_valgrind := -O1 -g -DARENA_MALLOC -DPATTERN_NO_JIT
CFLAGS_fuzz     := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -DARENA_MALLOC
LDFLAGS_fuzz    := -fsanitize=address,undefined

ifneq ($(NO_LIBS),yes)
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES))
PKG_LIBS   := $(shell pkg-config --libs $(PACKAGES))
endif
override CPPFLAGS += -I. -D_GNU_SOURCE -DMUSTER_VERSION='"$(VERSION)"'
override CFLAGS   += -std=gnu17 -ffp-contract=off $(WARNINGS) $(WERROR) $(CFLAGS_$(VARIANT)) $(PKG_CFLAGS)
override LDFLAGS  += $(LDFLAGS_$(VARIANT))
LIBS     := $(PKG_LIBS) -pthread -lm

# ---- rooms, lowest first -----------------------------------------------------------------------------------------
ROOMS := base spec world source plan schedule scale forecast store notify provider simulated http program aws docker api web cli engine
DIR_base     := spec/base
DIR_spec     := spec
DIR_world    := reconciler/world
DIR_source   := reconciler/source
DIR_plan     := reconciler/plan
DIR_schedule := reconciler/schedule
DIR_scale    := reconciler/scale
DIR_forecast := reconciler/forecast
DIR_store    := reconciler/store
DIR_notify   := reconciler/notify
DIR_provider := reconciler/provider/local
DIR_simulated := reconciler/provider/simulated
DIR_http     := reconciler/provider/http
DIR_program  := reconciler/provider/program
DIR_aws      := reconciler/provider/aws
DIR_docker   := reconciler/provider/docker
DIR_api      := reconciler/api
DIR_web      := reconciler/api/web
DIR_cli      := reconciler/cli
DIR_engine   := reconciler
# What a room's tests may link: itself, then what lies below it (order of linking: users before what they use).
LINK_base     := base
LINK_spec     := spec base
LINK_world    := world spec base
LINK_source   := source spec base
LINK_plan     := plan world spec base
LINK_scale    := scale world spec base
LINK_schedule := schedule scale world spec base
LINK_forecast := forecast schedule scale world spec base
LINK_store    := store world spec base
LINK_notify   := notify store source world spec base
LINK_provider := provider base
LINK_simulated := simulated spec base
LINK_http     := http spec base
LINK_program  := program base
LINK_aws      := aws http program spec base
LINK_docker   := docker http program spec base
LINK_api      := api plan schedule scale store source provider world spec base
LINK_web      := web api plan schedule scale store source provider world spec base
LINK_cli      := cli api notify forecast plan schedule scale store source provider world spec base
LINK_engine   := engine web api cli notify forecast plan schedule scale store source provider simulated aws docker http program world spec base

sources = $(filter-out %_main.c reconciler/main.c,$(wildcard $(DIR_$(1))/*.c))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(call sources,$(1)))
archives = $(foreach room,$(LINK_$(1)),$(BUILD)/lib/lib$(room).a)

LAUNCHER_SOURCES := $(wildcard reconciler/provider/local/launcher_*.c)
ALL_SOURCES := $(foreach room,$(ROOMS),$(call sources,$(room))) $(wildcard reconciler/main.c) reconciler/provider/local/launcher_main.c

UNIT_TESTS     := $(wildcard tests/unit/*/*_test.c)
PROPERTY_TESTS := $(wildcard tests/property/*/*_test.c)
FAULT_TESTS    := $(wildcard tests/fault/*/*_test.c)
C_TESTS        := $(UNIT_TESTS) $(PROPERTY_TESTS) $(FAULT_TESTS)
C_TEST_BINS    := $(patsubst %.c,$(BUILD)/%,$(C_TESTS))
SIMULATION_BINS := $(BUILD)/tests/simulation/simulation $(patsubst %.c,$(BUILD)/%,$(wildcard tests/simulation/*_test.c))
FUZZ_TARGETS   := $(wildcard tests/fuzz/*_fuzz.c)
FUZZ_REPLAYS   := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%_replay,$(FUZZ_TARGETS))
SCRIPT_TESTS   := $(sort $(wildcard tests/e2e/*.t) $(wildcard tests/golden/*.t) $(wildcard tests/fault/*.t))
# What runs nothing of ours that sanitizers could judge, or what others of aws_*.t run, too.
ASAN_SCRIPTS   := $(filter-out tests/e2e/aws_double%.t tests/e2e/aws_examples.t tests/e2e/aws_faults.t tests/e2e/deploy%.t,$(SCRIPT_TESTS))
SUPPORT        := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/support/*.c))

.PHONY: all demo test simulate simulate-same check-asan check-valgrind lint format fuzz bench golden deps deps-lint deps-bench help \
        install uninstall clean reference man compile-commands
.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:

all: $(BUILD)/muster $(BUILD)/muster-launcher $(if $(filter release,$(VARIANT)),compile_commands.json) ## build the program (build/muster) and its launcher

# ---- dependencies ------------------------------------------------------------------------------------------------
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
deps: ## install the Debian packages that building and testing need (root or sudo)
	$(SUDO) apt-get update -q
	DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -q --no-install-recommends $(DEBIAN_DEPS)
	@$(WEB_TEST)
	@$(INSTALL_JS)
deps-lint: ## install these and what lint, fuzz, check-valgrind, the completion tests and those of examples/ci need
	$(SUDO) apt-get update -q
	DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -q --no-install-recommends $(DEBIAN_DEPS) $(LINT_DEPS)
	@$(WEB_TEST)
	@$(INSTALL_JS)
	@command -v promtool >/dev/null || { $(UNPACK_PROMTOOL); }
deps-bench: ## install what `make bench` needs besides: a solver of integer programmes, for one section
	$(SUDO) apt-get update -q
	DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -q --no-install-recommends $(DEBIAN_DEPS) $(BENCH_DEPS)

# A first run on a bare machine installs what is missing and starts again, since pkg-config's answers are read above.
ifeq ($(MISSING),yes)
demo test check-asan check-valgrind: deps
	+@$(MAKE) $@ MISSING=no
else
demo: all ## plan and apply an example with real jobs; ends with the path of its result
	@tools/demo

test: all $(C_TEST_BINS) $(SIMULATION_BINS) $(FUZZ_REPLAYS) ## unit, property, fault, golden, fuzz corpus and end-to-end tests
	@BUILD=$(BUILD) tools/run-tests $(C_TEST_BINS) $(SIMULATION_BINS) $(FUZZ_REPLAYS) $(SCRIPT_TESTS)

check-asan: ## the C tests and the end-to-end tests under AddressSanitizer and UndefinedBehaviorSanitizer
	+@$(MAKE) VARIANT=asan asan-run
.PHONY: asan-run
asan-run: all $(C_TEST_BINS) $(SIMULATION_BINS) $(FUZZ_REPLAYS)
	@BUILD=$(BUILD) MUSTER_TEST_VARIANT=asan G_SLICE=always-malloc tools/run-tests $(C_TEST_BINS) $(SIMULATION_BINS) $(FUZZ_REPLAYS) $(ASAN_SCRIPTS)

# Of Debian 12's valgrind: it knows no pidfd_open, without which no launcher runs and no git is waited for, and takes mount() without a type for a fault.
VALGRIND_TESTS := $(filter-out tests/unit/provider/local_test.c tests/unit/source/repo_test.c tests/unit/source/helper_test.c,$(UNIT_TESTS) $(PROPERTY_TESTS))
VALGRIND_BINS  := $(patsubst %.c,$(BUILD)/%,$(VALGRIND_TESTS))
check-valgrind: ## the unit and property tests under valgrind's memcheck
	@command -v valgrind >/dev/null || { echo 'make: valgrind is missing; `make deps-lint` installs it' >&2; exit 1; }
	+@$(MAKE) VARIANT=valgrind valgrind-run
.PHONY: valgrind-run
valgrind-run: all $(VALGRIND_BINS)
	@BUILD=$(BUILD) MUSTER_SEEDS=$${MUSTER_SEEDS:-5} MUSTER_TEST_VARIANT=valgrind G_SLICE=always-malloc tools/run-tests $(VALGRIND_BINS)
endif

# ---- compiling ---------------------------------------------------------------------------------------------------
.PHONY: no-libs
no-libs:
	@echo 'make: the compiler or a library is missing; `make deps` installs them (as root, or through sudo)' >&2; exit 1
$(BUILD)/obj/%.o: %.c | $(if $(NO_LIBS),no-libs)
	@mkdir -p $(@D)
	$(if $(Q),@echo '  CC    $<')
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MF $(@:.o=.d) -c $< -o $@
$(BUILD)/obj/spec/kinds.o: $(wildcard schemas/*.json)
$(BUILD)/obj/reconciler/scale/catalogue.o: $(wildcard reconciler/scale/*.csv)
$(BUILD)/obj/reconciler/api/web/web_assets.o: $(wildcard reconciler/api/web/assets/*)
$(BUILD)/obj/reconciler/provider/aws/doctor_policy.o: deploy/aws/policy.json

define room_archive
$(BUILD)/lib/lib$(1).a: $$(call objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$(Q)ar rcsD $$@ $$^
endef
$(foreach room,$(ROOMS),$(eval $(call room_archive,$(room))))

$(BUILD)/muster: $(BUILD)/obj/reconciler/main.o $(foreach room,$(LINK_engine),$(BUILD)/lib/lib$(room).a)
	$(if $(Q),@echo '  LINK  $@')
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(BUILD)/obj/reconciler/main.o -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS)

# The launcher holds no GLib and no other room: it must stay small, single-threaded and able to outlive upgrades.
$(BUILD)/muster-launcher: $(patsubst %.c,$(BUILD)/obj/%.o,$(LAUNCHER_SOURCES))
	$(if $(Q),@echo '  LINK  $@')
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

# tests/KIND/ROOM/NAME_test.c links ROOM and what is below it.
test_room = $(word 3,$(subst /, ,$(1)))
define c_test
$(BUILD)/$(1:.c=): $(BUILD)/obj/$(1:.c=.o) $(SUPPORT_$(call test_room,$(1))) $(call archives,$(call test_room,$(1)))
	@mkdir -p $$(@D)
	$(if $(Q),@echo '  LINK  $$@')
	$(Q)$$(CC) $$(CFLAGS) $$(LDFLAGS) -o $$@ $(BUILD)/obj/$(1:.c=.o) $(SUPPORT_$(call test_room,$(1))) -Wl,--start-group $(call archives,$(call test_room,$(1))) -Wl,--end-group $$(LIBS)
endef
$(foreach test,$(C_TESTS),$(eval $(call c_test,$(test))))

# ---- whole systems in virtual time: tests/simulation/ is one program; NAME_test.c beside it stand alone
SIMULATION_SOURCES := $(filter-out %_test.c,$(wildcard tests/simulation/*.c))
$(BUILD)/tests/simulation/simulation: $(patsubst %.c,$(BUILD)/obj/%.o,$(SIMULATION_SOURCES)) $(foreach room,$(LINK_engine),$(BUILD)/lib/lib$(room).a)
	@mkdir -p $(@D)
	$(if $(Q),@echo '  LINK  $@')
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS)
$(BUILD)/tests/simulation/%_test: $(BUILD)/obj/tests/simulation/%_test.o $(foreach room,$(LINK_engine),$(BUILD)/lib/lib$(room).a)
	@mkdir -p $(@D)
	$(if $(Q),@echo '  LINK  $@')
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--as-needed -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS)
SEEDS ?= 1000
simulate: $(BUILD)/tests/simulation/simulation ## run SEEDS (1000) simulated systems with faults, or the one of SEED=
	@$(if $(SEED),SIMULATION_LOG=1 $< $(SEED),MUSTER_SEEDS=$(SEEDS) $< -p /simulation/seeds)

# Equal seeds give equal logs on every compiler, with and without sanitizers.
SAME_SEEDS := $(shell seq 1 20)
simulate-same: $(BUILD)/tests/simulation/simulation ## compare the simulation's logs between gcc, the sanitizers and clang
	+@$(MAKE) VARIANT=asan BUILD=build-asan build-asan/tests/simulation/simulation
	+@! command -v clang >/dev/null || $(MAKE) CC=clang BUILD=build-clang build-clang/tests/simulation/simulation
	@$< $(SAME_SEEDS) > $(BUILD)/digests
	@for other in build-asan build-clang; do [ ! -x $$other/tests/simulation/simulation ] || \
	  $$other/tests/simulation/simulation $(SAME_SEEDS) | diff $(BUILD)/digests - || exit 1; done; echo 'the logs of $(words $(SAME_SEEDS)) seeds are equal'

# ---- fuzzing: tests/fuzz/NAME_fuzz.c defines LLVMFuzzerTestOneInput; tests/fuzz/corpus/NAME/ is replayed by `make test`
$(BUILD)/tests/fuzz/%_replay: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/support/fuzz_replay.o $(foreach room,$(LINK_engine),$(BUILD)/lib/lib$(room).a)
	@mkdir -p $(@D)
	$(if $(Q),@echo '  LINK  $@')
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS)
$(BUILD)/tests/fuzz/%_fuzz: $(BUILD)/obj/tests/fuzz/%_fuzz.o $(foreach room,$(LINK_engine),$(BUILD)/lib/lib$(room).a)
	@mkdir -p $(@D)
	$(if $(Q),@echo '  LINK  $@')
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS)
FUZZ_SECONDS ?= 60
fuzz: ## run every fuzz target for FUZZ_SECONDS (60) with clang's libFuzzer; `make deps-lint` installs what it needs
	+@$(MAKE) VARIANT=fuzz CC=clang fuzz-run
.PHONY: fuzz-run
fuzz-run: $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(FUZZ_TARGETS))
	@for target in $^; do name=$$(basename $$target _fuzz); echo "== $$name"; mkdir -p $(BUILD)/corpus/$$name tests/fuzz/corpus/$$name; \
	  dict=; [ ! -e tests/fuzz/$$name.dict ] || dict=-dict=tests/fuzz/$$name.dict; \
	  $$target -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -artifact_prefix=$(BUILD)/ -print_final_stats=1 $$dict \
	    $(BUILD)/corpus/$$name tests/fuzz/corpus/$$name || exit 1; done

# ---- checks, documents, installation -----------------------------------------------------------------------------
lint: ## format, warnings under gcc and clang, cppcheck, direction of includes, banned calls
	@BUILD=$(BUILD) tools/lint

format: ## rewrite the sources by .clang-format
	clang-format -i $(shell git ls-files '*.c' '*.h')

BENCH_BINS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/*_bench.c))
$(BUILD)/tests/bench/%_bench: $(BUILD)/obj/tests/bench/%_bench.o $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/bench/generate*.c)) \
    $(foreach room,$(LINK_engine),$(BUILD)/lib/lib$(room).a)
	@mkdir -p $(@D)
	$(if $(Q),@echo '  LINK  $@')
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS)
$(BUILD)/tests/bench/stamp: tests/bench/stamp.c
	@mkdir -p $(@D)
	$(CC) -O2 -static -o $@ $<
bench: all $(BENCH_BINS) $(BUILD)/tests/bench/stamp ## measure; prints the tables of docs/performance.md
	@BUILD=$(BUILD) tools/bench

golden: all ## rewrite the expected outputs under tests/golden; read the diff before committing
	@BUILD=$(BUILD) MUSTER_GOLDEN=write prove tests/golden/*.t

reference: all ## write docs/reference/ from the schemas
	@tools/reference $(BUILD)/muster docs/reference

man: all ## write docs/man/ from the commands' help
	@tools/man $(BUILD)/muster docs/man

compile-commands: compile_commands.json ## how each source is compiled, for editors and clang's tools
TEST_SOURCES := $(wildcard tests/*/*.c tests/*/*/*_test.c)
compile_commands.json: Makefile $(ALL_SOURCES) $(TEST_SOURCES)
	@{ echo '['; sep=; for f in $(ALL_SOURCES) $(TEST_SOURCES); do printf '%s{"directory":"%s","file":"%s","command":"%s -c %s"}\n' "$$sep" '$(CURDIR)' "$$f" \
	  '$(subst ','\'',$(subst ",\",$(CC) $(CPPFLAGS) $(CFLAGS)))' "$$f"; sep=,; done; echo ']'; } > $@

# What is installed, below $(DESTDIR)$(PREFIX); uninstall removes these and nothing else. No path is compiled into the program: it
# finds its launcher in the libexec of the prefix that it runs from.
MAN_PAGES   := $(notdir $(wildcard docs/man/*.[1-8]))
COMPLETIONS := share/bash-completion/completions/muster share/zsh/site-functions/_muster share/fish/vendor_completions.d/muster.fish
UNIT        := lib/systemd/system/muster.service
INSTALLED   := bin/muster libexec/muster/muster-launcher $(UNIT) $(COMPLETIONS) $(foreach page,$(MAN_PAGES),share/man/man$(patsubst .%,%,$(suffix $(page)))/$(page))
PLACE       := $(DESTDIR)$(PREFIX)

install: all ## install under $(DESTDIR)$(PREFIX)
	install -Dm755 $(BUILD)/muster $(PLACE)/bin/muster
	install -Dm755 $(BUILD)/muster-launcher $(PLACE)/libexec/muster/muster-launcher
	@for page in $(MAN_PAGES); do echo "install -Dm644 docs/man/$$page"; \
	  install -Dm644 docs/man/$$page $(PLACE)/share/man/man$${page##*.}/$$page || exit 1; done
	@for file in $(COMPLETIONS); do case $$file in *bash*) shell=bash ;; *zsh*) shell=zsh ;; *) shell=fish ;; esac; \
	  echo "muster completion $$shell > $$file"; \
	  $(BUILD)/muster completion $$shell > $(BUILD)/completion && install -Dm644 $(BUILD)/completion $(PLACE)/$$file || exit 1; done
	sed 's,/usr/local/,$(PREFIX)/,g' docs/muster.service > $(BUILD)/muster.service
	install -Dm644 $(BUILD)/muster.service $(PLACE)/$(UNIT)

uninstall: ## remove what install put there
	rm -f $(addprefix $(PLACE)/,$(INSTALLED))
	[ ! -d $(PLACE)/libexec/muster ] || rmdir --ignore-fail-on-non-empty $(PLACE)/libexec/muster

clean: ## remove what was built
	rm -rf build build-asan build-valgrind build-fuzz build-clang compile_commands.json

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
