#!/bin/sh
# Alarms by mail to a real SMTP server (aiosmtpd): STARTTLS with a certificate that is checked, a
# password, the text that arrives; then a wrong password, a certificate of somebody else, and a
# server without TLS, none of which may get a mail.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${GREFFE_RIG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/greffe/rigs/smtp}
mkdir -p "$cache"
work=$(mktemp -d)
server=

finish() {
    # Closing its standard input ends the server.
    exec 3>&- || true
    [ -z "$server" ] || wait "$server" || true
    rm -rf "$work"
}
trap finish EXIT

say() { printf '%s\n' "$*"; }
fail() { say "FAILED: $*"; exit 1; }

if ! cmp -s "$here/requirements.txt" "$cache/venv/requirements.txt"; then
    say "fetching aiosmtpd from PyPI into $cache"
    rm -rf "$cache/venv"
    python3 -m venv "$cache/venv"
    "$cache/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --only-binary=:all: --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$cache/venv/"
fi
command -v openssl > /dev/null || fail "rig smtp makes a certificate: install openssl"
(cd "$root" && cargo build --quiet --workspace --bin greffe)
greffe=${CARGO_TARGET_DIR:-$root/target}/debug/greffe

# Without a configuration of the system's, which would make each a certificate authority.
printf '[req]\ndistinguished_name = dn\n[dn]\n' > "$work/openssl.cnf"
for name in good other; do
    openssl req -x509 -config "$work/openssl.cnf" -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
        -subj "/CN=localhost" -addext "subjectAltName=DNS:localhost" -addext "basicConstraints=critical,CA:FALSE" \
        -keyout "$work/$name.key" -out "$work/$name.pem" 2> /dev/null
done
mkdir "$work/mail"
mkfifo "$work/in" "$work/out"
"$cache/venv/bin/python" -B "$here/server.py" "$work/good.pem" "$work/good.key" "$work/mail" \
    < "$work/in" > "$work/out" &
server=$!
exec 3> "$work/in"
read -r port < "$work/out"

printf 'a passphrase for the rig' > "$work/pass"
printf 'correct horse' > "$work/password"
"$greffe" --home "$work/office" --passphrase-file "$work/pass" --quiet init > /dev/null
cp "$work/office/greffe.toml" "$work/before.toml"

# settings CA PASSWORD-FILE TLS
settings() {
    cp "$work/before.toml" "$work/office/greffe.toml"
    cat >> "$work/office/greffe.toml" <<EOF

[alarms.mail]
server = "localhost:$port"
tls = "$3"
ca = "$1"
user = "greffe"
password-file = "$2"
from = "Greffe <greffe@example.org>"
to = ["duty@example.org", "second@example.org"]
EOF
}

try() { "$greffe" --home "$work/office" --json alarms test > "$work/said" 2>&1; }

settings "$work/good.pem" "$work/password" starttls
try || { cat "$work/said"; fail "the mail was not taken"; }
mail="$work/mail/1.txt"
[ -f "$mail" ] || fail "no mail has arrived"
grep -q '^cipher: TLS_' "$mail" || fail "the mail came without TLS: $(head -1 "$mail")"
grep -q '^authenticated: True' "$mail" || fail "nobody had authenticated"
grep -q '^to: duty@example.org second@example.org' "$mail" || fail "not to both"
grep -q '^subject: Greffe [0-9a-f]*: ' "$mail" || fail "another subject"
say "passed: STARTTLS, password, text"

printf 'wrong' > "$work/wrong"
settings "$work/good.pem" "$work/wrong" starttls
if try; then fail "a wrong password was no failure"; fi
say "passed: a wrong password is told"
settings "$work/other.pem" "$work/password" starttls
if try; then fail "another certificate was believed"; fi
say "passed: a certificate of somebody else is not believed"
settings "$work/good.pem" "$work/password" tls
if try; then fail "TLS from the beginning was spoken to a server that has none"; fi
settings "$work/good.pem" "$work/password" none
if try; then fail "a server that wants STARTTLS took a mail without"; fi
say "passed: nothing goes another way than the settings say"
[ "$(ls "$work/mail" | wc -l)" -eq 1 ] || fail "more mails than one"
say "5 passed, 0 failed"
