#!/bin/sh
# Installs what this checkout misses: npm packages, generated types, Debian packages. Quick when nothing is missing.
# usage: bootstrap.sh [--runtime] [--tests]
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }
die() { say "minke: $*"; exit 1; }

command -v node >/dev/null 2>&1 || die 'Node.js 20.19 or newer is needed: https://nodejs.org'
node -e 'const [a,b]=process.versions.node.split(".").map(Number);process.exit(a>20||(a===20&&b>=19)?0:1)' ||
  die "Node.js 20.19 or newer is needed; this is $(node --version)"

# The stamp is a copy of the lock file that node_modules was made from. `npm install` and not `npm ci`: it keeps to the lock file too,
# and does not mind that the lock names no packages for platforms that Minke does not run on.
if ! cmp -s package-lock.json node_modules/.minke-lock 2>/dev/null; then
  say '• npm packages …'
  npm install --no-save --no-audit --no-fund --loglevel=error >&2
  cp package-lock.json node_modules/.minke-lock
fi

if [ ! -f src/resources/generated/.stamp ] || [ -n "$(find scripts src/resources/facts package-lock.json -newer src/resources/generated/.stamp -print -quit 2>/dev/null)" ]; then
  say '• types and schemas of Kubernetes v1.36 …'
  npm run --silent generate >&2
  touch src/resources/generated/.stamp
fi

# Debian packages by the program that each brings.
missing=''
need() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || missing="$missing $2"; }
for arg in "$@"; do
  case "$arg" in
    --runtime)
      need crun crun; need conmon conmon; need nft nftables; need curl curl ;;
    --tests)
      need busybox busybox-static; need ip iproute2; need docker-registry docker-registry; need ps procps; need containerd containerd; need strace strace; need iptables iptables; need getfattr attr
      [ -x /opt/cni/bin/bridge ] || [ -x /usr/lib/cni/bridge ] || missing="$missing containernetworking-plugins" ;;
    *) die "bootstrap: unknown option $arg" ;;
  esac
done
if [ -n "$missing" ]; then
  [ "$(id -u)" = 0 ] || die "as root, type: apt-get install$missing"
  command -v apt-get >/dev/null 2>&1 || die "install these packages:$missing"
  say "• Debian packages:$missing …"
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086 # the names are words
  apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 || {
    apt-get update -qq >/dev/null
    # shellcheck disable=SC2086
    apt-get install -y -qq --no-install-recommends $missing >/dev/null || die "apt-get could not install$missing"
  }
fi
