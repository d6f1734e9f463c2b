#!/bin/sh
# Format, lint, types and the house's rules.
set -eu
cd "$(dirname "$0")/.."
sh scripts/bootstrap.sh
step() { printf '• %s\n' "$1"; shift; "$@"; }
step 'format' npx --no-install biome check .
step 'lint, with types' npx --no-install oxlint --type-aware
step 'types' npx --no-install tsc -p .
step 'floors and faces' npx --no-install depcruise src test bench scripts
step 'programs and shells' node scripts/house-rules.mjs
