#!/bin/sh
# The relay on an S3 server that is not ours (moto): files of the log, multipart uploads, ranges,
# abandoned groups, and a whole relay with a restart. Ends with "N passed, 0 failed".
#
# The server lies in a virtual environment in the cache; a second run needs no network.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/greffe/rigs/s3
mkdir -p "$cache"

if ! cmp -s "$here/requirements.txt" "$cache/requirements.txt" || [ ! -x "$cache/venv/bin/python" ]; then
    echo "fetching moto from PyPI into $cache"
    rm -rf "$cache/venv" "$cache/requirements.txt"
    python3 -m venv "$cache/venv" || {
        echo "rig s3 keeps its server in a virtual environment: install python3-venv"
        exit 1
    }
    "$cache/venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$cache/requirements.txt"
fi

work=$(mktemp -d "$cache/run.XXXXXX")
mkfifo "$work/alive" "$work/endpoint"
"$cache/venv/bin/python" -B "$here/serve.py" <"$work/alive" >"$work/endpoint" 2>"$work/errors" &
server=$!
# The server runs until this end of the pipe is closed.
exec 3>"$work/alive"
trap 'exec 3>&-; wait "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
read -r endpoint <"$work/endpoint" || {
    cat "$work/errors"
    echo "the S3 server did not start"
    exit 1
}

echo "the S3 server answers at $endpoint"
cd "$root"
status=0
GREFFE_S3_ENDPOINT=$endpoint cargo test --quiet --package relay --test s3 -- --ignored >"$work/tests" 2>&1 || status=$?
cat "$work/tests"
sed -n 's/^test result: .* \([0-9]*\) passed; \([0-9]*\) failed;.*/\1 passed, \2 failed/p' "$work/tests" | tail -1
exit "$status"
