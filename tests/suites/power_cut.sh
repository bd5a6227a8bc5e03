#!/usr/bin/env bash
# The queue through power cuts: ext4 on a loop device, shut down without flushing its journal. Needs root and a
# loop device; the test itself says so where they are missing.
set -euo pipefail

AUDITRAIL_POWER_CUT=8 cargo test -p queue power_cut -- --nocapture
