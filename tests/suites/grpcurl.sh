#!/usr/bin/env bash
# Operators call our services with grpcurl and no .proto at hand: reflection, health, every call of Admin, and the shipper's
# holds, dead letters and receipts; every command of docs/admin.md, of all services; then calls with certificates, made by
# openssl as docs/tls.md says.
set -euo pipefail

tools="$(pwd)/target/suites/grpcurl"
if ! command -v go >/dev/null; then
    echo "skipped: go is not on this machine, so grpcurl cannot be built"
    exit 0
fi
if ! GOBIN="$tools" go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3; then
    echo "skipped: grpcurl cannot be built on this machine"
    exit 0
fi

cargo build -p shipper
scratch="$(mktemp -d)"
port=$((20000 + RANDOM % 20000))
cat >"$scratch/auditrail.yaml" <<YAML
shipper:
  listen: 127.0.0.1:$port
  http_listen: 127.0.0.1:$((port + 1))
  spool: {dir: $scratch/spool}
  destinations: {copy: {type: file, path: $scratch/copy.log}}
YAML
"${CARGO_TARGET_DIR:-target}/debug/shipper" --config "$scratch/auditrail.yaml" 2>"$scratch/words" &
shipper=$!
trap 'kill "$shipper" 2>/dev/null || true; wait "$shipper" 2>/dev/null || true; rm -rf "$scratch"' EXIT

ask() { "$tools/grpcurl" -plaintext -connect-timeout 5 -d "$2" "127.0.0.1:$port" "auditrail.v1.Shipper/$1"; }
call() { "$tools/grpcurl" -plaintext -connect-timeout 5 "127.0.0.1:$port" "$@"; }

for _ in $(seq 100); do
    if call list >"$scratch/services" 2>/dev/null; then break; fi
    read -rt 0.1 <> <(:) || true
done
for service in auditrail.v1.Pipe auditrail.v1.Admin auditrail.v1.Shipper grpc.health.v1.Health; do
    grep -qx "$service" "$scratch/services" || { echo "$service is not listed"; cat "$scratch/words"; exit 1; }
done
call grpc.health.v1.Health/Check | grep -q SERVING
call auditrail.v1.Admin/Status | grep -q '"service": "shipper"'
ask Hold '{"destination": "copy", "reason": "a suite"}' | grep -q '"heldByOperator": true'
call auditrail.v1.Shipper/Destinations | grep -q '"state": "held"'
ask Release '{"destination": "copy"}' | grep -q '"state": "idle"'
call auditrail.v1.Shipper/ListDeadLetters >/dev/null
call auditrail.v1.Shipper/Receipts >/dev/null
if call auditrail.v1.Shipper/DropDeadLetters 2>"$scratch/refused"; then echo "an empty request drops"; exit 1; fi
grep -q InvalidArgument "$scratch/refused"
echo "grpcurl lists, checks, asks, holds and releases: 9 passed, 0 failed"

# Every call of Admin, with its real answer.
admin() { "$tools/grpcurl" -plaintext -connect-timeout 5 -d "$2" "127.0.0.1:$port" "auditrail.v1.Admin/$1"; }
refused() { if "$@" 2>"$scratch/refused"; then echo "not refused: $*"; exit 1; fi; }
[ "$(admin WatchStatus '{"seconds": 1, "limit": 2}' | grep -c '"service": "shipper"')" = 2 ]
admin SetLogLevel '{"level": "debug", "seconds": 60}' | grep -q '"level": "debug"'
refused admin SetLogLevel '{"level": "loud"}'
grep -q InvalidArgument "$scratch/refused"
grep -q 'loud' "$scratch/refused"
admin Reload '{}' >"$scratch/reload"
if grep -q problem "$scratch/reload"; then cat "$scratch/reload"; exit 1; fi
cp "$scratch/auditrail.yaml" "$scratch/good.yaml"
echo '  no_such_key: 1' >>"$scratch/auditrail.yaml"
admin Reload '{}' | grep -q 'no_such_key'
cp "$scratch/good.yaml" "$scratch/auditrail.yaml"
admin Drain '{"seconds": 5}' | grep -q '"drained": true'
call grpc.health.v1.Health/Check | grep -q NOT_SERVING
admin Drain '{"resume": true}' >/dev/null
call grpc.health.v1.Health/Check | grep -q '"SERVING"'
echo "grpcurl watches, sets the log level, reloads and drains: 8 passed, 0 failed"

if command -v python3 >/dev/null; then
    cargo build -p auditrail
    mkdir "$scratch/documented"
    python3 tests/suites/grpcurl/documented.py "$tools/grpcurl" "${CARGO_TARGET_DIR:-target}/debug/auditrail" docs/admin.md \
        "$scratch/documented"
else
    echo "skipped: python3 is not on this machine, so the commands of docs/admin.md are not run"
fi

if ! command -v openssl >/dev/null; then
    echo "skipped: openssl is not on this machine, so no certificates can be made"
    exit 0
fi
kill "$shipper" && wait "$shipper" || true
cd "$scratch"
key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
openssl req -x509 "${key[@]}" -days 30 -subj "/CN=audit authority" -keyout ca.key -out ca.crt \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
for name in shipper.audit operator monitoring stranger; do
    openssl req "${key[@]}" -subj "/CN=$name" -keyout "$name.key" -out "$name.csr" 2>/dev/null
    printf 'subjectAltName=DNS:%s\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n' "$name" >"$name.ext"
    openssl x509 -req -in "$name.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile "$name.ext" \
        -out "$name.crt" 2>/dev/null
done
cat >>auditrail.yaml <<YAML
tls:
  certificate: $scratch/shipper.audit.crt
  key: $scratch/shipper.audit.key
  authority: $scratch/ca.crt
  roles: {admin: [operator], read: [monitoring]}
YAML
cd - >/dev/null
"${CARGO_TARGET_DIR:-target}/debug/shipper" --config "$scratch/auditrail.yaml" 2>>"$scratch/words" &
shipper=$!

as() {
    local name="$1"
    shift
    "$tools/grpcurl" -connect-timeout 5 -cacert "$scratch/ca.crt" -cert "$scratch/$name.crt" -key "$scratch/$name.key" \
        -servername shipper.audit "127.0.0.1:$port" "$@"
}
for _ in $(seq 100); do
    if as operator list >"$scratch/services" 2>/dev/null; then break; fi
    read -rt 0.1 <> <(:) || true
done
grep -qx auditrail.v1.Shipper "$scratch/services" || { echo "nobody answers"; cat "$scratch/words"; exit 1; }
as monitoring grpc.health.v1.Health/Check | grep -q SERVING
as monitoring auditrail.v1.Admin/Status | grep -q '"service": "shipper"'
as operator auditrail.v1.Shipper/Destinations | grep -q '"state": "idle"'
if as monitoring auditrail.v1.Shipper/Destinations 2>"$scratch/refused"; then echo "no role was asked for"; exit 1; fi
grep -q PermissionDenied "$scratch/refused" && grep -q 'tls.roles.admin' "$scratch/refused"
if as stranger list 2>"$scratch/refused"; then echo "a stranger sees the services"; exit 1; fi
grep -q 'stranger' "$scratch/refused"
if "$tools/grpcurl" -connect-timeout 5 -cacert "$scratch/ca.crt" -servername shipper.audit "127.0.0.1:$port" list \
    2>"$scratch/refused"; then echo "a caller without a certificate is answered"; exit 1; fi
if call list 2>"$scratch/refused"; then echo "plain text is answered"; exit 1; fi
echo "grpcurl with certificates: 8 passed, 0 failed"
