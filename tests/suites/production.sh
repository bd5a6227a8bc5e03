#!/usr/bin/env bash
# The services of the production overlay, with its configurations and certificates of its names, in a network of their
# own where those names are: a log goes all the way, and only who has a role is answered.
set -euo pipefail

skip() { echo "skipped: $*"; exit 0; }
if [ "${1:-}" != inside ]; then
    unshare --mount --net true 2>/dev/null || skip "this machine gives out no network of its own (unshare --net)"
    command -v ip >/dev/null && command -v openssl >/dev/null && command -v curl >/dev/null || skip "ip, openssl, curl"
    cache="$(pwd)/target/suites/manifests"
    mkdir -p "$cache"
    python3 -m venv "$cache/python" && "$cache/python/bin/pip" install -q pyyaml || skip "pyyaml cannot be installed"
    cargo build --workspace --bins
    exec unshare --mount --net bash "$0" inside
fi

ip link set lo up
binaries="${CARGO_TARGET_DIR:-$(pwd)/target}/debug"
scratch="$(mktemp -d)" processes=()
trap 'kill "${processes[@]}" 2>/dev/null || true; wait; rm -rf "$scratch"' EXIT
printf '127.0.0.1 localhost router.audit shipper.audit insight.audit\n' >"$scratch/hosts"
mount --bind "$scratch/hosts" /etc/hosts
target/suites/manifests/python/bin/python tests/suites/manifests/lay_out.py k8s/rendered/production.yaml "$scratch"

log="$scratch/log/apiserver/audit.log" policy="$scratch/router/etc/auditrail/policies/policy.yaml"
mkdir -p "$(dirname "$log")" "$scratch/lake"
printf 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: RequestResponse}]\n' >"$scratch/everything.yaml"
"$binaries/auditrail" policy apply --policy "$scratch/everything.yaml" tests/fixtures/small.log.zst >"$log"
expected="$("$binaries/auditrail" policy apply --policy "$policy" "$log" | wc -l)"
[ "$expected" -gt 100 ] && [ "$expected" -lt "$(wc -l <"$log")" ]

declare -A ports=([shipper]=9103 [router]=9102 [collector]=9101)
for service in shipper router collector insight; do
    AUDITRAIL_COLLECTOR__ID=cp-1 AUDITRAIL_COLLECTOR__NODE=cp-1 AWS_REGION=eu-central-1 \
        "$binaries/$service" --config "$scratch/$service/etc/auditrail/auditrail.yaml" >"$scratch/$service.log" 2>&1 &
    processes+=($!)
done
probe() { # as a kubelet does: by address, whatever the certificate
    local address="http://127.0.0.1:${ports[$1]:-}"
    [ "$1" != insight ] || address=https://127.0.0.1:8080
    curl -sfk --noproxy '*' --max-time 5 "$address/$2" >/dev/null
}
for service in shipper router collector insight; do
    for path in livez readyz metrics; do
        for _ in $(seq 150); do probe "$service" "$path" && break || sleep 0.2; done
        probe "$service" "$path" || { cat "$scratch/$service.log"; exit 1; }
    done
done

in_lake() {
    "$binaries/auditrail" sql 'select count(*) as events from events' --lake "$scratch/lake" -o csv 2>/dev/null | tail -1
}
for _ in $(seq 300); do [ "$(in_lake)" = "$expected" ] && break || sleep 0.2; done
[ "$(in_lake)" = "$expected" ] || { echo "$(in_lake) of $expected"; cat "$scratch"/*.log; exit 1; }

status() { # CERTIFICATE ADDRESS
    local secret="$scratch/secrets/$1"
    "$binaries/auditrail" status --address "$2" --tls-certificate "$secret/tls.crt" --tls-key "$secret/tls.key" \
        --tls-authority "$secret/ca.crt"
}
for address in router.audit:7102 shipper.audit:7103; do
    status operator-tls "$address" >/dev/null
    ! status collector-tls "$address" >"$scratch/refused" 2>&1
    grep -q 'tls.roles' "$scratch/refused" || { cat "$scratch/refused"; exit 1; }
done
page() { curl -so /dev/null -w '%{http_code}' --noproxy '*' --cacert "$scratch/ca.crt" "$@" https://insight.audit:8080/; }
[ "$(page)" = 401 ]
[ "$(page --cert "$scratch/secrets/operator-tls/tls.crt" --key "$scratch/secrets/operator-tls/tls.key")" = 200 ]
[ "$(page -H 'Authorization: Bearer 0123456789abcdef0123456789abcdef')" = 200 ]

kill -TERM "${processes[@]}"
for process in "${processes[@]}"; do wait "$process"; done
processes=()
echo "the services of k8s/overlays/production took $expected events to the lake, with certificates of its names"
echo "operators are answered by their certificate, the console also by its token, others are refused; all ended cleanly"
