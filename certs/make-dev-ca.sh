#!/bin/sh
# Certificates for development and tests, never for production.
#
#   certs/make-dev-ca.sh DIR [DAYS]
#
# Makes in DIR: ca.crt ca.key, server.crt server.key (localhost, 127.0.0.1, ::1),
# client.crt client.key; all ECDSA P-256. An authority that is there already is
# kept and signs new certificates, so that whoever trusts it goes on doing so.
set -eu

[ $# -ge 1 ] || { echo "usage: $0 DIR [DAYS]" >&2; exit 64; }
dir=$1
days=${2:-90}
profiles=$(dirname "$0")/profiles
umask 077
mkdir -p "$dir"

key() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null
}

# make NAME: a key and a certificate by the profile of the same name
make() {
    key "$dir/$1.key.new"
    openssl req -new -key "$dir/$1.key.new" -config "$profiles/$1.cnf" |
        openssl x509 -req -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -days "$days" \
            -set_serial "0x$(openssl rand -hex 16)" -extfile "$profiles/$1.cnf" \
            -extensions "$1" -out "$dir/$1.crt.new" 2>/dev/null
    mv "$dir/$1.key.new" "$dir/$1.key"
    mv "$dir/$1.crt.new" "$dir/$1.crt"
}

if [ ! -f "$dir/ca.key" ]; then
    key "$dir/ca.key"
    openssl req -new -x509 -key "$dir/ca.key" -config "$profiles/ca.cnf" -days 3650 \
        -out "$dir/ca.crt"
fi
make server
make client
chmod 755 "$dir"
chmod 644 "$dir"/*.crt
