#!/bin/sh
# Inside the test machine: a node that runs out of memory, of processes and of disk, through kubectl.
set -u
. scripts/vm/expect.sh
# Little of everything: a disk of 400 MB with 8192 files, and 4000 processes.
mkdir -p $MINKE_DATA_DIR
mount -t ext4 /dev/vdb $MINKE_DATA_DIR || { bad 'small disk'; exit 1; }
# Not pid_max, of which the kernel keeps 300 for itself.
sysctl -w kernel.threads-max=4000 >/dev/null
begin_cluster

# Each waits until it is told to eat, and leaves a little less than what has to be free.
eater() {
  cat <<POD
---
apiVersion: v1
kind: Pod
metadata: {name: $1}
spec:
  terminationGracePeriodSeconds: 30
  restartPolicy: Never
  automountServiceAccountToken: false
  containers:
    - name: main
      image: busybox
      imagePullPolicy: Never
      command: [sh, -c, 'until [ -e /tmp/go ]; do sleep 1; done; $2; sleep 100000']
      volumeMounts: [{name: memory, mountPath: /memory}, {name: disk, mountPath: /disk}]
  volumes: [{name: memory, emptyDir: {medium: Memory}}, {name: disk, emptyDir: {}}]
POD
}
quiet() {
  cat <<POD
---
apiVersion: v1
kind: Pod
metadata: {name: $1}
spec:
  terminationGracePeriodSeconds: 1
  automountServiceAccountToken: false
  $2
  containers:
    - name: main
      image: busybox
      imagePullPolicy: Never
      command: [sh, -c, '$3; sleep 100000']
      resources: {requests: {memory: $4}}
      volumeMounts: [{name: memory, mountPath: /memory}]
  volumes: [{name: memory, emptyDir: {medium: Memory}}]
POD
}
available='$(sed -n "s/^MemAvailable: *\([0-9]*\).*/\1/p" /proc/meminfo)'
{
  printf 'apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: dear}\nvalue: 1000\n'
  eater hog "n=0; while [ $available -gt 80000 ]; do big=1; [ $available -gt 200000 ] && big=32; dd if=/dev/zero of=/memory/\$n bs=1M count=\$big 2>/dev/null; n=\$((n + 1)); done"
  eater forker 'while read -r _ _ _ all _ </proc/loadavg; [ $((4000 - ${all#*/})) -gt 60 ]; do sleep 100000 & done'
  eater filler 'n=0; while [ $(df -m / | sed -n "2s/^[^ ]* *[0-9]* *[0-9]* *\([0-9]*\).*/\1/p") -gt 30 ]; do dd if=/dev/zero of=/$n bs=1M count=8 2>/dev/null; n=$((n + 1)); done'
  eater scatterer 'n=0; while [ $(stat -f -c %d /disk) -gt 350 ]; do for i in 1 2 3 4 5 6 7 8 9 10; do for j in 1 2 3 4 5; do : >/disk/$n-$i-$j; done; done; n=$((n + 1)); done'
  # Over its request as the hog is, and more dear; and one that keeps to its request.
  quiet dear 'priorityClassName: dear' 'dd if=/dev/zero of=/memory/x bs=1M count=40' 1Mi
  quiet modest '' 'dd if=/dev/zero of=/memory/x bs=1M count=40' 64Mi
} >/root/eaters.yaml
kubectl apply -f /root/eaters.yaml || bad 'eaters are taken'
for pod in hog forker filler scatterer dear modest; do
  expect "$pod runs" 120 Running kubectl get pod $pod -o 'jsonpath={.status.phase}'
done

status() { kubectl get pod "$1" -o 'jsonpath={.status.phase} {.status.reason}: {.status.message}'; }
condition() { kubectl get node node-1 -o "jsonpath={.status.conditions[?(@.type==\"$1\")].status} {.status.conditions[?(@.type==\"$1\")].reason}"; }
taints() { kubectl get node node-1 -o 'jsonpath={.spec.taints[*].key}'; }
events() { kubectl get events --field-selector "involvedObject.name=$1,reason=$2" -o 'jsonpath={.items[*].message} {.items[*].metadata.annotations}'; }
# evicted POD RESOURCE CONDITION REASON TAINT
evicted() {
  kubectl exec "$1" -- touch /tmp/go || bad "$1 is told"
  expect "$2: $1 is evicted" 180 "Failed Evicted: The node was low on resource: $2. Threshold quantity: " status "$1"
  status "$1"; echo
  expect "$2: the pod was disrupted" 1 'TerminationByKubelet' kubectl get pod "$1" -o 'jsonpath={.status.conditions[?(@.type=="DisruptionTarget")].reason}'
  expect "$2: its event" 5 "The node was low on resource: $2. " events "$1" Evicted
  expect "$2: its event names what was short" 5 "\"starved_resource\":\"$2\"" events "$1" Evicted
  expect "$2: the node's event" 5 "Attempting to reclaim $2" events node-1 EvictionThresholdMet
  expect "$2: $3" 15 "True $4" condition "$3"
  expect "$2: taint" 30 "node.kubernetes.io/$5" taints
}
evicted hog memory MemoryPressure KubeletHasInsufficientMemory memory-pressure
expect 'memory: what it ate is free again' 20 yes sh -c "[ $available -gt 400000 ] && echo yes"
expect 'memory: whose fault it was' 1 'Container main was using ' status hog
kubectl run late --image=busybox --image-pull-policy=Never --restart=Never --overrides='{"spec":{"nodeName":"node-1"}}' -- sleep 100000 >/dev/null
expect 'memory: the node refuses pods without requests' 20 'Failed Evicted: Pod was rejected: The node had condition: [MemoryPressure]. ' status late
kubectl run later --image=busybox --image-pull-policy=Never --restart=Never -- sleep 100000 >/dev/null
expect 'memory: nor are they sent there' 20 'untolerated taint(s)' kubectl get pod later -o 'jsonpath={.status.conditions[?(@.type=="PodScheduled")].message}'
kubectl run bold --image=busybox --image-pull-policy=Never --restart=Never --overrides='{"spec":{"tolerations":[{"key":"node.kubernetes.io/memory-pressure","operator":"Exists"}]}}' -- sleep 100000 >/dev/null
expect 'memory: one that tolerates it runs' 30 Running status bold
evicted forker pids PIDPressure KubeletHasInsufficientPID pid-pressure
evicted filler ephemeral-storage DiskPressure KubeletHasDiskPressure disk-pressure
expect 'disk: what it wrote is gone' 20 yes sh -c "[ \$(df -m $MINKE_DATA_DIR | sed -n '2s/^[^ ]* *[0-9]* *[0-9]* *\([0-9]*\).*/\1/p') -gt 200 ] && echo yes"
evicted scatterer inodes DiskPressure KubeletHasDiskPressure disk-pressure
for pod in dear modest bold; do expect "$pod was spared" 1 Running status $pod; done
# Five minutes after each was seen for the last time.
expect 'MemoryPressure goes' 330 'False KubeletHasSufficientMemory' condition MemoryPressure
expect 'PIDPressure goes' 330 'False KubeletHasSufficientPID' condition PIDPressure
expect 'DiskPressure goes' 330 'False KubeletHasNoDiskPressure' condition DiskPressure
expect 'the taints go' 30 none sh -c '[ -z "$(kubectl get node node-1 -o "jsonpath={.spec.taints}")" ] && echo none'
expect 'what waited runs' 60 Running status later
minke down --purge 2>/root/down.log || bad 'minke down' "$(tail -n 3 /root/down.log)"
umount $MINKE_DATA_DIR || bad 'the small disk is free'
exit $failed
