#!/bin/sh
# Installs what `make build` has made, under $DESTDIR and $PREFIX (/usr).
# Without DESTDIR it makes the user and loads the unit and kernel settings too,
# where it may. Configuration that is there is left alone.
set -eu
cd "$(dirname "$0")/.."
dest=${DESTDIR-}
prefix=${PREFIX:-/usr}
bin=${BIN:-bin}

if [ ! -e "$bin/tandem" ]; then
	echo "install: there is no $bin/tandem; run make build first" >&2
	exit 1
fi
install -D -m 0755 "$bin/tandem" "$dest$prefix/bin/tandem"
# A slim build has no voices.
if [ -e "$bin/tandem-voice" ]; then
	install -D -m 0755 "$bin/tandem-voice" "$dest$prefix/lib/tandem/tandem-voice"
fi
install -D -m 0644 deploy/tandem.sysusers "$dest$prefix/lib/sysusers.d/tandem.conf"
install -D -m 0644 deploy/tandem.sysctl "$dest$prefix/lib/sysctl.d/60-tandem.conf"
install -d "$dest$prefix/lib/systemd/system"
sed "s,/usr/bin/tandem,$prefix/bin/tandem,; s,/usr/share/doc,$prefix/share/doc," deploy/tandem.service >"$dest$prefix/lib/systemd/system/tandem.service"
chmod 0644 "$dest$prefix/lib/systemd/system/tandem.service"
install -d "$dest$prefix/share/doc/tandem/examples"
for f in README.md CHANGELOG.md; do
	[ ! -e $f ] || install -m 0644 $f "$dest$prefix/share/doc/tandem/"
done
install -d "$dest$prefix/share/doc/tandem/docs"
for f in examples/*.yaml docs/*.md; do
	[ ! -e "$f" ] || install -m 0644 "$f" "$dest$prefix/share/doc/tandem/${f%/*}/"
done

# Only tandem may read the configuration, and only root what becomes a
# credential.
if [ -z "$dest" ] && [ "$(id -u)" = 0 ] && command -v systemd-sysusers >/dev/null; then
	systemd-sysusers tandem.conf
fi
install -d -m 0755 "$dest/etc/tandem"
install -d -m 0700 "$dest/etc/tandem/secrets"
if [ ! -e "$dest/etc/tandem/tandem.yaml" ]; then
	install -m 0640 deploy/tandem.yaml "$dest/etc/tandem/tandem.yaml"
	if [ -z "$dest" ] && getent group tandem >/dev/null; then
		chgrp tandem /etc/tandem/tandem.yaml
	fi
fi

if [ -n "$dest" ] || [ "$(id -u)" != 0 ]; then
	exit 0
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	sysctl -q -p "$prefix/lib/sysctl.d/60-tandem.conf" || echo "install: the kernel took not all of $prefix/lib/sysctl.d/60-tandem.conf" >&2
	echo "install: edit /etc/tandem/tandem.yaml, then: systemctl enable --now tandem"
fi
