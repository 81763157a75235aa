#!/bin/bash
# WhatsApp's business interface: connector, agent, relay and vault as processes that are killed, a
# stand-in for Meta, a judge, and pywa as a foreign reader. See README.md.
#   SEED=N   another order of kills; printed, so that a run can be had again
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${GREFFE_RIG_CACHE:-$HOME/.cache/greffe/rigs/whatsapp}
mkdir -p "$cache"

if ! cmp -s "$here/requirements.txt" "$cache/requirements.txt"; then
  rm -rf "$cache/python"
  python3 -m venv "$cache/python"
  "$cache/python/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$cache/"
fi

cd "$root"
cargo build --quiet --workspace --bin part --bin live --bin greffe --bin greffe-whatsapp
binaries=${CARGO_TARGET_DIR:-$root/target}/debug

exec "$cache/python/bin/python" -B "$here/rig.py" "$binaries" "${SEED:-$RANDOM}" "$root/vectors/samples/whatsapp"
