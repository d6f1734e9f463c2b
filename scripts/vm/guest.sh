#!/usr/bin/busybox sh
# The first program of the test machine: mounts, modules, the cgroup layout that is asked for; then the command, whose exit code it tells.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/var/tmp LANG=C.UTF-8 CI=1 NO_COLOR=1
/usr/bin/busybox mount -t devtmpfs dev /dev
/usr/bin/busybox --install -s /usr/bin 2>/dev/null
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t securityfs securityfs /sys/kernel/security
mount -t hugetlbfs hugetlbfs /dev/hugepages 2>/dev/null
mount --make-rshared /
ln -sf /proc/self/fd /dev/fd
hostname minke-vm
ip link set lo up
ldconfig 2>/dev/null
for module in overlay bridge veth nf_tables nft_chain_nat nft_masq nft_ct nft_compat br_netfilter sch_tbf; do modprobe "$module" 2>/dev/null; done
while read -r setting; do [ -z "$setting" ] || sysctl -w "$setting" >/dev/null; done </sysctl
cg=/sys/fs/cgroup
layout=$(cat /layout)
run() { cd /minke && eval "$(cat /command)"; }
case "$layout" in
  root) run; code=$? ;;
  slice)
    # systemd turns on for its children no more than what a unit has asked for; the rest is left to who needs it.
    echo '+memory +pids' >$cg/cgroup.subtree_control
    mkdir -p $cg/init.scope $cg/user.slice/session-1.scope
    echo '+memory +pids' >$cg/user.slice/cgroup.subtree_control
    echo 1 >$cg/init.scope/cgroup.procs
    (echo $$ >/dev/null; sh -c 'echo $$ >/sys/fs/cgroup/user.slice/session-1.scope/cgroup.procs; cd /minke && eval "$(cat /command)"')
    code=$? ;;
  namespace)
    mkdir -p $cg/box
    echo '+cpu +cpuset +memory +pids +io +hugetlb' >$cg/cgroup.subtree_control
    /usr/bin/unshare --mount --pid --fork sh -c 'echo 0 >/sys/fs/cgroup/box/cgroup.procs
      exec /usr/bin/unshare --cgroup --mount sh -c "mount -t proc proc /proc; umount /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup; cd /minke; eval \"\$(cat /command)\""'
    code=$? ;;
  *) echo "unknown layout $layout"; code=2 ;;
esac
printf "\nminke-vm: exit code %s\n" "$code"
sync
poweroff -f
