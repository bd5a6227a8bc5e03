#!/usr/bin/env bash
# A real OTLP receiver, that of the OpenTelemetry Collector, takes what the shipper sends and
# the traces of collector, router and shipper, over gRPC and over HTTP.
set -euo pipefail

receiver="$(pwd)/target/suites/otlp-receiver"
if ! command -v go >/dev/null; then
    echo "skipped: go is not on this machine, so the receiver cannot be built"
    exit 0
fi
if ! (cd tests/suites/otlp && go build -o "$receiver" .); then
    echo "skipped: the receiver cannot be built on this machine"
    exit 0
fi
OTLP_RECEIVER="$receiver" cargo test -p shipper --test specs real_receiver -- --nocapture
cargo build -p collector -p router -p shipper -p insight
OTLP_RECEIVER="$receiver" cargo test -p tests --test specs a_real_receiver_takes_the_traces -- --nocapture
