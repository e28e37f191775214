#!/bin/sh
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Runs a simulated host's command, and adds a file to $COUNTED with the processor's time that the host took for it.

"$(dirname "$0")/../faults/simulated_ssh.sh" "$@"
status=$?
times >"$COUNTED/$$"
exit "$status"
