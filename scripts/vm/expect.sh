# For scripts inside the test machine: the program, and how they say what held and what did not.
export KUBECONFIG=/root/kubeconfig MINKE_DATA_DIR=/var/lib/minke MINKE_DNS_FORWARD=none
minke() { node /minke/dist/minke.mjs "$@"; }
failed=0
ok() { echo "ok: $1"; }
bad() { echo "FAILED: $1: ${2:-}"; failed=1; }
# expect NAME SECONDS WANTED COMMAND…: until the command says what is wanted
expect() {
  name=$1 left=$2 wanted=$3
  shift 3
  while :; do
    said=$("$@" 2>&1)
    case "$said" in *"$wanted"*) ok "$name"; return ;; esac
    left=$((left - 1))
    [ "$left" -gt 0 ] || { bad "$name" "wanted '$wanted', got '$said'"; return; }
    sleep 1
  done
}
begin_cluster() {
  mkdir -p $MINKE_DATA_DIR
  printf 'mirrors:\n  "*":\n    endpoint: ["http://127.0.0.1:1"]\n' >$MINKE_DATA_DIR/registries.yaml
  minke up --disable-default-registry-endpoint 2>/root/up.log || { bad 'minke up' "$(tail -n 5 /root/up.log)"; exit 1; }
  minke image import /root/busybox.tar || bad 'image import'
}
