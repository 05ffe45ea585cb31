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
# A pipe is a document too: a shell's <(...) has no size to ask for.  It ends at a place where nothing can listen.
mkfifo "$dir/pipe"
: > "$dir/file"
cat "$dir/readme.yaml" > "$dir/pipe" &
said=$("$1" -d "$dir/pipe" --run-dir "$dir/run" --connect "unix:$dir/none" --listen "punix:$dir/file/x" 2>&1)
wait
case $said in
*"$dir/file/x"*) echo "a document from a pipe: ok" ;;
*) echo "a document from a pipe: $said"; failed=1 ;;
esac
[ "$(ls "$2"/topologies/*.yaml | wc -l)" -ge 5 ] || { echo "topologies are missing"; failed=1; }
exit $failed
