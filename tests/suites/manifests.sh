#!/usr/bin/env bash
# The Kubernetes manifests: rendered as they are committed, strictly within the schemas of three versions (and the types
# of cert-manager and prometheus-operator), and taken by a real API server, whose own audit log is then read the way the
# collector's pod may read it.
set -euo pipefail

skip() { echo "skipped: $*"; }
here="$(pwd)/tests/suites/manifests" cache="$(pwd)/target/suites/manifests"
mkdir -p "$cache"
scratch="$(mktemp -d)" started=()
trap 'for id in "${started[@]}"; do kill "$id" 2>/dev/null && wait "$id" || true; done; rm -rf "$scratch"' EXIT

if command -v kubectl >/dev/null; then
    for overlay in try production; do
        kubectl kustomize "k8s/overlays/$overlay" | diff "k8s/rendered/$overlay.yaml" - ||
            { echo "k8s/rendered/$overlay.yaml is not what k8s/overlays/$overlay gives: k8s/render makes it anew"; exit 1; }
    done
    echo "k8s/rendered is what the overlays give"
else
    skip "kubectl is not on this machine, so what is rendered is not compared with the overlays"
fi

if python3 -m venv "$cache/python" && "$cache/python/bin/pip" install -q kubernetes-validate==1.37.0 pyyaml; then
    "$cache/python/bin/python" "$here/schemas.py" k8s/rendered/*.yaml
else
    skip "kubernetes-validate cannot be installed on this machine, so no schema is held against the manifests"
fi

if command -v go >/dev/null && (cd "$here/foreign" && go build -o "$cache/foreign" .); then
    "$cache/foreign" k8s/rendered/*.yaml
else
    skip "go is not on this machine, so objects of cert-manager and prometheus-operator are not looked at"
fi

# An API server and its store; building the first takes some ten minutes where it was not built before.
apiserver() {
    command -v go >/dev/null && command -v kubectl >/dev/null || return 1
    if ! [ -x "$cache/kube-apiserver" ]; then
        mkdir -p "$cache/apiserver" && cp "$here"/apiserver/go.* "$cache/apiserver/"
        (cd "$cache/apiserver" && CGO_ENABLED=0 timeout 1500 go build -mod=mod -trimpath -ldflags='-s -w' \
            -o "$cache/kube-apiserver" k8s.io/kubernetes/cmd/kube-apiserver) || return 1
    fi
    etcd="$(command -v etcd || echo "$cache/etcd/usr/bin/etcd")"
    if ! [ -x "$etcd" ]; then
        (cd "$scratch" && apt-get download -q etcd-server && dpkg -x etcd-server_*.deb "$cache/etcd") || return 1
    fi
}
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

if ! apiserver >"$scratch/built" 2>&1; then
    skip "an API server (go, kubectl, etcd) cannot be had on this machine: $(tail -1 "$scratch/built")"
    exit 0
fi
store="http://127.0.0.1:$(port)" peer="http://127.0.0.1:$(port)" secure="$(port)"
"$etcd" --data-dir "$scratch/etcd" --listen-client-urls "$store" --advertise-client-urls "$store" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer" \
    >"$scratch/etcd.log" 2>&1 &
started+=($!)
openssl genrsa -out "$scratch/sa.key" 2048 2>/dev/null
echo 'a-token,admin,1,system:masters' >"$scratch/tokens.csv"
log="$scratch/apiserver/audit.log" # a directory that the API server makes itself, with the rights that it gives
"$cache/kube-apiserver" --etcd-servers "$store" --bind-address 127.0.0.1 --secure-port "$secure" \
    --cert-dir "$scratch/certificates" --token-auth-file "$scratch/tokens.csv" --authorization-mode RBAC \
    --service-cluster-ip-range 10.0.0.0/24 --service-account-issuer https://auditrail.example \
    --service-account-key-file "$scratch/sa.key" --service-account-signing-key-file "$scratch/sa.key" \
    --audit-policy-file k8s/audit-policy.yaml --audit-log-path "$log" >"$scratch/apiserver.log" 2>&1 &
started+=($!)
api() { kubectl --server "https://127.0.0.1:$secure" --insecure-skip-tls-verify --token a-token "$@"; }
for _ in $(seq 120); do api get --raw /readyz >/dev/null 2>&1 && break || sleep 1; done
api get --raw /readyz >/dev/null || { tail -20 "$scratch/apiserver.log"; exit 1; }
! grep -i 'lenient\|strict decoding\|audit policy' "$scratch/apiserver.log" || { echo "the API server has a word on our policy"; exit 1; }

# Kinds of cert-manager and prometheus-operator are unknown to a bare API server; all others are taken without a word but
# one: what the collector needs beyond `restricted`.
api apply -f k8s/base/namespace.yaml >/dev/null
for overlay in try production; do
    api apply --dry-run=server --validate=strict -f "k8s/rendered/$overlay.yaml" >"$scratch/taken" 2>"$scratch/words" || true
    [ "$(grep -c '(server dry run)' "$scratch/taken")" = "$(grep -c '^apiVersion: [a-z/]*v[0-9]$\|^apiVersion: [a-z.]*k8s.io/v[0-9]$' \
        "k8s/rendered/$overlay.yaml")" ] || { cat "$scratch/taken" "$scratch/words"; exit 1; }
    grep -v 'no matches for kind "\(Certificate\|Issuer\|ServiceMonitor\)"\|ensure CRDs are installed first' "$scratch/words" \
        >"$scratch/rest" || true
    [ "$(wc -l <"$scratch/rest")" = 1 ] && grep -q 'volumes "audit-log", "state"' "$scratch/rest" ||
        { cat "$scratch/rest"; exit 1; }
done
echo "a real API server ($(grep -o 'v1\.[0-9.]*$' "$here/apiserver/go.mod" | head -1)) takes the manifests, and finds all but the collector restricted"

# The log that it wrote meanwhile, as the collector's pod has it: root, without a single capability.
cargo build -q -p auditrail
as_in_the_pod=()
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    as_in_the_pod=(setpriv --no-new-privs --bounding-set=-all --inh-caps=-all)
else
    skip "this is not root with setpriv: the log is read with the rights that there are"
fi
ls -ld "$(dirname "$log")" "$log" | cut -c1-10 | paste -sd' ' | grep -qx 'drwx------ -rw-------'
"${as_in_the_pod[@]}" "${CARGO_TARGET_DIR:-target}/debug/auditrail" up --once --path "$log" --data "$scratch/data" \
    >"$scratch/account" 2>&1 || { cat "$scratch/account"; exit 1; }
delivered="$("${CARGO_TARGET_DIR:-target}/debug/auditrail" sql 'select count(*) as events from events' \
    --lake "$scratch/data/lake" -o csv | tail -1)"
[ "$delivered" -gt 300 ] && [ "$delivered" -le "$(wc -l <"$log")" ]
echo "its own audit log under k8s/audit-policy.yaml ($delivered events) is in the lake, read by root without a capability"
