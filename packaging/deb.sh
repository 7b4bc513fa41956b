#!/bin/bash
# The Debian package, with plain dpkg-deb, from a meson install: called by ./dev deb.
#   deb.sh BUILD OUT    BUILD: a release build with prefix /usr; OUT: where the package goes
set -euo pipefail

TOP=$(cd "$(dirname "$0")/.." && pwd)
BUILD=$(realpath "$1")
mkdir -p "$2"
OUT=$(realpath "$2")
ROOT=$OUT/root
VERSION=$(meson introspect --projectinfo "$BUILD" |
    /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["version"])')
ARCH=$(dpkg --print-architecture)
DOC=$ROOT/usr/share/doc/postern
readonly TOP BUILD OUT ROOT VERSION ARCH DOC

# The same source gives the same bytes: files are no younger than the last change.
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git -C "$TOP" log -1 --format=%ct 2>/dev/null || date +%s)
fi
export SOURCE_DATE_EPOCH

# complete SHELL FILE: as the program itself writes it.
complete() {
    mkdir -p "$(dirname "$2")"
    "$ROOT/usr/bin/postern" completion "$1" >"$2"
}

install_files() {
    rm -rf "$ROOT"
    DESTDIR=$ROOT meson install -C "$BUILD" --no-rebuild --quiet
    strip --strip-unneeded --remove-section=.comment --remove-section=.note \
        "$ROOT/usr/sbin/posternd" "$ROOT/usr/bin/postern"
    find "$ROOT/usr/share/man" -type f ! -name '*.gz' -exec gzip -9n {} +
    install -m 644 "$TOP/packaging/debian/copyright" "$TOP/packaging/debian/README.Debian" "$DOC"
    {
        printf 'postern (%s) unstable; urgency=medium\n\n' "$VERSION"
        printf '  * See CHANGES.md.gz.\n\n'
        printf ' -- %s  %s\n' "$MAINTAINER" "$(date -uRd "@$SOURCE_DATE_EPOCH")"
    } | gzip -9n >"$DOC/changelog.gz"
    gzip -9nc "$TOP/CHANGES.md" >"$DOC/CHANGES.md.gz"
    complete bash "$ROOT/usr/share/bash-completion/completions/postern"
    complete zsh "$ROOT/usr/share/zsh/vendor-completions/_postern"
    chmod -R u=rwX,go=rX "$ROOT"
}

# What the programs link, as dpkg knows it: it wants a debian/control to be there.
libraries() {
    local work
    work=$(mktemp -d)
    mkdir "$work/debian"
    printf 'Source: postern\n\nPackage: postern\nArchitecture: any\n' >"$work/debian/control"
    (cd "$work" && dpkg-shlibdeps -O "$ROOT/usr/sbin/posternd" "$ROOT/usr/bin/postern" 2>/dev/null) |
        sed -n 's/^shlibs:Depends=//p'
    rm -rf "$work"
}

write_control() {
    mkdir -p "$ROOT/DEBIAN"
    local depends
    depends=$(libraries)
    [ -n "$depends" ] || { echo "deb.sh: dpkg-shlibdeps found no library" >&2; exit 70; }
    cat >"$ROOT/DEBIAN/control" <<TEXT
Package: postern
Version: $VERSION
Architecture: $ARCH
Maintainer: $MAINTAINER
Installed-Size: $(du -sk --exclude=DEBIAN "$ROOT" | cut -f1)
Depends: $depends, systemd | systemd-standalone-sysusers | systemd-sysusers
Recommends: ca-certificates
Section: net
Priority: optional
Description: gateway and client for sealed messages of a medical practice
 Clinicians and their established, consenting patients exchange end-to-end
 encrypted messages through this gateway. What is not sealed, not consented to,
 or between people without a professional relationship is refused with a reason
 and a cure, and every decision is on record without a word of content.
 .
 This package has posternd, the gateway, and postern, the client for every
 role. Nothing is started before /etc/postern/postern.conf has been written.
TEXT
    for script in postinst prerm postrm; do
        install -m 755 "$TOP/packaging/debian/$script" "$ROOT/DEBIAN/$script"
    done
    # Whatever is installed under /etc is the administrator's to change.
    if [ -d "$ROOT/etc" ]; then
        (cd "$ROOT" && find etc -type f -printf '/%p\n' | sort) >"$ROOT/DEBIAN/conffiles"
    fi
    (cd "$ROOT" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z |
        xargs -0 md5sum) >"$ROOT/DEBIAN/md5sums"
    chmod 644 "$ROOT"/DEBIAN/{control,md5sums}
}

# Who answers for the package: whoever builds it says so, else who made the last change.
if [ -n "${DEBEMAIL:-}" ]; then
    MAINTAINER="${DEBFULLNAME:-$DEBEMAIL} <$DEBEMAIL>"
else
    MAINTAINER=$(git -C "$TOP" log -1 --format='%an <%ae>' 2>/dev/null) ||
        MAINTAINER="Whoever built this package <root@localhost>"
fi
readonly MAINTAINER
install_files
write_control
find "$ROOT" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
readonly PACKAGE=$OUT/postern_${VERSION}_$ARCH.deb
dpkg-deb --root-owner-group --build "$ROOT" "$PACKAGE" >/dev/null
rm -rf "$ROOT"
echo "$PACKAGE"
