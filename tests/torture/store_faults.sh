#!/bin/sh
# The store's faults at full count: every call failed and killed, 200 kills at random moments, 64
# sizes of disk, a million operations on the queue, 1000 damaged catalogs, readers beside a writer
# for ten minutes, every allocation of SQLite failed;
# exports of every format killed and failed at each call.
. "$(dirname "$0")/store_runs"
run test_catalog_faults FAULT_STEP=1 KILLS=200 DISK_SIZES=64
run test_catalog_migrate TEST_PLACE="$TEST_PLACE"
run test_catalog_jobs QUEUE_OPERATIONS="${QUEUE_OPERATIONS:-1000000}"
run test_catalog_damage DAMAGE_COPIES=1000 SALVAGE_COPIES=100 STRESS_SECONDS="${STRESS_SECONDS:-600}" MEMORY_STEP=1
run test_power_cut CUT_STATES=100000
run test_clip_latents TEST_PLACE="$TEST_PLACE"
run test_library TEST_PLACE=/dev/shm
run test_media_faults FAULT_STEP=1 EXPORT_KILLS=200
finish
