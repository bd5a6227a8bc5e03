# Read by parquet.sh: a Trino server of one node with its Hive connector, and a service that speaks S3 and Glue (moto), on
# loopback. Where they run, TRINO and S3 are their addresses.
#
# Trino comes as two archives from Maven's registry, 450 MB, which the local repository of Maven keeps.

TRINO_VERSION=476
# What this version of Trino needs.
TRINO_JAVA=24

here="$(pwd)/target/suites/trino"
mkdir -p "$here"
servers=()
trap 'for server in "${servers[@]}"; do kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; done' EXIT

# A java that is new enough, if any is here.
java_for_trino() {
    local java major
    for java in "${JAVA_HOME:-/nowhere}/bin/java" "$(command -v java || true)" /usr/lib/jvm/*/bin/java; do
        [ -x "$java" ] || continue
        major="$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')"
        if [ "${major:-0}" -ge "$TRINO_JAVA" ]; then
            echo "$java"
            return
        fi
    done
    return 1
}

# Unpacks an archive of Trino into a directory, once: unpack ARTIFACT DIRECTORY.
unpack() {
    [ -e "$2/unpacked" ] && return
    # What it leaves where it is run belongs with the rest.
    (cd "$here" && mvn --batch-mode --quiet -Dmaven.wagon.rto=60000 -Daether.connector.requestTimeout=60000 \
        dependency:unpack -Dartifact="$1" -DoutputDirectory="$2") >"$2.words" 2>&1 && touch "$2/unpacked"
}

# Waits until a server answers, at most two minutes: answers NAME PATTERN URL.
answers() {
    for _ in $(seq 240); do
        if "$PYTHON" -c 'import sys, urllib.request as r
sys.exit(sys.argv[1] not in r.urlopen(sys.argv[2], timeout=5).read().decode())' "$2" "$3" 2>/dev/null; then return; fi
        kill -0 "${servers[-1]}" 2>/dev/null || break
        read -rt 0.5 <> <(:) || true
    done
    echo "$1 did not start"
    tail -40 "$here/$1.words"
    exit 1
}

moto() {
    local port=$((20000 + RANDOM % 10000))
    if ! install 'moto[server]'; then
        echo "skipped: moto (S3 and Glue) cannot be installed on this machine"
        return
    fi
    "$environment/bin/moto_server" -H 127.0.0.1 -p "$port" >"$here/moto.words" 2>&1 &
    servers+=($!)
    S3="http://127.0.0.1:$port"
    answers moto '' "$S3/moto-api/"
    export S3
}

# The catalog `hive` is what the statement of `lake ddl` for Trino asks for; `athena` has its tables from Glue.
catalogs() {
    local s3="fs.native-s3.enabled=true
s3.endpoint=$S3
s3.region=us-east-1
s3.path-style-access=true
s3.aws-access-key=suite
s3.aws-secret-key=not-secret
hive.timestamp-precision=MICROSECONDS"
    mkdir -p "$here/etc/catalog"
    cat >"$here/etc/catalog/hive.properties" <<PROPERTIES
connector.name=hive
hive.metastore=file
hive.metastore.catalog.dir=local://$here/metastore
fs.native-local.enabled=true
local.location=/
$s3
PROPERTIES
    cat >"$here/etc/catalog/athena.properties" <<PROPERTIES
connector.name=hive
hive.metastore=glue
hive.metastore.glue.region=us-east-1
hive.metastore.glue.endpoint-url=$S3
hive.metastore.glue.aws-access-key=suite
hive.metastore.glue.aws-secret-key=not-secret
hive.partition-projection-enabled=true
$s3
PROPERTIES
}

trino() {
    local java port=$((30000 + RANDOM % 10000))
    if ! command -v mvn >/dev/null || ! java="$(java_for_trino)"; then
        echo "skipped: Trino needs mvn and a java of $TRINO_JAVA or later, which are not on this machine"
        return
    fi
    if ! unpack "io.trino:trino-server-core:$TRINO_VERSION:tar.gz" "$here/server" ||
        ! unpack "io.trino:trino-hive:$TRINO_VERSION:zip" "$here/plugin"; then
        echo "skipped: Trino cannot be installed on this machine"
        return
    fi
    if [ -z "${S3:-}" ]; then
        echo "skipped: Trino, without moto"
        return
    fi
    rm -rf "$here/etc" "$here/metastore" "$here/data"
    catalogs
    cat >"$here/etc/config.properties" <<PROPERTIES
node.environment=suite
node.id=suite
node.bind-ip=127.0.0.1
node.internal-address=127.0.0.1
coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port=$port
discovery.uri=http://127.0.0.1:$port
web-ui.enabled=false
plugin.dir=$here/plugin
catalog.config-dir=$here/etc/catalog
query.max-memory=256MB
query.max-memory-per-node=256MB
memory.heap-headroom-per-node=256MB
PROPERTIES
    (cd "$here" && exec "$java" -Xmx1G -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError \
        -Djdk.attach.allowAttachSelf=true --add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
        --sun-misc-unsafe-memory-access=allow -Dnode.data-dir="$here/data" -Dconfig="$here/etc/config.properties" \
        -cp "$here/server/trino-server-core-$TRINO_VERSION/lib/*" io.trino.server.TrinoServer) \
        >"$here/trino.words" 2>&1 &
    servers+=($!)
    answers trino '"starting":false' "http://127.0.0.1:$port/v1/info"
    export TRINO="http://127.0.0.1:$port"
}
