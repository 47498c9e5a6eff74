#!/bin/sh
# make_stores.sh COMMIT PREFIX SPEC...
#
# Runs specs/SPEC.yaml with the pageswap of COMMIT and keeps each store as stores/PREFIX-SPEC.sqlite. The run sees a
# host named "bench" without a network, and a home, a user and a folder that are no one's. `run` is given GOLD_OPTIONS
# besides. As root; .venv must be there.
set -eu
here=$(realpath "$(dirname "$0")")
root=$(realpath "$here/../..")
commit=$1
export GOLD_PREFIX="$2" GOLD_HERE="$here" GOLD_PYTHON="$root/.venv/bin/python"
shift 2
GOLD_TREE=$(mktemp -d)
export GOLD_TREE
trap 'rm -rf "$GOLD_TREE"' EXIT
git clone -q "$root" "$GOLD_TREE"
git -C "$GOLD_TREE" checkout -q "$commit"
mkdir -p /srv/pageswap
unshare --net --mount --uts sh -eu -c '
ip link set lo up
hostname bench
mkdir -p /run/pageswap
mount -t tmpfs tmpfs /run/pageswap
mount --bind "$GOLD_TREE" /srv/pageswap
cd /srv/pageswap
mkdir .home
cp -r "$GOLD_HERE/specs" gold
export HOME=/srv/pageswap/.home USER=bench LOGNAME=bench XDG_CACHE_HOME=/srv/pageswap/.home/.cache
export PYTHONPATH=/srv/pageswap
"$GOLD_PYTHON" native/build.py
for spec; do
    "$GOLD_PYTHON" -m invoke run --spec "gold/$spec.yaml" ${GOLD_OPTIONS-} || echo "exit code $?"
    "$GOLD_PYTHON" "$GOLD_HERE/scrub_store.py" results/"$spec"/*/run.sqlite "$GOLD_HERE/stores/$GOLD_PREFIX-$spec.sqlite"
done
' sh "$@"
