#!/usr/bin/env bash
# Two shippers behind one name, as a headless service of Kubernetes has them: each log goes to one of them, both are
# asked for the account, and when one ends the other takes over, with every line there once.
set -euo pipefail

if [ "${1:-}" != inside ]; then
    if ! unshare --mount true 2>/dev/null; then
        echo "skipped: names cannot be given to addresses here (unshare --mount is not allowed)"
        exit 0
    fi
    cargo build --workspace --bins
    exec unshare --mount bash "$0" inside
fi

binaries="$(pwd)/${CARGO_TARGET_DIR:-target}/debug"
scratch="$(mktemp -d)"
processes=()
trap 'kill "${processes[@]}" 2>/dev/null || true; wait; rm -rf "$scratch"' EXIT
printf '127.0.0.1 localhost\n127.0.0.2 shipper.audit\n127.0.0.3 shipper.audit\n127.0.0.4 router.audit\n' >"$scratch/hosts"
mount --bind "$scratch/hosts" /etc/hosts
port=$((20000 + RANDOM % 20000)) http=$((port + 1))

for shipper in 2 3; do
    cat >"$scratch/shipper-$shipper.yaml" <<YAML
shipper:
  listen: 127.0.0.$shipper:$port
  http_listen: 127.0.0.$shipper:$http
  spool: {dir: $scratch/spool-$shipper}
  destinations: {copy: {type: file, path: $scratch/copy-$shipper.log}}
YAML
done
cat >"$scratch/router.yaml" <<YAML
router:
  listen: 127.0.0.4:$port
  http_listen: 127.0.0.4:$http
  routes: [{name: everything, to: [copy]}]
  next: http://shipper.audit:$port
YAML
cat >"$scratch/collector.yaml" <<YAML
collector:
  id: cp-1
  node: cp-1
  listen: 127.0.0.5:$port
  http_listen: 127.0.0.5:$http
  logs: [{type: file, path: "$scratch/audit-*.log", source: kubernetes.audit, service: audit}]
  queue: {dir: $scratch/queue}
  next: http://router.audit:$port
YAML

start() { # NAME CONFIG; its process in $started
    "$binaries/$1" --config "$scratch/$2.yaml" 2>>"$scratch/$2.words" &
    started=$!
    processes+=("$started")
}
lines() { # as many more, to each of eight logs
    for log in 1 2 3 4 5 6 7 8; do
        for line in $(seq "$1" "$2"); do
            printf '{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"%s-%s"}\n' "$log" "$line"
        done >>"$scratch/audit-$log.log"
    done
}
copied() { cat "$scratch"/copy-*.log 2>/dev/null | wc -l; }
until_copied() {
    for _ in $(seq 600); do
        [ "$(copied)" -lt "$1" ] || return 0
        read -rt 0.1 <> <(:) || true
    done
    echo "only $(copied) of $1 lines arrived"
    tail -n 20 "$scratch"/*.words
    exit 1
}

lines 1 300
start shipper shipper-2; second=$started
start shipper shipper-3
start router router
start collector collector
until_copied 2400

logs_of() { sed 's/.*"auditID":"\([0-9]*\)-.*/\1/' "$scratch/copy-$1.log" | sort -u; }
[ -z "$(comm -12 <(logs_of 2) <(logs_of 3))" ] || { echo "a log went to both"; exit 1; }
[ -n "$(logs_of 2)" ] && [ -n "$(logs_of 3)" ] || { echo "one of them has nothing"; exit 1; }

account() {
    "$binaries/auditrail" status --json --address "shipper.audit:$port" --address "router.audit:$port" \
        --address "127.0.0.5:$port" | python3 -c '
import json, sys
told = json.load(sys.stdin)
names = [service["service"] for service in told["services"]]
sums = {key: sum(row[key]["events"] for row in told["account"]) for key in ("read", "delivered", "in_flight", "filtered")}
print(names.count("shipper"), *sums.values(), *[row["problem"] for row in told["account"] if row.get("problem")])'
}
settled() {
    for _ in $(seq 100); do
        [ "$(account)" != "$1" ] || return 0
        read -rt 0.1 <> <(:) || true
    done
    echo "the account says $(account) instead of $1"
    exit 1
}
settled "2 2400 2400 0 0"

kill "$second" && wait "$second"
lines 301 400
until_copied 3200
[ "$(cat "$scratch"/copy-*.log | sort -u | wc -l)" = 3200 ] && [ "$(copied)" = 3200 ] || { echo "lines are there twice"; exit 1; }
start shipper shipper-2
lines 401 450
until_copied 3600
[ "$(cat "$scratch"/copy-*.log | sort -u | wc -l)" = 3600 ] || { echo "lines are there twice"; exit 1; }
settled "2 3600 3600 0 0"
echo "every line arrived once, through whichever shipper was there"
