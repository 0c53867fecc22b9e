#!/bin/sh
# Installs the Debian packages named as arguments that are not installed yet,
# and says so. Run again it does nothing.
set -eu

if ! command -v "${GO:-go}" >/dev/null 2>&1; then
	echo "setup: no Go here. tandem needs Go 1.26 or later: install it (https://go.dev/doc/install)," >&2
	echo "setup: put its bin directory in PATH and run make again." >&2
	exit 1
fi

missing=
for p in "$@"; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
if [ -z "$missing" ]; then
	exit 0
fi

sudo=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		echo "setup: these packages are missing and this user cannot install them:$missing" >&2
		echo "setup: as root, run: apt-get install$missing" >&2
		exit 1
	fi
	sudo=sudo
fi
echo "setup: installing$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
