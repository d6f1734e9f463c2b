#!/bin/sh
# Runs tests or a command in a virtual machine of its own, under another kernel and another cgroup layout than this host's.
# usage: run.sh [--layout root|slice|namespace] [--memory MIB] [--kernel PACKAGE] [-- COMMAND…]
#   root       cgroup v2 only, the tests in the root group
#   slice      as systemd lays it out: the tests in a leaf, and the root gives its children memory and pids only
#   namespace  as in a privileged container: a cgroup namespace, whose root holds the tests themselves
# Without a command: a cluster, what cgroups do for its pods, and what its node does when it runs out of memory, processes and
# disk. The machine has no network. Its kernel is Debian's, unpacked and not
# installed; its disk has this host's programs and this checkout. It is emulated, about ten times slower than the host, unless
# MINKE_VM_ACCEL=kvm works here.
set -eu
cd "$(dirname "$0")/../.."
layout=root memory='' package=linux-image-cloud-amd64 accel=${MINKE_VM_ACCEL:-tcg,thread=multi}
while [ $# -gt 0 ]; do
  case "$1" in
    --layout) layout=$2; shift 2 ;;
    --memory) memory=$2; shift 2 ;;
    --kernel) package=$2; shift 2 ;;
    --) shift; break ;;
    *) echo "run.sh: unknown option $1" >&2; exit 2 ;;
  esac
done
if [ $# -gt 0 ]; then
  : "${memory:=3072}"
else
  # Little memory, so that a pod has soon eaten it.
  : "${memory:=1536}"
  set -- sh -c 'sh scripts/vm/pods.sh; code=$?; sh scripts/vm/pressure.sh && exit $code'
fi
missing=''
need() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || missing="$missing $2"; }
need qemu-system-x86_64 qemu-system-x86
need mke2fs e2fsprogs
need cpio cpio
need busybox busybox-static
need depmod kmod
[ -z "$missing" ] || { echo "run.sh: as root, type: apt-get install --no-install-recommends$missing" >&2; exit 1; }
sh scripts/bootstrap.sh --runtime --tests

cache=${MINKE_VM_CACHE:-/var/cache/minke-vm}
work=$(mktemp -d "${TMPDIR:-/tmp}/minke-vm-XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM

image=$package
case "$package" in linux-image-[0-9]*) ;; *) image=$(apt-cache depends "$package" | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | head -n 1) ;; esac
[ -n "$image" ] || { echo "run.sh: no package $package; apt-get update may help" >&2; exit 1; }
if [ ! -d "$cache/$image" ]; then
  mkdir -p "$cache/download"
  (cd "$cache/download" && apt-get download "$image" apparmor >/dev/null)
  for deb in "$cache"/download/*.deb; do dpkg-deb -x "$deb" "$cache/$image.new"; done
  rm -rf "$cache/download"
  depmod -b "$cache/$image.new" "$(ls "$cache/$image.new/lib/modules")"
  mv "$cache/$image.new" "$cache/$image"
fi
kernel=$cache/$image
version=$(ls "$kernel/lib/modules")

# The disk: programs with their libraries, this checkout, the kernel's modules.
root=$work/root
mkdir -p "$root"/dev "$root"/proc "$root"/sys "$root"/run "$root"/tmp "$root"/root "$root"/etc "$root"/var/tmp "$root"/usr/bin "$root"/usr/sbin "$root"/usr/lib "$root"/usr/lib64 "$root"/minke
for d in bin sbin lib lib64; do ln -s "usr/$d" "$root/$d"; done
put() { # one file at its own place, links followed
  [ -e "$root$1" ] || { mkdir -p "$root$(dirname "$1")" && cp -L "$1" "$root$1"; }
}
libraries() { ldd "$1" 2>/dev/null | sed -n 's/^[^/]*\(\/[^ ]*\) (.*/\1/p'; }
for name in node crun conmon nft ip curl getfattr unshare mount umount ps tar gzip env bash strace containerd docker-registry kubectl kmod; do
  path=$(PATH="$PATH:/usr/sbin:/sbin" command -v "$name" || true)
  [ -n "$path" ] || continue
  path=/usr/${path#/usr/}
  put "$path"
  for library in $(libraries "$path"); do put "$library"; done
done
for path in /usr/lib/cni/bridge /usr/lib/cni/host-local /usr/lib/cni/portmap /usr/lib/cni/bandwidth /usr/lib/cni/loopback /usr/sbin/iptables; do
  [ -e "$path" ] || continue
  put "$path"
  for library in $(libraries "$path"); do put "$library"; done
done
[ ! -d /usr/lib/x86_64-linux-gnu/xtables ] || { mkdir -p "$root/usr/lib/x86_64-linux-gnu" && cp -a /usr/lib/x86_64-linux-gnu/xtables "$root/usr/lib/x86_64-linux-gnu/"; }
put "$(command -v busybox)"
ln -sf ../bin/kmod "$root/usr/sbin/modprobe"
for path in /usr/lib/x86_64-linux-gnu/libutil.so.1 /usr/lib/x86_64-linux-gnu/librt.so.1 /usr/lib/x86_64-linux-gnu/libdl.so.2 /usr/lib/x86_64-linux-gnu/libpthread.so.0 /usr/lib/x86_64-linux-gnu/libnss_files.so.2 /usr/lib/x86_64-linux-gnu/libnss_dns.so.2 /etc/ld.so.conf /etc/nsswitch.conf /etc/protocols /etc/services; do [ ! -e "$path" ] || put "$path"; done
cp -a /etc/ld.so.conf.d "$root/etc/" 2>/dev/null || true
cp "$kernel/sbin/apparmor_parser" "$root/usr/sbin/"
cp -a "$kernel/etc/apparmor" "$kernel/etc/apparmor.d" "$root/etc/"
mkdir -p "$root/usr/share" && cp -a "$kernel/usr/share/apparmor-features" "$root/usr/share/"
mkdir -p "$root/usr/lib/modules" && cp -a "$kernel/lib/modules/$version" "$root/usr/lib/modules/"
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
: >"$root/etc/resolv.conf"
node scripts/build.mjs
node --import tsx -e "import('./src/cri/busybox-image.ts').then((m) => m.writeBusyboxArchive('$root/root/busybox.tar', '$(dpkg --print-architecture)'))"
tar -c --exclude=node_modules/@oxlint-tsgolint --exclude=node_modules/@biomejs --exclude='node_modules/@typescript*' --exclude='node_modules/@oxlint*' \
  package.json package-lock.json tsconfig.json vitest.config.ts minke dist src test scripts node_modules | tar -x -C "$root/minke"
cp scripts/vm/guest.sh "$root/init" && chmod 755 "$root/init"
printf '%s\n' "$layout" >"$root/layout"
printf '%s\n' "${MINKE_VM_SYSCTL:-vm.nr_hugepages=16}" >"$root/sysctl"
for word in "$@"; do printf "%s " "'$(printf '%s' "$word" | sed "s/'/'\\\\''/g")'"; done >"$root/command"
mke2fs -q -q -t ext4 -O ^has_journal -d "$root" -L minke "$work/disk" 3G
# A second one that is soon full, by its size and by its number of files.
mke2fs -q -q -t ext4 -O ^has_journal -m 0 -N 8192 "$work/small" 400M
rm -rf "$root"

# The first file system holds no more than what finds the disk.
first=$work/first
mkdir -p "$first/bin" "$first/disk" "$first/dev"
cp "$(command -v busybox)" "$first/bin/busybox"
: >"$first/order"
for module in virtio_pci virtio_blk; do
  for file in $(modprobe -d "$kernel" -S "$version" --show-depends "$module" 2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p'); do
    cp "$file" "$first/" && basename "$file" >>"$first/order"
  done
done
cat >"$first/init" <<'END'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
while read -r module; do /bin/busybox insmod "/$module" 2>/dev/null; done </order
tries=0
until /bin/busybox mount -t ext4 /dev/vda /disk 2>/dev/null; do tries=$((tries + 1)); [ $tries -lt 100 ] || exec /bin/busybox poweroff -f; /bin/busybox usleep 50000; done
exec /bin/busybox switch_root /disk /init
END
chmod 755 "$first/init"
(cd "$first" && find . | cpio -o -H newc --quiet) >"$work/initrd"

timeout "${MINKE_VM_TIMEOUT:-1500}" qemu-system-x86_64 -accel "$accel" -cpu max -smp 2 -m "$memory" -nic none -display none -no-reboot \
  -drive "file=$work/disk,format=raw,if=virtio,cache=unsafe" -drive "file=$work/small,format=raw,if=virtio,cache=unsafe" -kernel "$kernel"/boot/vmlinuz-* -initrd "$work/initrd" \
  -append "console=ttyS0 quiet panic=-1 cgroup_no_v1=all apparmor=1 security=apparmor ${MINKE_VM_APPEND:-}" \
  -serial stdio </dev/null |
  sed -u "s/\r//g" | tee "$work/console" | grep --line-buffered -v "^minke-vm: exit code"
code=$(sed -n "s/^minke-vm: exit code //p" "$work/console")
[ -n "$code" ] || { echo 'run.sh: the machine ended without a word' >&2; exit 1; }
exit "$code"
