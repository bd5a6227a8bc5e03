#!/usr/bin/env bash
# A real OpenSearch takes what the `elasticsearch` destination sends. Its jars come by Maven; it runs on loopback.
set -euo pipefail

home="$(pwd)/target/suites/opensearch"
if ! command -v mvn >/dev/null || ! command -v javac >/dev/null; then
    echo "skipped: a JDK and Maven are not on this machine"
    exit 0
fi
mkdir -p "$home"
if ! mvn -q -B -f tests/suites/opensearch/pom.xml dependency:copy-dependencies -DoutputDirectory="$home/lib"; then
    echo "skipped: OpenSearch's jars cannot be had on this machine"
    exit 0
fi
javac -cp "$home/lib/*" -d "$home/classes" tests/suites/opensearch/Server.java

cargo test -p shipper --test specs --no-run
scratch="$(mktemp -d)"
port=$((20000 + RANDOM % 20000))
java -Xmx1g -cp "$home/classes:$home/lib/*" Server "$scratch" "$port" >"$scratch/words" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$scratch"' EXIT

up() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
for _ in $(seq 600); do
    if up; then break; fi
    read -rt 0.1 <> <(:) || true
done
up || { echo "OpenSearch did not start"; tail -40 "$scratch/words"; exit 1; }
AUDITRAIL_OPENSEARCH="http://127.0.0.1:$port" cargo test -p shipper --test specs opensearch -- --ignored --nocapture
