#!/usr/bin/env bash
# Prometheus' own client library reads what a service shows under /metrics, in Python of its own, and promtool checks it,
# and the alerts over it.
set -euo pipefail

environment="$(pwd)/target/suites/metrics"
if ! python3 -m venv "$environment" 2>/dev/null; then
    echo "skipped: python3 with venv is not on this machine"
    exit 0
fi
if ! "$environment/bin/python" -m pip install --quiet --disable-pip-version-check prometheus-client pyyaml; then
    echo "skipped: prometheus-client or pyyaml cannot be installed on this machine"
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
"$environment/bin/python" tests/suites/metrics/read.py "$scratch" $((port + 1)) $((port + 3)) $((port + 5))

# Prometheus' own tool checks names and rules, and plays what the alerts are for.
promtool="$(command -v promtool || true)"
if [ -z "$promtool" ]; then
    unpacked="$(pwd)/target/suites/prometheus"
    if [ ! -x "$unpacked/usr/bin/promtool" ] && command -v apt-get >/dev/null && command -v dpkg >/dev/null; then
        mkdir -p "$unpacked"
        (cd "$unpacked" && apt-get download prometheus 2>/dev/null && dpkg -x prometheus_*.deb . && rm prometheus_*.deb) ||
            true
    fi
    promtool="$unpacked/usr/bin/promtool"
fi
if [ ! -x "$promtool" ]; then
    echo "skipped: promtool is not on this machine, and no package of it can be had"
    exit 0
fi
for service in collector router shipper; do
    "$promtool" check metrics <"$scratch/$service.prom"
    echo "$service: promtool finds nothing wrong"
done
"$environment/bin/python" tests/suites/metrics/rules.py k8s/monitoring/alerts.yaml "$scratch/rules.yaml"
cp tests/suites/metrics/alerts_test.yaml "$scratch"
"$promtool" check rules "$scratch/rules.yaml"
"$promtool" test rules "$scratch/alerts_test.yaml"
