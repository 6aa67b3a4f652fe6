#!/bin/sh
# Brings the other implementation with npm and runs signatures.mjs; without npm says so and skips.
set -u
here=$(dirname "$0")
folder=$PEERPOST_BUILD/interop
package=http-message-signatures@1.0.6
skip() {
    echo "skipped: $1, so request signatures were not tried against another implementation"
    exit 77
}
command -v node >/dev/null || skip "there is no node"
command -v npm >/dev/null || skip "there is no npm"
mkdir -p "$folder" || exit 1
if [ ! -d "$folder/node_modules/http-message-signatures" ]; then
    (cd "$folder" && timeout 120 npm install --ignore-scripts --no-audit --no-fund --no-save "$package") \
        >"$folder/npm.log" 2>&1 || skip "npm cannot install $package ($folder/npm.log says why)"
fi
exec node "$here/signatures.mjs" "$PEERPOST_BUILD/tests/signature_tool" "$folder"
