#!/usr/bin/env bash
# The collector under more than 200 kills: 26 for each of the eight ways in which logs are rotated, and stops. The plan
# is another one each time; its seed is printed, and AUDITRAIL_TORTURE_SEED repeats it.
set -euo pipefail
cd "$(dirname "$0")/.."

export AUDITRAIL_TORTURE_KILLS="${AUDITRAIL_TORTURE_KILLS:-26}"
export AUDITRAIL_TORTURE_SEED="${AUDITRAIL_TORTURE_SEED:-$((RANDOM * 32768 + RANDOM))}"
echo "AUDITRAIL_TORTURE_SEED=$AUDITRAIL_TORTURE_SEED, $AUDITRAIL_TORTURE_KILLS kills for each way of rotation"
cargo build -p collector
cargo test -p tests --test specs torture -- --nocapture
