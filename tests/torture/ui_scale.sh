#!/bin/sh
# tests/ui/test_scale.c with a library of a million clips. CATALOG_CLOCK=1 judges by the clock too: for
# a machine that has nothing else to do.
# TORTURE=full alone: in the suite it is a unit test.
exec build/tests/ui/test_scale
