#!/bin/bash
# Telegram's business bots: connectors, agent, relay and vault as processes that are killed, a
# stand-in for the Bot API, and a judge. See README.md.
#   SEED=N   another order of kills; printed, so that a run can be had again
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

cd "$root"
cargo build --quiet --workspace --bin part --bin live --bin greffe --bin greffe-telegram
binaries=${CARGO_TARGET_DIR:-$root/target}/debug

exec python3 -B "$here/rig.py" "$binaries" "${SEED:-$RANDOM}" "$root/vectors/samples/telegram/bot_api_business_updates.ndjson"
