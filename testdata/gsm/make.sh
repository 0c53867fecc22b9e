#!/bin/sh
# Makes the vectors anew, or with "bench" measures libgsm. Needs cc and
# libgsm1-dev.
set -eu
cd "$(dirname "$0")"
bin=$(mktemp)
trap 'rm -f "$bin"' EXIT
${CC:-cc} -O2 -Wall -Wextra -o "$bin" vectors.c -lgsm -lm
"$bin" "$@"
