#!/usr/bin/env bash
# A write that hangs makes /livez fail after five minutes, and what only waits or is idle never does: real processes, real
# time. Asked for with AUDITRAIL_PATIENCE=1, since it takes six minutes.
set -euo pipefail

if [ -z "${AUDITRAIL_PATIENCE:-}" ]; then
    echo "skipped: it takes six minutes; AUDITRAIL_PATIENCE=1 runs it"
    exit 0
fi
if ! command -v mkfifo >/dev/null; then
    echo "skipped: mkfifo is not on this machine"
    exit 0
fi
cargo build -p auditrail -p collector -p router -p shipper -p insight
cargo test -p tests --test specs a_write_that_hangs -- --ignored
