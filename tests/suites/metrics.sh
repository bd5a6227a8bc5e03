#!/usr/bin/env bash
# Prometheus' own client library reads what a service shows under /metrics, in Python of its own.
set -euo pipefail

environment="$(pwd)/target/suites/metrics"
if ! python3 -m venv "$environment" 2>/dev/null; then
    echo "skipped: python3 with venv is not on this machine"
    exit 0
fi
if ! "$environment/bin/python" -m pip install --quiet --disable-pip-version-check prometheus-client; then
    echo "skipped: prometheus-client cannot be installed on this machine"
    exit 0
fi

cargo build -p collector -p router -p shipper
binaries="$(pwd)/${CARGO_TARGET_DIR:-target}/debug"
scratch="$(mktemp -d)"
port=$((20000 + RANDOM % 20000))
cat >"$scratch/auditrail.yaml" <<YAML
collector:
  listen: 127.0.0.1:$port
  http_listen: 127.0.0.1:$((port + 1))
  logs: [{type: file, path: $scratch/audit.log, source: kubernetes.audit, service: audit}]
  queue: {dir: $scratch/queue}
  next: http://127.0.0.1:$((port + 2))
router:
  listen: 127.0.0.1:$((port + 2))
  http_listen: 127.0.0.1:$((port + 3))
  routes: [{name: everything, to: [copy]}]
  next: http://127.0.0.1:$((port + 4))
shipper:
  listen: 127.0.0.1:$((port + 4))
  http_listen: 127.0.0.1:$((port + 5))
  spool: {dir: $scratch/spool}
  destinations: {copy: {type: file, path: $scratch/copy.log}}
YAML
zstd -dcq tests/fixtures/real.log.zst >"$scratch/audit.log"
started=()
trap 'kill "${started[@]}" 2>/dev/null || true; wait || true; rm -rf "$scratch"' EXIT
for service in shipper router collector; do
    "$binaries/$service" --config "$scratch/auditrail.yaml" 2>"$scratch/$service.words" &
    started+=("$!")
done
"$environment/bin/python" tests/suites/metrics/read.py $((port + 1)) $((port + 3)) $((port + 5))
