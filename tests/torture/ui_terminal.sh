#!/bin/sh
# The full counts of tests/ui/test_terminals.c: broken descriptions of terminals, sizes, signals.
# TORTURE=full alone: in the suite it is a unit test.
exec build/tests/ui/test_terminals
