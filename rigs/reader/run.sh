#!/bin/sh
# The second reader: Python, written from docs/spec/ alone. It reproduces every vector, refuses what
# must be refused for the right reason, and notices altered bytes. Ends with "N passed, N failed".
#
# Its packages lie in a virtual environment in the cache; a second run needs no network.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${GREFFE_RIG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/greffe/rigs/reader}
mkdir -p "$cache"

say() { printf '%s\n' "$*"; }

prepare() {
    if cmp -s "$here/requirements.txt" "$cache/venv/requirements.txt"; then
        return
    fi
    if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        say "rig reader wants Python 3.11 or later as python3"
        exit 1
    fi
    say "fetching the reader's packages from PyPI into $cache (about 30 MB on disk)"
    rm -rf "$cache/venv"
    if ! python3 -m venv "$cache/venv"; then
        say "rig reader makes a virtual environment: install python3-venv"
        exit 1
    fi
    "$cache/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --only-binary=:all: --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$cache/venv/"
}

prepare
cd "$here"
"$cache/venv/bin/python" -B -m reader vectors "$root/vectors"
