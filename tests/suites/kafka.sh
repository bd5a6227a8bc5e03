#!/usr/bin/env bash
# A real Kafka takes what we send: every codec, certificates on both sides, PLAIN and SCRAM, a topic with a low limit, a broker that is killed. What
# its own console consumer reads has to be the log, byte for byte and in order.
set -euo pipefail

for needed in java mvn openssl zstd; do
    if ! command -v "$needed" >/dev/null; then
        echo "skipped: $needed is not on this machine (packages openjdk-17-jre-headless, maven, openssl, zstd)"
        exit 0
    fi
done
tools="$(pwd)/target/suites/kafka"
mkdir -p "$tools"
cat >"$tools/pom.xml" <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>suites</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.1.1</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>4.1.1</version></dependency>
  </dependencies>
</project>
XML
if ! mvn -q -B -f "$tools/pom.xml" dependency:copy-dependencies -DoutputDirectory="$tools/lib" >"$tools/words" 2>&1; then
    echo "skipped: Kafka's jars cannot be fetched on this machine"
    exit 0
fi

cargo build -p auditrail
auditrail="$(pwd)/${CARGO_TARGET_DIR:-target}/debug/auditrail"
fixtures="$(pwd)/tests/fixtures"
scratch="$(mktemp -d)"
broker=""
trap 'kill -9 $broker 2>/dev/null || true; rm -rf "$scratch"' EXIT
cd "$scratch"

port=$((20000 + RANDOM % 20000))
plain="127.0.0.1:$port" secure="127.0.0.1:$((port + 2))"
run() { java -Xmx512m -cp "$tools/lib/*" "$@" 2>>words; }
pause() { read -rt 0.2 <> <(:) || true; }

certificates() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=suite -keyout ca.key -out ca.pem
    printf 'subjectAltName=IP:127.0.0.1\n' >extensions
    for who in broker client; do
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$who" -keyout "$who.key" -out "$who.csr"
        openssl x509 -req -in "$who.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out "$who.crt"
    done
    cat broker.key broker.crt ca.pem >broker.pem
}
certificates 2>>words
cat >server.properties <<CONF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://$plain,SASL_SSL://$secure,CONTROLLER://127.0.0.1:$((port + 1))
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL
inter.broker.listener.name=PLAINTEXT
log.dirs=$scratch/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_auditrail="of-plain";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location=$scratch/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=$scratch/ca.pem
ssl.client.auth=required
CONF
run kafka.tools.StorageTool format -t "$(run kafka.tools.StorageTool random-uuid)" -c server.properties \
    --add-scram 'SCRAM-SHA-256=[name=auditrail,password=of-256]' \
    --add-scram 'SCRAM-SHA-512=[name=auditrail,password=of-512]' >>words

start() {
    java -Xmx512m -cp "$tools/lib/*" kafka.Kafka server.properties >>words 2>&1 &
    broker=$!
    disown "$broker" # its end is no news
}
topic() { run org.apache.kafka.tools.TopicCommand --bootstrap-server "$plain" --create --topic "$@" >>words; }

start
for _ in $(seq 150); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
    pause
done
zstd -qdc "$fixtures/small.log.zst" >audit.log
zstd -qdc "$fixtures/real.log.zst" >>audit.log
certificates="ca_file: $scratch/ca.pem, cert_file: $scratch/client.crt, key_file: $scratch/client.key"
lines="$(wc -l <audit.log)"

passed=0
# Sends the log to the topic $1, with the settings $2.
send() {
    cat >"$1.yaml" <<YAML
shipper:
  destinations:
    k: {type: kafka, topic: $1, $2}
YAML
    "$auditrail" up --once --path "$scratch/audit.log" --config "$1.yaml" --to k --data "$1.data" 2>"$1.words" || {
        cat "$1.words"
        exit 1
    }
}
# Reads the topic $1 back; one more than there may be, so that a repeat would show.
same() {
    run org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$plain" --topic "$1" --from-beginning \
        --max-messages $((lines + 1)) --timeout-ms 4000 >"$1.out" || true
    cmp "$1.out" audit.log || {
        echo "topic $1 is not the log"
        exit 1
    }
    passed=$((passed + 1))
}
# `sasl` with the mechanism $1 and the password $2.
proof() {
    printf '%s\n' "$2" >"$1.password"
    echo "brokers: ['$secure'], protocol: tls, tls: {$certificates}," \
        "sasl: {mechanism: $1, user: auditrail, password_file: $scratch/$1.password}"
}

for codec in zstd gzip snappy lz4 none; do
    topic "$codec" --partitions 3
    case $codec in
        gzip) way="$(proof plain of-plain)" ;;
        snappy) way="$(proof scram-sha-256 of-256)" ;;
        lz4) way="$(proof scram-sha-512 of-512)" ;;
        *) way="brokers: ['$plain']" ;;
    esac
    send "$codec" "$way, compression: $codec"
    same "$codec"
done

# The topic takes less than a body has: bodies are halved, and the order stays.
topic low --partitions 3 --config max.message.bytes=60000
send low "brokers: ['$plain'], compression: none"
same low

# The broker is killed, and comes back while we wait.
topic killed --partitions 3
kill -9 "$broker"
send killed "brokers: ['$plain'], timeout: 5s" &
sender=$!
for _ in $(seq 150); do
    if grep -q 'no answer' killed.words 2>/dev/null; then break; fi
    pause
done
start
wait "$sender"
same killed

# What an operator has to mend is said, and exit code 1 says that it was not.
printf 'wrong\n' >scram-sha-512.password
cat >wrong.yaml <<YAML
shipper:
  destinations:
    k: {type: kafka, topic: zstd, brokers: ['$secure'], protocol: tls, tls: {$certificates},
        sasl: {mechanism: scram-sha-512, user: auditrail, password_file: $scratch/scram-sha-512.password}}
    t: {type: kafka, topic: no-such-topic, brokers: ['$plain']}
YAML
if "$auditrail" up --once --give-up 3s --path "$scratch/audit.log" --config wrong.yaml --to k --to t --data wrong.data \
    2>wrong.words; then
    echo "a wrong password and a missing topic were no failure"
    exit 1
fi
grep -q 'SASL_AUTHENTICATION_FAILED' wrong.words
grep -q 'UNKNOWN_TOPIC_OR_PARTITION' wrong.words
passed=$((passed + 1))
echo "a real Kafka: $passed passed, 0 failed"
