#!/usr/bin/env bash
# The same questions in SQL to ours and to another engine, on the same files: DuckDB, in the Python environment of parquet.sh.
set -euo pipefail

environment="$(pwd)/target/suites/parquet"
if ! python3 -m venv "$environment" 2>/dev/null; then
    echo "skipped: python3 with venv is not on this machine"
    exit 0
fi
if ! "$environment/bin/python" -m pip install --quiet --disable-pip-version-check duckdb; then
    echo "skipped: duckdb cannot be installed on this machine"
    exit 0
fi
PYTHON="$environment/bin/python" cargo test -p auditrail --test sql_another_engine -- --nocapture
