#!/bin/sh
# Makes the vectors anew, or with "bench" measures spandsp. Needs cc and
# libspandsp-dev.
set -eu
cd "$(dirname "$0")"
bin=$(mktemp)
trap 'rm -f "$bin"' EXIT
${CC:-cc} -O2 -Wall -Wextra -o "$bin" vectors.c -lspandsp -lm
"$bin" "$@"
