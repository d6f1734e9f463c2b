#!/bin/sh
# All tests: installs what is missing, then runs them. Arguments go to vitest.
set -eu
cd "$(dirname "$0")/.."
sh scripts/bootstrap.sh --runtime --tests
node scripts/build.mjs
exec npx --no-install vitest run "$@"
