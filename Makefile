# danaus. `make run` and `make check` install what is missing, build, and run.
# A room is a folder; each becomes build/lib<room>.a and may use only the rooms listed for it.
BUILD    ?= build
PREFIX   ?= /usr/local
VERSION  := 0.1.0
CC       ?= cc
OPT      ?= -O2
ARCH     ?= -march=native
WARN     := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Werror
CFLAGS   ?= $(OPT) -g $(ARCH)
ALL_CFLAGS = -std=gnu17 $(CFLAGS) $(WARN) -fopenmp -ffp-contract=fast -Isrc -I. -Itests \
             -DDANAUS_VERSION='"$(VERSION)"' -MMD -MP $(SAN)
LDFLAGS_ALL = $(LDFLAGS) $(SAN) -fopenmp

PACKAGES := build-essential pkg-config libjansson-dev libyaml-dev zlib1g-dev libssl-dev \
            libutf8proc-dev libdnnl-dev libavformat-dev libavcodec-dev libavutil-dev \
            libswscale-dev libavfilter-dev libsqlite3-dev libncurses-dev libsixel-dev

# room: folders, rooms it may use (transitively closed, link order), outside libraries
ROOMS := base config format kernels model pipeline store ui train commands
DIRS_base     := src/base
DIRS_config   := src/config
DIRS_format   := src/format
DIRS_kernels  := kernels kernels/cpu
DIRS_model    := src/model
DIRS_pipeline := src/pipeline
DIRS_store    := store
DIRS_ui       := ui ui/graphics
DIRS_train    := src/train
DIRS_commands := src/commands
USES_base     := base
USES_config   := config base
USES_format   := format base
USES_kernels  := kernels base
USES_model    := model config format kernels base
USES_pipeline := pipeline model config format kernels base
USES_store    := store base
USES_ui       := ui config store base
USES_train    := train pipeline model config format kernels base
USES_commands := commands train ui store pipeline model config format kernels base
LIBS_base     := -ljansson -lm
LIBS_config   := -lyaml
LIBS_format   := -lz -lcrypto
LIBS_kernels  := -ldnnl
LIBS_model    := -lutf8proc
LIBS_store    := -lavformat -lavfilter -lavcodec -lswscale -lavutil -lsqlite3
LIBS_ui       := -lsixel

sources = $(foreach d,$(DIRS_$(1)),$(wildcard $(d)/*.c))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(call sources,$(1)))
archives = $(foreach r,$(USES_$(1)),$(BUILD)/lib$(r).a)
libraries = $(foreach r,$(USES_$(1)),$(LIBS_$(r)))

.PHONY: all deps run check check-asan clean
all: $(BUILD)/danaus

define room_rule
$(BUILD)/lib$(1).a: $(call objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	@ar rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$(r))))

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(CFLAGS_$(*F)) -c $< -o $@

$(BUILD)/danaus: $(BUILD)/obj/src/main.o $(call archives,commands)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call libraries,commands)

# Unit tests: tests/<room>/test_*.c links only what its room may use.
define test_rule
TESTS_$(1) := $$(patsubst tests/%.c,$(BUILD)/tests/%,$$(wildcard tests/$(1)/test_*.c))
$$(TESTS_$(1)): $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(call archives,$(1))
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS_ALL) -o $$@ $$^ $(call libraries,$(1)) -lm
UNIT_TESTS += $$(TESTS_$(1))
endef
$(foreach r,$(ROOMS),$(eval $(call test_rule,$(r))))

unit: $(UNIT_TESTS)
	@fail=0; for t in $(UNIT_TESTS); do echo "== $$t"; $$t || fail=1; done; exit $$fail

# one room's unit tests: make test-format
$(foreach r,$(ROOMS),$(eval test-$(r): $$(TESTS_$(r)); @fail=0; for t in $$(TESTS_$(r)); do echo "== $$$$t"; $$$$t || fail=1; done; exit $$$$fail))

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
