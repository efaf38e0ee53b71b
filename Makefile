# danaus. `make run` and `make check` install what is missing, build, and run.
# A room is a folder; each becomes build/lib<room>.a and may use only the rooms listed for it.
BUILD    ?= build
PREFIX   ?= /usr/local
VERSION  := 0.1.0
.DEFAULT_GOAL := all
CC       ?= cc
OPT      ?= -O2
ARCH     ?= -march=native
WARN     := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wno-psabi -Werror
CFLAGS   ?= $(OPT) -g $(ARCH)
ALL_CFLAGS = -std=gnu17 $(CFLAGS) $(WARN) -fopenmp -ffp-contract=fast -Isrc -I. -Itests \
             -DDANAUS_VERSION='"$(VERSION)"' -DDANAUS_DATADIR='"$(PREFIX)/share/danaus"' -MMD -MP $(SAN)
LDFLAGS_ALL = $(LDFLAGS) $(SAN) -fopenmp

PACKAGES := build-essential pkg-config libjansson-dev libyaml-dev zlib1g-dev libssl-dev \
            libutf8proc-dev libdnnl-dev libavformat-dev libavcodec-dev libavutil-dev \
            libswscale-dev libavfilter-dev libsqlite3-dev libncurses-dev libsixel-dev

# room: folders, rooms it may use (transitively closed, link order), outside libraries
ROOMS := base config format kernels model pipeline store client ui engine train commands
DIRS_base     := src/base
DIRS_config   := src/config
DIRS_format   := src/format
DIRS_kernels  := kernels kernels/cpu
DIRS_model    := src/model
DIRS_pipeline := src/pipeline
DIRS_store    := store
# what the studio may see of the engine is an archive of its own
FILES_client  := $(wildcard src/engine/protocol*.c src/engine/client*.c src/engine/channel.c \
                 src/engine/frame_ring.c src/engine/engine_paths.c)
FILES_engine  := $(filter-out $(FILES_client),$(wildcard src/engine/*.c))
DIRS_ui       := ui ui/graphics ui/studio
DIRS_train    := src/train
DIRS_commands := src/commands
USES_base     := base
USES_config   := config base
USES_format   := format base
USES_kernels  := kernels base
USES_model    := model config format kernels base
USES_pipeline := pipeline model config format kernels base
USES_store    := store base
USES_client   := client base
USES_ui       := ui client config store base
USES_engine   := engine client store pipeline model config format kernels base
USES_train    := train pipeline model config format kernels base
USES_commands := commands train engine ui client store pipeline model config format kernels base
LIBS_base     := -ljansson -lm
LIBS_config   := -lyaml
LIBS_format   := -lz -lcrypto
LIBS_kernels  := -ldnnl
LIBS_model    := -lutf8proc
LIBS_store    := -lavformat -lavfilter -lavcodec -lswscale -lavutil -lsqlite3
LIBS_ui       := -lz -lsixel -lncursesw -ltinfo -lutf8proc

# V=1 shows whole commands.
Q   := $(if $(V),,@)
say  = $(if $(V),,@echo "  $(1)  $(2)")

# CUDA=1 links the CUDA backend (kernels/cuda). By itself only where nvcc and a GPU's driver are.
NVCC      ?= nvcc
CUDA_HOME ?= /usr/local/cuda
CUDA      ?= $(if $(and $(shell command -v $(NVCC)),$(wildcard /proc/driver/nvidia/version)),1,0)
CUDA_ARCHS ?= 80 89 90a 100 120
CUDA_SOURCES := $(wildcard kernels/cuda/*.cu)
NVCC_FLAGS = -std=c++17 -O3 -lineinfo $(foreach a,$(CUDA_ARCHS),-gencode arch=compute_$(a),code=sm_$(a)) \
             -Xcompiler -Wall,-Wextra,-fno-exceptions,-fno-threadsafe-statics --threads 2 -Isrc -I.
CUDA_OBJECTS = $(CUDA_SOURCES:%=$(BUILD)/cuda/%.o)
ifeq ($(CUDA),1)
DIRS_kernels += kernels/cuda
LIBS_kernels += -L$(CUDA_HOME)/lib64 -Wl,-rpath,$(CUDA_HOME)/lib64 -lcublasLt -lcudart_static -lpthread -ldl -lrt
EXTRA_kernels = $(CUDA_OBJECTS)
endif

# The catalog's schema: each store/migrations/NNNN_what.sql becomes a string in a table.
MIGRATIONS := $(sort $(wildcard store/migrations/*.sql))
EXTRA_store = $(BUILD)/obj/gen/migrations.o
$(BUILD)/gen/migrations.c: $(MIGRATIONS) Makefile
	@mkdir -p $(@D)
	@{ echo '#include "store/catalog_internal.h"'; echo 'const struct migration catalog_migrations[] = {'; \
	for f in $(MIGRATIONS); do n=$$(basename $$f .sql); \
	    echo "{1$${n%%_*} - 10000, \"$$n\","; sed 's/\\/\\\\/g; s/"/\\"/g; s/.*/"&\\n"/' $$f; echo '},'; done; \
	echo '{0, NULL, NULL}};'; } > $@
$(BUILD)/obj/gen/migrations.o: $(BUILD)/gen/migrations.c
	@mkdir -p $(@D)
	$(call say,cc,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

sources = $(FILES_$(1)) $(foreach d,$(DIRS_$(1)),$(wildcard $(d)/*.c))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(call sources,$(1))) $(EXTRA_$(1))
archives = $(foreach r,$(USES_$(1)),$(BUILD)/lib$(r).a)
libraries = $(foreach r,$(USES_$(1)),$(LIBS_$(r)))

.PHONY: all deps run check check-built check-asan fuzz demo-quality install uninstall clean
all: $(BUILD)/danaus

# Installs what is missing; asks for nothing when all is there.
deps:
	@missing=""; for p in $(PACKAGES); do \
	    dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	[ -z "$$missing" ] && exit 0; \
	command -v apt-get >/dev/null || { echo "danaus needs these Debian packages:$$missing" >&2; exit 1; }; \
	echo "installing:$$missing"; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	$$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq $$missing

# The studio on the demo model, a prompt ready in it; without a terminal one clip of that prompt:
# PROMPT="..." make run
PROMPT ?= a red butterfly flying to the right over a meadow
run: deps
	@$(MAKE) --no-print-directory all
	@if [ -t 0 ] && [ -t 1 ]; then $(BUILD)/danaus studio "$$PROMPT" -m configs/demo; \
	else $(BUILD)/danaus generate --local "$$PROMPT" -m configs/demo --show --force; fi
export PROMPT

# The demo model on held-out prompts, in three attention modes; exits 1 below the bars.
demo-quality: deps
	@$(MAKE) --no-print-directory all
	@$(BUILD)/danaus quality -m configs/demo

install: all
	install -D -m 755 $(BUILD)/danaus $(DESTDIR)$(PREFIX)/bin/danaus
	for f in $$(find configs -type f -not -path 'configs/demo/recipe/*'); do \
	    install -D -m 644 $$f $(DESTDIR)$(PREFIX)/share/danaus/$${f#configs/}; done
	for f in man/*.[157]; do install -D -m 644 $$f $(DESTDIR)$(PREFIX)/share/man/man$${f##*.}/$${f##*/}; done
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	    $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(BUILD)/danaus completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/danaus
	$(BUILD)/danaus completion zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_danaus
	$(BUILD)/danaus completion fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/danaus.fish
uninstall:
	rm -rf $(DESTDIR)$(PREFIX)/bin/danaus $(DESTDIR)$(PREFIX)/share/danaus
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/danaus \
	    $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_danaus \
	    $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/danaus.fish
	for f in man/*.[157]; do rm -f $(DESTDIR)$(PREFIX)/share/man/man$${f##*.}/$${f##*/}; done

define room_rule
$(BUILD)/lib$(1).a: $(call objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	@ar rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$(r))))

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,cc,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

$(BUILD)/danaus: $(BUILD)/obj/src/main.o $(call archives,commands)
	$(call say,ld,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call libraries,commands)

# the scripts that it has inside
$(BUILD)/obj/src/commands/bench_scripts.o: src/commands/bench_torch.py src/commands/bench_monarchrt.py

# Unit tests: tests/<room>/test_*.c links only what its room may use. Tests with vt_session.h
# drive the program in a virtual terminal, a library that only tests use.
TEST_PACKAGES := libvterm-dev
VT_TESTS := $(basename $(notdir $(shell grep -l vt_session.h tests/ui/test_*.c)))
$(foreach t,$(VT_TESTS),$(eval LIBS_$(t) := -lvterm))
$(VT_TESTS:%=$(BUILD)/tests/ui/%) $(BUILD)/tests/ui/test_picture_numbers: $(BUILD)/danaus
define test_rule
TESTS_$(1) := $$(patsubst tests/%.c,$(BUILD)/tests/%,$$(wildcard tests/$(1)/test_*.c))
$$(TESTS_$(1)): $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(call archives,$(1))
	@mkdir -p $$(@D)
	$$(call say,ld,$$@)
	$$(Q)$$(CC) $$(LDFLAGS_ALL) -o $$@ $$(filter-out $$(BUILD)/danaus,$$^) $(call libraries,$(1)) $$(LIBS_$$(@F)) -lm
UNIT_TESTS += $$(TESTS_$(1))
endef
$(foreach r,$(ROOMS),$(eval $(call test_rule,$(r))))

# The CUDA backend's sources for every architecture; needs nvcc, no GPU.
.PHONY: cuda cuda-objects
cuda cuda-objects: $(CUDA_OBJECTS)
ifeq ($(CUDA),1)
$(BUILD)/obj/kernels/ops_select.o: private CFLAGS += -DDANAUS_CUDA
endif
# ops_select is compiled anew when CUDA changes
$(BUILD)/obj/kernels/ops_select.o: $(BUILD)/cuda-is-$(CUDA)
$(BUILD)/cuda-is-$(CUDA):
	@mkdir -p $(@D) && rm -f $(BUILD)/cuda-is-* && touch $@
$(BUILD)/cuda/%.cu.o: %.cu
	@mkdir -p $(@D)
	$(call say,nvcc,$<)
	$(Q)$(NVCC) $(NVCC_FLAGS) -MMD -MP -c $< -o $@

# The same sources on the host (tests/emulate), under AddressSanitizer: every test of an operation
# runs on the CUDA backend too, without a GPU.
CXX ?= c++
EMULATE := $(BUILD)/emulate
EMULATE_FLAGS := -O2 -g $(ARCH) -Wall -Wextra -Wshadow -Werror -MMD -MP -fsanitize=address -Isrc -I. -Itests
EMULATE_CXX = $(CXX) -std=gnu++17 $(EMULATE_FLAGS) -DDANAUS_EMULATE -Wno-unknown-pragmas -Itests/emulate
EMULATE_CC = $(CC) -std=gnu17 $(EMULATE_FLAGS) -fopenmp -Wno-psabi -DDANAUS_CUDA -DCHECK_BACKEND='"cuda"'
EMULATE_OBJECTS := $(patsubst %,$(EMULATE)/%.o,$(filter-out kernels/cuda/cuda_gemm.cu %_sm90.cu,$(CUDA_SOURCES)) \
                   $(wildcard kernels/cuda/*.c tests/emulate/*.cc) kernels/ops_select.c)
EMULATE_TESTS := $(patsubst %,$(BUILD)/tests/emulate/test_%,rows linear fp8 attention monarch video)
$(EMULATE)/%.cu.o: %.cu
	@mkdir -p $(@D)
	$(call say,emulate,$<)
	$(Q)$(EMULATE_CXX) -x c++ -c $< -o $@
$(EMULATE)/%.cc.o: %.cc
	@mkdir -p $(@D)
	$(call say,emulate,$<)
	$(Q)$(EMULATE_CXX) -c $< -o $@
$(EMULATE)/%.c.o: %.c
	@mkdir -p $(@D)
	$(call say,emulate,$<)
	$(Q)$(EMULATE_CC) -c $< -o $@
$(EMULATE_TESTS): $(BUILD)/tests/emulate/%: $(EMULATE)/tests/kernels/%.c.o $(EMULATE_OBJECTS) $(call archives,kernels)
	@mkdir -p $(@D)
	$(call say,ld,$@)
	$(Q)$(CXX) -fsanitize=address $(SAN) -fopenmp -o $@ $^ $(call libraries,kernels) -lm
# the emulation's own test, and pieces of kernels that it cannot run whole
EMULATE_MMA := $(patsubst %,$(BUILD)/tests/emulate/test_%,mma monarch_ring monarch_step)
$(EMULATE_MMA): $(BUILD)/tests/emulate/%: $(EMULATE)/tests/emulate/%.cu.o $(EMULATE_OBJECTS) $(call archives,kernels)
	@mkdir -p $(@D)
	$(call say,ld,$@)
	$(Q)$(CXX) -fsanitize=address $(SAN) -fopenmp -o $@ $^ $(call libraries,kernels) -lm
# what a clip takes of a device's memory
EMULATE_MEMORY := $(BUILD)/tests/emulate/test_memory
$(EMULATE_MEMORY): $(EMULATE)/tests/emulate/test_memory.c.o $(EMULATE_OBJECTS) $(call archives,pipeline)
	@mkdir -p $(@D)
	$(call say,ld,$@)
	$(Q)$(CXX) -fsanitize=address $(SAN) -fopenmp -o $@ $^ $(call libraries,pipeline) -lm
EMULATE_TESTS += $(EMULATE_MMA) $(EMULATE_MEMORY)
.PHONY: test-emulate
test-emulate: $(EMULATE_TESTS)
	@tests/run.sh $(EMULATE_TESTS)
# The models' tests likewise (22 s of processor time, not part of the suite): ops_cpu by another name.
EMULATE_MODELS := $(patsubst %,$(BUILD)/tests/emulate/test_%,transformer vae text_encoder)
$(EMULATE)/tests/model/%.o: EMULATE_CC += -Dops_cpu=ops_cuda
$(EMULATE_MODELS): $(BUILD)/tests/emulate/%: $(EMULATE)/tests/model/%.c.o $(EMULATE_OBJECTS) $(call archives,model)
	@mkdir -p $(@D)
	$(call say,ld,$@)
	$(Q)$(CXX) -fsanitize=address $(SAN) -fopenmp -o $@ $^ $(call libraries,model) -lm
.PHONY: test-emulate-models
test-emulate-models: $(EMULATE_MODELS)
	@tests/run.sh $(EMULATE_MODELS)

# The same tests on a real GPU, and those of large shapes: make CUDA=1 test-cuda
CUDA_TESTS := $(patsubst $(BUILD)/tests/emulate/%,$(BUILD)/tests/cuda/%,$(filter-out $(EMULATE_MMA) $(EMULATE_MEMORY),$(EMULATE_TESTS))) \
              $(patsubst tests/kernels/%.c,$(BUILD)/tests/cuda/%,$(wildcard tests/kernels/test_large_*.c))
$(BUILD)/cuda/tests/kernels/%.o: tests/kernels/%.c
	@mkdir -p $(@D)
	$(call say,cc,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -DCHECK_BACKEND='"cuda"' -c $< -o $@
$(CUDA_TESTS): $(BUILD)/tests/cuda/%: $(BUILD)/cuda/tests/kernels/%.o $(call archives,kernels)
	@mkdir -p $(@D)
	$(call say,ld,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call libraries,kernels) -lm
.PHONY: test-cuda
test-cuda: $(CUDA_TESTS)
	@tests/run.sh $(CUDA_TESTS)

# Everything that needs a GPU (tests/gpu/slot): checks in less than 6 minutes, tables for the README
# and kernels/NOTES.md in less than 5, both into GPU_RESULTS. COMPARE_WITH="--compare-torch" and
# "--compare-monarchrt checkout" measure others beside it, and take longer. PACK=folder: with what
# make gpu-pack has made elsewhere, nothing is built.
GPU_RESULTS ?= $(BUILD)/gpu-results
$(BUILD)/tests/gpu/compare: $(BUILD)/obj/tests/gpu/compare.o $(call archives,format)
	@mkdir -p $(@D)
	$(call say,ld,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call libraries,format) -lm
.PHONY: check-gpu bench-gpu lab-gpu sanitize-gpu gpu-built gpu-pack
check-gpu bench-gpu lab-gpu sanitize-gpu: $(if $(PACK),,deps)
	@$(if $(PACK),:,$(MAKE) --no-print-directory gpu-built CUDA=1)
	@COMPARE_WITH="$(COMPARE_WITH)" tests/gpu/slot $(or $(PACK),$(BUILD)) $(GPU_RESULTS) $(@:-gpu=)

# Programs of kernels/lab. A variant of a kernel is its source with -DLAB_..., linked in front of the
# archive that has the plain one.
LAB_PROGRAMS := bench_monarch bench_conv bench_conv_no_lead rows gemm fp8_lab pass
LAB := $(addprefix $(BUILD)/lab/,$(LAB_PROGRAMS))
LAB_OBJECT = $(BUILD)/cuda/kernels/lab/$(1).cu.o
$(BUILD)/lab/bench_monarch: $(call LAB_OBJECT,monarch/bench_monarch)
$(BUILD)/lab/bench_conv: $(call LAB_OBJECT,conv/bench_conv)
$(BUILD)/lab/bench_conv_no_lead: $(call LAB_OBJECT,conv/bench_conv) $(BUILD)/cuda/lab/NO_LEAD/conv_sm90.o
$(BUILD)/lab/rows: $(call LAB_OBJECT,runtime/rows)
$(BUILD)/lab/gemm: $(call LAB_OBJECT,runtime/gemm)
$(BUILD)/lab/fp8_lab: $(call LAB_OBJECT,fp8/fp8_lab)
$(BUILD)/lab/pass: $(BUILD)/obj/kernels/lab/runtime/pass.o $(call LAB_OBJECT,runtime/graph)
$(LAB): $(call archives,model)
	@mkdir -p $(@D)
	$(call say,ld,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(call libraries,model) -lstdc++ -lm
.SECONDEXPANSION:
$(BUILD)/cuda/lab/%.o: kernels/cuda/$$(notdir $$*).cu
	@mkdir -p $(@D)
	$(call say,nvcc,$@)
	$(Q)$(NVCC) $(NVCC_FLAGS) -DLAB_$(patsubst %/,%,$(dir $*)) -MMD -MP -c $< -o $@
gpu-built: all $(CUDA_TESTS) $(BUILD)/tests/gpu/compare $(LAB)

# All of that for a machine without our libraries, in one file that tests/gpu/slot can be given:
# make gpu-pack, on any machine with nvcc. Programs look for libraries beside themselves first.
GPU_PACK ?= build-gpu
gpu-pack: deps
	@$(MAKE) --no-print-directory gpu-built CUDA=1 BUILD=$(GPU_PACK) ARCH=-march=x86-64-v3 CUDA_ARCHS=90a \
	    LDFLAGS='-Wl,--disable-new-dtags,-rpath,\$$$$ORIGIN/lib:\$$$$ORIGIN/../lib:\$$$$ORIGIN/../../lib'
	@tests/gpu/pack $(GPU_PACK) $(GPU_PACK)/pack

# End-to-end tests drive the real binary; rules look at the sources.
CLI_TESTS  := $(wildcard tests/cli/*.sh)
RULE_TESTS := $(wildcard tests/rules/*.sh)
# Kills, full disks, crowds; a few of each here, the full counts by `make torture`.
TORTURE_TESTS := $(wildcard tests/torture/*.sh)
# the store's and the studio's are unit tests at their short counts
TORTURE_SHORT := $(filter-out tests/torture/store_% tests/torture/ui_%,$(TORTURE_TESTS))
TEST_TOOLS := $(patsubst tests/torture/%.c,$(BUILD)/tests/torture/%,$(wildcard tests/torture/*.c))
$(TEST_TOOLS): $(BUILD)/tests/torture/%: $(BUILD)/obj/tests/torture/%.o $(call archives,engine)
	@mkdir -p $(@D)
	$(call say,ld,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call libraries,engine) -lm
.PHONY: torture
torture: all $(UNIT_TESTS) $(TEST_TOOLS)
	@TORTURE=full RUN_LIMIT=7200 DANAUS=$(abspath $(BUILD)/danaus) tests/run.sh $(TORTURE_TESTS)

check check-asan: PACKAGES += $(TEST_PACKAGES)
check: deps
	@$(MAKE) --no-print-directory check-built
check-built: all $(UNIT_TESTS) $(EMULATE_TESTS) $(TEST_TOOLS)
	@DANAUS=$(abspath $(BUILD)/danaus) tests/run.sh $(RULE_TESTS) $(UNIT_TESTS) $(EMULATE_TESTS) $(CLI_TESTS) $(TORTURE_SHORT)

# The whole suite under AddressSanitizer and UBSan, in its own build folder.
check-asan: deps
	@$(MAKE) --no-print-directory check-built BUILD=build-asan OPT=-O1 WARN="-Wall -Wextra" \
	    SAN="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"

# Fuzz targets: make fuzz FUZZ_SECONDS=600 runs each on its corpus.
FUZZ_SECONDS ?= 60
FUZZ_FLAGS := -std=gnu17 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
              -Isrc -I. -DDANAUS_VERSION='"$(VERSION)"'
FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_MODEL := codepoints mojibake text_fix html_ prompt_clean protobuf_reader piece_trie \
              sentencepiece unigram tokenizer
FUZZ_ROOMS := $(foreach r,base config format,$(call sources,$(r))) $(wildcard src/engine/protocol*.c) \
              $(wildcard ui/graphics/*.c ui/studio/input*.c) ui/studio/action.c \
              ui/studio/keymap.c ui/studio/keymap_print.c ui/studio/studio_config.c \
              $(foreach m,$(FUZZ_MODEL),$(wildcard src/model/$(m)*.c))
# clang 14 has no _Float16 on x86, so the compiler of the program makes dtype.o.
$(BUILD)/fuzz/%: tests/fuzz/fuzz_%.c $(filter-out src/base/dtype.c,$(FUZZ_ROOMS)) $(BUILD)/obj/src/base/dtype.o
	@mkdir -p $(@D)
	clang $(FUZZ_FLAGS) -o $@ $^ -ljansson -lyaml -lz -lcrypto -lutf8proc -lsixel -lm
fuzz: $(FUZZ_TARGETS)
	@for t in $(FUZZ_TARGETS); do n=$$(basename $$t); mkdir -p $(BUILD)/corpus/$$n; \
	    $$t -max_total_time=$(FUZZ_SECONDS) -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 \
	        -artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/corpus/$$n tests/fuzz/corpus/$$n || exit 1; done

# one room's unit tests: make test-format
$(foreach r,$(ROOMS),$(eval test-$(r): $$(TESTS_$(r)); @fail=0; for t in $$(TESTS_$(r)); do echo "== $$$$t"; $$$$t || fail=1; done; exit $$$$fail))

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
