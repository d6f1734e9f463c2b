#!/bin/sh
# `npm start`: installs what is missing, then a cluster, a first Pod, and what it answers.
set -eu
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo 'minke: containers need root; type: sudo npm start' >&2; exit 1; }
exec ./minke demo "$@"
