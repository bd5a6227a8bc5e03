#!/usr/bin/env bash
# A real browser clicks through the console: over a real log, and over one whose every shown field attacks the page.
set -euo pipefail

environment="$(pwd)/target/suites/console"
browser="${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}"
if [ -z "$browser" ]; then
    echo "skipped: no Chromium on this machine (CHROMIUM names one)"
    exit 0
fi
if ! python3 -m venv "$environment" 2>/dev/null; then
    echo "skipped: python3 with venv is not on this machine"
    exit 0
fi
if ! "$environment/bin/python" -m pip install --quiet --disable-pip-version-check playwright; then
    echo "skipped: playwright cannot be installed on this machine"
    exit 0
fi
cargo build --quiet -p auditrail
"$environment/bin/python" tests/suites/console/browse.py "$browser" target/debug/auditrail "$environment/pages"
