#!/bin/sh
# `npm run bench`: the figures, beside a reference in the same run.
set -eu
cd "$(dirname "$0")/.."
sh scripts/bootstrap.sh --runtime --tests
command -v podman >/dev/null 2>&1 || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends podman >/dev/null 2>&1 || true
node scripts/build.mjs
exec npx --no-install tsx bench/main.ts "$@"
