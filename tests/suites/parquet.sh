#!/usr/bin/env bash
# Another engine reads the lake's files: DuckDB, in a Python environment of its own.
set -euo pipefail

environment="$(pwd)/target/suites/parquet"
if ! python3 -m venv "$environment" 2>/dev/null; then
    echo "skipped: python3 with venv is not on this machine"
    exit 0
fi
if ! "$environment/bin/pip" install --quiet --disable-pip-version-check duckdb pyarrow; then
    echo "skipped: duckdb and pyarrow cannot be installed on this machine"
    exit 0
fi
PYTHON="$environment/bin/python" cargo test -p lake --test another_engine -- --nocapture
