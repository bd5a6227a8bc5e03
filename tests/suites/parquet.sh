#!/usr/bin/env bash
# Other engines read the lake's files: in a Python environment of their own DuckDB and pyarrow, and ClickHouse (chdb) and
# Spark where those can be installed; a Trino server, where one can be. All but pyarrow through the statements of
# `auditrail lake ddl`; Athena's is taken by Hive's metastore in Spark, and its table read by Trino.
set -euo pipefail

environment="$(pwd)/target/suites/parquet"
if ! python3 -m venv "$environment" 2>/dev/null; then
    echo "skipped: python3 with venv is not on this machine"
    exit 0
fi
install() { "$environment/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
if ! install duckdb pyarrow; then
    echo "skipped: duckdb and pyarrow cannot be installed on this machine"
    exit 0
fi
install chdb || echo "skipped: chdb (ClickHouse) cannot be installed on this machine"
if command -v java >/dev/null; then
    install pyspark || echo "skipped: pyspark cannot be installed on this machine"
else
    echo "skipped: Spark needs java, which is not on this machine"
fi
export PYTHON="$environment/bin/python"
source tests/suites/parquet/trino.sh
moto
trino
cargo test -p lake --test another_engine -- --nocapture
cargo test -p auditrail --test lake_other_engines -- --nocapture
