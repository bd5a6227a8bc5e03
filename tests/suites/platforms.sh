#!/usr/bin/env bash
# Everything compiles for Windows and for macOS too, tests included; nothing is linked or run. What is C in it is
# compiled by Zig's compiler (pip: ziglang), so that neither system's own is needed.
set -euo pipefail

here="$(pwd)/target/suites/platforms"
targets=(x86_64-pc-windows-gnu aarch64-apple-darwin)
mkdir -p "$here"
if ! command -v rustup >/dev/null || ! rustup target add "${targets[@]}"; then
    echo "skipped: rustup cannot install the libraries of ${targets[*]}"
    exit 0
fi
if ! python3 -m venv "$here" 2>/dev/null ||
    ! "$here/bin/python" -m pip install --quiet --disable-pip-version-check ziglang; then
    echo "skipped: Zig's compiler cannot be installed on this machine"
    exit 0
fi

# A compiler for a target, as Zig calls it, that is called as any other is: tool NAME TARGET.
tool() {
    cat >"$here/$1" <<TOOL
#!/usr/bin/env bash
words=()
for word in "\$@"; do
    case "\$word" in --target=* | -arch | arm64 | -mmacosx-version-min=*) ;; *) words+=("\$word") ;; esac
done
exec "$here/bin/python" -m ziglang cc -target $2 "\${words[@]}"
TOOL
    chmod +x "$here/$1"
}
tool windows x86_64-windows-gnu
tool macos aarch64-macos
printf '#!/usr/bin/env bash\nexec "%s" -m ziglang ar "$@"\n' "$here/bin/python" >"$here/ar"
chmod +x "$here/ar"

export CC_x86_64_pc_windows_gnu="$here/windows" AR_x86_64_pc_windows_gnu="$here/ar"
export CC_aarch64_apple_darwin="$here/macos" AR_aarch64_apple_darwin="$here/ar"
cargo check --workspace --all-targets "${targets[@]/#/--target=}"
