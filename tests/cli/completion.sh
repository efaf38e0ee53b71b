#!/bin/sh
# Completions are what the shells themselves take for a script, and know commands and options.
. "$(dirname "$0")/harness"

works completion bash
cp "$log/out" danaus.bash
check "bash reads it" bash -n danaus.bash
complete_line() { # WORDS...: what bash would offer for the last one
    bash -c '. ./danaus.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _danaus; printf "%s\n" "${COMPREPLY[@]}"' - danaus "$@"
}
check "a command" test "$(complete_line gener)" = generate
check "an option" test "$(complete_line generate --save)" = --save-latents
check "its opposite" test "$(complete_line generate --no-caus)" = --no-causal
touch clip.safetensors
check "a file" test "$(complete_line decode cl)" = clip.safetensors
works completion zsh
check "for zsh" grep -q '^#compdef danaus' "$log/out"
if command -v zsh >/dev/null; then check "zsh reads it" zsh -n "$log/out"; fi
works completion fish
check "for fish" grep -q "seen_subcommand_from list' -l limit" "$log/out"
if command -v fish >/dev/null; then check "fish reads it" fish -n "$log/out"; fi
refuses 2 'for which shell' completion
refuses 2 'no completion' completion csh
finish
