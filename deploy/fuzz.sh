#!/bin/sh
# Runs every fuzz target of the module for the time given (default 5s each).
set -eu
time=${1:-5s}
for pkg in $(${GO:-go} list ./...); do
	dir=$(${GO:-go} list -f '{{.Dir}}' "$pkg")
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$dir"/*_test.go 2>/dev/null); do
		echo "fuzz $pkg $target"
		${GO:-go} test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$pkg"
	done
done
