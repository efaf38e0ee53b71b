#!/bin/sh
# The story of tests/ui/test_story.c also behind a slow line, in tmux and through SSH.
# TORTURE=full alone: in the suite it is a unit test.
exec build/tests/ui/test_story
