#!/bin/sh
# A catalog of a million clips: first page, searches, pages. CATALOG_CLOCK=1 judges by the clock: for
# a machine that has nothing else to do.
. "$(dirname "$0")/store_runs"
run test_catalog_scale CATALOG_CLIPS="${CATALOG_CLIPS:-1000000}"
finish
