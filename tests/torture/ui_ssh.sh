#!/bin/sh
# Lines that break under a studio, as tests/ui/test_ssh.c has it, through a real OpenSSH server.
# TORTURE=full alone: in the suite it is a unit test. Where there is no sshd it says so and passes.
exec build/tests/ui/test_ssh
