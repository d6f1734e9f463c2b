#!/bin/sh
# `npm start`: a cluster, a first Pod, and what it answers.
set -eu
cd "$(dirname "$0")/.."
sh scripts/bootstrap.sh --runtime
[ "$(id -u)" = 0 ] || { echo 'minke: containers need root: sudo npm start' >&2; exit 1; }
data=${MINKE_DATA_DIR:-/var/lib/minke}
./minke up --data-dir "$data" ${MINKE_PORT:+--port "$MINKE_PORT"}

# The image: from Docker Hub (or its mirror in registries.yaml), else made from Debian packages.
if ! ./minke image list --data-dir "$data" | grep -q '/nginx:latest '; then
  if [ "${MINKE_EXAMPLE_IMAGE:-}" = debian ] || ! ./minke image pull --data-dir "$data" nginx:latest; then
    echo '• Docker Hub cannot be reached: making the image nginx:latest from Debian packages' >&2
    archive=$(mktemp --suffix=.tar)
    trap 'rm -f "$archive"' EXIT
    node dist/debian-image.mjs --name docker.io/library/nginx:latest --preset nginx --out "$archive"
    ./minke image import --data-dir "$data" "$archive"
  fi
fi
./minke up --data-dir "$data" ${MINKE_PORT:+--port "$MINKE_PORT"} -f examples/nginx-pod.yaml
node dist/show-pod.mjs --data-dir "$data" nginx-pod
