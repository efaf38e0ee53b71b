#!/bin/sh
# Who may include whom: every #include "room/..." of a room's files must name a room it may use, and
# each outside library stays in its room. Run from the top folder.
# Usage: tests/rules/includes.sh [ROOT]   (ROOT is for testing this test)
cd "${1:-.}" || exit 2
fail=0

# folder : rooms its files may include; kernels/lab is not linked and may use all
rules='
src/base: base
src/config: base config
src/format: base format
kernels: base kernels
src/model: base config format kernels model
src/pipeline: base config format kernels model pipeline
src/engine: base config format kernels model pipeline store engine
src/train: base config format kernels model pipeline train
store: base store
ui: base config store ui engine/(client|protocol|frame_ring).h
src/commands: base config format kernels model pipeline store engine ui train commands
'
echo "$rules" | while IFS=: read -r folder allowed; do
    [ -n "$folder" ] || continue
    pattern=$(echo $allowed | tr ' ' '\n' | sed 's|^[^/]*$|&/|; s|\.h$|\\.h"|' | paste -sd '|')
    bad=$(grep -rnE '^#include "(base|config|format|kernels|model|pipeline|engine|train|store|ui|commands)/' \
              "$folder" --include='*.[ch]' --include='*.cu*' --exclude-dir=lab 2>/dev/null |
          grep -vE "#include \"($pattern)")
    [ -z "$bad" ] || { echo "$bad" | sed "s|^|$folder may not include: |"; exit 1; }
done || fail=1

# what makes up the engine's client knows nothing else of the engine
bad=$(grep -nE '^#include "(config|format|kernels|model|pipeline|store|ui|commands)/|^#include "engine/(server|worker)' \
          src/engine/protocol*.[ch] src/engine/client*.[ch] src/engine/channel.[ch] \
          src/engine/frame_ring.[ch] src/engine/engine_paths.[ch] 2>/dev/null)
[ -z "$bad" ] || { echo "the client includes: $bad"; fail=1; }

# command files include no other command
bad=$(grep -n '#include "commands/cmd_' src/commands/*.[ch] 2>/dev/null)
[ -z "$bad" ] || { echo "a command includes a command: $bad"; fail=1; }

# library : where it may be included
while IFS=: read -r header where; do
    bad=$(grep -rnE "^#include <$header" src kernels store ui 2>/dev/null | grep -vE "^($where)")
    [ -z "$bad" ] || { echo "<$header> outside $where: $bad"; fail=1; }
done <<'LIBS'
(lib(av|sw)[a-z]+/|sqlite3):store/
(ncurses|curses|sixel):ui/
(cuda|cublas):kernels/(cuda|lab)/
(dnnl|oneapi/dnnl):kernels/cpu/|src/commands/cmd_doctor
yaml\.h:src/config/
openssl/:src/format/
zlib:src/format/|ui/graphics/
LIBS

# only main leaves the process; only commands, main and ui write to the terminal
bad=$(grep -rnE '[^_a-z](exit|_exit)\(' src kernels store ui --include='*.c' --exclude-dir=lab | grep -vE '^src/(main|commands/command|train/[a-z_]*main)\.c|_exit\(|^ui/term')
[ -z "$bad" ] || { echo "exit() outside main: $bad"; fail=1; }

[ $fail -eq 0 ] && echo "1 passed, 0 failed" || { echo "0 passed, 1 failed"; exit 1; }
