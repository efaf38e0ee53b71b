#!/bin/sh
# The story of tests/ui/test_story.c also behind a slow line and in tmux.
# TORTURE=full alone: in the suite it is a unit test.
exec build/tests/ui/test_story
