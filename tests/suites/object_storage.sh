#!/usr/bin/env bash
# The lake in a bucket: S3's protocol as moto speaks it, in a Python environment of its own, on loopback.
set -euo pipefail

environment="$(pwd)/target/suites/object_storage"
if ! python3 -m venv "$environment" 2>/dev/null; then
    echo "skipped: python3 with venv is not on this machine"
    exit 0
fi
if ! "$environment/bin/python" -m pip install --quiet --disable-pip-version-check 'moto[server]'; then
    echo "skipped: moto cannot be installed on this machine"
    exit 0
fi
cargo test -p lake --test object_storage --no-run

export AWS_ACCESS_KEY_ID=suite AWS_SECRET_ACCESS_KEY=not-secret AWS_REGION=us-east-1
port=$((20000 + RANDOM % 20000))
"$environment/bin/moto_server" -H 127.0.0.1 -p "$port" >"$environment/words" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT

up() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
for _ in $(seq 300); do
    if up; then break; fi
    read -rt 0.1 <> <(:) || true
done
up || { echo "moto did not start"; tail -40 "$environment/words"; exit 1; }
"$environment/bin/python" - "http://127.0.0.1:$port" <<'PYTHON'
import boto3, sys
boto3.client("s3", endpoint_url=sys.argv[1]).create_bucket(Bucket="lake")
PYTHON
AUDITRAIL_BUCKET="s3://lake/here" AUDITRAIL_ENDPOINT="http://127.0.0.1:$port" \
    cargo test -p lake --test object_storage -- --ignored --nocapture
