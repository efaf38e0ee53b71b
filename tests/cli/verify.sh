#!/bin/sh
# danaus verify on the fixtures that ship, on spoiled ones and in other folders.
. "$(dirname "$0")/harness"

for room in model kernels; do
    works verify "$data/$room"
    check "$room: rows pass" grep -qE '^[1-9][0-9]* passed, 0 failed' "$log/out"
done

# bf16 has tolerances of its own, and what is wrong fails there too
run verify --dtype bf16 "$data/model"
bf16=yes
! grep -q 'AVX-512' "$log/err" || bf16=no # this CPU has no bf16 products
if [ $bf16 = yes ]; then
    check "bf16: status 0" test $status -eq 0
    check "bf16: rows pass" grep -qE '^[1-9][0-9]* passed, 0 failed' "$log/out"
    check "bf16: single values as a share" grep -qE '^pass  share ' "$log/out"
fi
refuses 2 'dtype f16 is not one of' verify --dtype f16 "$data/model"

# another place and other names
mkdir -p elsewhere/rope elsewhere/monarch elsewhere/dit
cp "$data/model/rope/rope_d16_start6.safetensors" elsewhere/rope/other.safetensors
cp "$data/kernels/monarch/near_separable_h6w10_d48.safetensors" elsewhere/monarch/x.safetensors
cp "$data/kernels/monarch/kv_tile_3_1_2_q3_kv6_h5w6_d16.safetensors" elsewhere/monarch/y.safetensors
cp "$data/model/scheduler.json" elsewhere/
cp "$data/model/dit/bidir_monarch_tile_2_3_2_tiny16.safetensors" elsewhere/dit/a-case.safetensors
cp -r "$data/model/dit/tiny16" elsewhere/dit/tiny16
works verify elsewhere
for name in rope/other monarch/x monarch/y dit/a-case; do
    check "$name is computed" grep -qE "^pass .* $name.safetensors" "$log/out"
done

# one wrong value: the tensors come last, so the last bytes are values of one of them
for name in rope/other monarch/x dit/a-case; do
    file=elsewhere/$name.safetensors
    cp $file keep
    size=$(stat -c %s $file)
    printf '\000\000\200\100' | dd of=$file bs=1 seek=$((size - 4)) conv=notrunc 2>/dev/null # 4.0
    run verify elsewhere
    check "$name spoiled: status 1, not $status" test $status -eq 1
    check "$name spoiled: FAIL" grep -qE "^FAIL .* $name.safetensors" "$log/out"
    check "only that one" test "$(grep '^FAIL' "$log/out" | grep -vc $name)" -eq 0
    if [ $bf16 = yes ] && [ $name = monarch/x ]; then
        run verify --dtype bf16 elsewhere
        check "$name spoiled: FAIL in bf16" grep -qE "^FAIL .* $name.safetensors" "$log/out"
    fi
    cp keep $file
done
head -c 400 "$data/model/rope/rope_d16_start6.safetensors" >elsewhere/rope/short.safetensors
echo "notes" >elsewhere/README.md
works verify elsewhere
check "a torn fixture is told" grep -qE '^(skip|FAIL)  rope/short.safetensors' "$log/out"
check "unknown files are skipped" grep -q '^skip  README.md' "$log/out"
mkdir empty
refuses 2 'empty holds no fixture' verify empty
refuses 1 'nowhere' verify nowhere
refuses 2 'no folder' verify
finish
