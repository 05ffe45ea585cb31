#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# documents.sh - every document that we show to people is a good one: the topologies, and the examples of the manual.
#     documents.sh TRAMA_CONTROLLER SOURCE_ROOT
set -u
failed=0
dir=$(mktemp -d /tmp/trama-doc-XXXXXX)
trap 'rm -rf "$dir"' EXIT
sed -n '/^\.Bd -literal/,/^\.Ed/{/^\./!p}' "$2/docs/trama-net.yaml.5" > "$dir/manual.yaml"
sed -n '/^    cat > office.yaml/,/^    EOF/{/EOF/!s/^    //p}' "$2/README.md" > "$dir/readme.yaml"
for f in "$2"/topologies/*.yaml "$dir"/*.yaml; do
    if "$1" -d "$f" --check; then echo "$(basename "$f"): ok"; else failed=1; fi
done
[ "$(ls "$2"/topologies/*.yaml | wc -l)" -ge 5 ] || { echo "topologies are missing"; failed=1; }
exit $failed
