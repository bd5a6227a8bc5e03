#!/usr/bin/env bash
# The lake in a bucket, on loopback: S3's protocol as moto speaks it (pip), Azure's as Azurite does (npm), Google's as
# far as it is S3's, with its ways to sign in. A service that cannot be installed is said to be skipped.
set -euo pipefail

here="$(pwd)/target/suites/object_storage"
mkdir -p "$here"
servers=()
trap 'for server in "${servers[@]}"; do kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; done' EXIT

# Starts a service on a free port, which is in $port then: start NAME COMMAND..., PORT in the command is the port.
start() {
    local name="$1"
    shift
    port=$((20000 + RANDOM % 20000))
    "${@//PORT/$port}" >"$here/$name.words" 2>&1 &
    servers+=($!)
    for _ in $(seq 600); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return; fi
        read -rt 0.1 <> <(:) || true
    done
    echo "$name did not start"
    tail -40 "$here/$name.words"
    exit 1
}

# The same tests for each: lake URL, endpoint, credentials (none: the machine's own).
hold() {
    AUDITRAIL_BUCKET="$1" AUDITRAIL_ENDPOINT="$2" AUDITRAIL_CREDENTIALS="$3" \
        cargo test -p lake --test object_storage -- --ignored --nocapture
    AUDITRAIL_BUCKET="$1" AUDITRAIL_ENDPOINT="$2" AUDITRAIL_CREDENTIALS="$3" \
        cargo test -p auditrail --test lake_in_a_bucket -- --ignored --nocapture
}

# Starts moto with a bucket `lake`, as what it is to be called and with its arguments; fails where it cannot be installed.
moto() {
    if ! python3 -m venv "$here" 2>/dev/null ||
        ! "$here/bin/python" -m pip install --quiet --disable-pip-version-check 'moto[server]'; then
        echo "skipped: moto ($1) cannot be installed on this machine"
        return 1
    fi
    shift
    start moto "$here/bin/python" tests/suites/object_storage/service.py PORT "$@"
}

s3() {
    moto S3 || return 0
    printf '[default]\naws_access_key_id = suite\naws_secret_access_key = not-secret\n' >"$here/aws"
    echo "-- S3 (moto)"
    hold s3://lake/here "http://127.0.0.1:$port" "$here/aws"
}

azure() {
    if ! command -v npm >/dev/null ||
        ! npm install --prefix "$here/azurite" --no-audit --no-fund --loglevel=error azurite >/dev/null; then
        echo "skipped: Azurite (Azure) cannot be installed on this machine"
        return
    fi
    # The account that every Azurite has; its key is in Azurite's manual.
    local account=devstoreaccount1
    local key='Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='
    start azurite "$here/azurite/node_modules/.bin/azurite-blob" --silent --inMemoryPersistence --skipApiVersionCheck \
        --blobHost 127.0.0.1 --blobPort PORT
    printf 'azure_storage_account_name = %s\nazure_storage_account_key = %s\n' "$account" "$key" >"$here/azure"
    python3 - "http://127.0.0.1:$port" "$account" "$key" <<'PYTHON'
import base64, email.utils, hashlib, hmac, sys, urllib.request
server, account, key = sys.argv[1:]
headers = {"x-ms-date": email.utils.formatdate(usegmt=True), "x-ms-version": "2023-11-03"}
kind = "application/octet-stream"
lines = ["PUT", "", "", "", "", kind] + [""] * 6 + [f"{name}:{headers[name]}" for name in sorted(headers)]
text = "\n".join([*lines, f"/{account}/{account}/lake", "restype:container"])
signature = base64.b64encode(hmac.digest(base64.b64decode(key), text.encode(), hashlib.sha256)).decode()
headers["Content-Type"] = kind
headers["Authorization"] = f"SharedKey {account}:{signature}"
urllib.request.urlopen(
    urllib.request.Request(f"{server}/{account}/lake?restype=container", method="PUT", headers=headers, data=b"")
)
PYTHON
    echo "-- Azure (Azurite)"
    hold az://lake/here "http://127.0.0.1:$port/$account" "$here/azure"
}

# fake-gcs-server (github.com/fsouza) refuses uploads of Google's XML API, with which the lake writes. That API is S3's
# in what the lake asks of it, so that a service of S3 answers here, behind a door that asks for Google's tokens.
google() {
    local at keys="$here/google"
    rm -rf "$keys"
    mkdir -p "$keys/home"
    moto "Google's XML API" "$keys" || return 0
    at="http://127.0.0.1:$port"
    echo "-- Google's XML API (moto), with a service account's key"
    hold gs://lake/here "$at" "$keys/key.json"
    came_as account
    echo "-- with a key that the account does not have"
    refused gs://lake/here "$at" "$keys/other.json"
    echo "-- with the machine's own identity"
    # Without the credentials that people have for themselves.
    (
        unset GOOGLE_APPLICATION_CREDENTIALS GOOGLE_SERVICE_ACCOUNT GOOGLE_SERVICE_ACCOUNT_PATH SERVICE_ACCOUNT
        export CARGO_HOME="${CARGO_HOME:-$HOME/.cargo}" RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}"
        export HOME="$keys/home" GCE_METADATA_HOST="127.0.0.1:$port"
        hold gs://lake/here "$at" ""
    )
    came_as machine
}

# Whose tokens were taken since the last look: came_as WHO.
came_as() {
    if [ "$(cd "$keys" && echo *.heard)" != "$1.heard" ]; then
        echo "signed in as $(cd "$keys" && echo *.heard), not as $1"
        exit 1
    fi
    rm "$keys/$1.heard"
}

# What cannot sign in is told so at once, and no word is of the key: refused LAKE ENDPOINT CREDENTIALS.
refused() {
    local words
    if words="$(cargo run --quiet -p auditrail -- verify --lake "$1" --lake-endpoint "$2" --lake-credentials-file "$3" 2>&1)"; then
        echo "a key that is not the account's was taken"
        exit 1
    fi
    echo "$words"
    if ! grep -q "not signed by the account's key" <<<"$words" || grep -q "PRIVATE KEY" <<<"$words"; then
        echo "that is not what is to be said"
        exit 1
    fi
}

cargo test -p lake --test object_storage --no-run
cargo test -p auditrail --test lake_in_a_bucket --no-run
for service in s3 azure google; do
    "$service"
done
