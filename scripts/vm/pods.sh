#!/bin/sh
# Inside the test machine: a whole cluster, and what cgroups do for its pods, through kubectl.
set -u
. scripts/vm/expect.sh
cg=/sys/fs/cgroup
before=$(find $cg -mindepth 1 -type d | sort)
minke doctor || bad doctor
begin_cluster
kubectl apply -f - <<'END'
apiVersion: v1
kind: Pod
metadata: {name: limits}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: busybox
      imagePullPolicy: Never
      command: [sleep, "100000"]
      resources: {requests: {cpu: 100m, memory: 32Mi}, limits: {cpu: 200m, memory: 64Mi}}
      resizePolicy: [{resourceName: cpu, restartPolicy: NotRequired}, {resourceName: memory, restartPolicy: NotRequired}]
---
apiVersion: v1
kind: Pod
metadata: {name: oom}
spec:
  restartPolicy: Never
  containers:
    - name: main
      image: busybox
      imagePullPolicy: Never
      command: [sh, -c, "dd if=/dev/zero of=/dev/null bs=200M count=1"]
      resources: {limits: {memory: 20Mi}}
---
apiVersion: v1
kind: Pod
metadata: {name: own-users}
spec:
  hostUsers: false
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: busybox
      imagePullPolicy: Never
      command: [sh, -c, "cat /proc/self/uid_map; id -u; sleep 100000"]
  automountServiceAccountToken: false
---
apiVersion: v1
kind: Pod
metadata: {name: huge}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: busybox
      imagePullPolicy: Never
      command: [sleep, "100000"]
      volumeMounts: [{name: pages, mountPath: /pages}]
      resources: {limits: {hugepages-2Mi: 4Mi, memory: 32Mi, cpu: 100m}}
  volumes: [{name: pages, emptyDir: {medium: HugePages}}]
END
expect 'limits is Ready' 120 True kubectl get pod limits -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'
uid=$(kubectl get pod limits -o 'jsonpath={.metadata.uid}')
pod=$(find $cg -type d -name "*pod$uid*" | head -n 1)
id=$(kubectl get pod limits -o 'jsonpath={.status.containerStatuses[0].containerID}')
box=$pod/${id##*//}
expect 'cpu.max of the container' 1 '20000 100000' cat "$box/cpu.max"
expect 'memory.max of the container' 1 67108864 cat "$box/memory.max"
expect 'cpu.max of the pod' 1 '20000 100000' cat "$pod/cpu.max"
expect 'memory.max of the pod' 1 67108864 cat "$pod/memory.max"
expect 'cpu.weight is more than the least' 1 4 cat "$box/cpu.weight"
expect 'burstable has a weight' 1 '' cat "$(dirname "$pod")/cpu.weight"
expect 'memory.oom.group kills the container as one' 1 1 cat "$box/memory.oom.group"
expect 'AppArmor confines by default' 1 "minke-default (enforce)" kubectl exec limits -- cat /proc/self/attr/current
expect 'exec' 1 hello kubectl exec limits -- echo hello
expect 'a container sees only its own cgroup' 1 '0::/' kubectl exec limits -- cat /proc/self/cgroup
kubectl patch pod limits --subresource resize -p '{"spec":{"containers":[{"name":"main","resources":{"requests":{"cpu":"150m","memory":"48Mi"},"limits":{"cpu":"300m","memory":"96Mi"}}}]}}' >/dev/null || bad 'resize is taken'
expect 'resize: cpu.max' 20 '30000 100000' cat "$box/cpu.max"
expect 'resize: memory.max' 20 100663296 cat "$box/memory.max"
expect 'resize: memory.max of the pod' 20 100663296 cat "$pod/memory.max"
expect 'resize: nothing was restarted' 5 0 kubectl get pod limits -o 'jsonpath={.status.containerStatuses[0].restartCount}'
expect 'OOMKilled' 60 OOMKilled kubectl get pod oom -o 'jsonpath={.status.containerStatuses[0].state.terminated.reason}'
expect 'resource metrics of the kubelet' 60 'container_memory_working_set_bytes{' kubectl get --raw /api/v1/nodes/node-1/proxy/metrics/resource
expect 'summary of the kubelet' 5 workingSetBytes kubectl get --raw /api/v1/nodes/node-1/proxy/stats/summary
expect 'hostUsers: false' 60 Running kubectl get pod own-users -o 'jsonpath={.status.phase}'
expect 'hostUsers: false: a range of its own' 5 65536 kubectl logs own-users
if [ "$(cat /proc/sys/vm/nr_hugepages)" != 0 ]; then
  expect 'huge pages' 60 Running kubectl get pod huge -o 'jsonpath={.status.phase}'
  expect 'huge pages are a limit' 1 4194304 sh -c "cat $cg/*/kubepods*/*/*/hugetlb.2MB.max $cg/*/kubepods*/*/hugetlb.2MB.max $cg/*/kubepods*/*/*/*/hugetlb.2MB.max"
else
  expect 'huge pages that the node has not' 20 Insufficient kubectl get pod huge -o 'jsonpath={.status.conditions[0].message}'
fi
minke status
minke down --purge 2>/root/down.log || bad 'minke down' "$(tail -n 3 /root/down.log)"
after=$(find $cg -mindepth 1 -type d | sort)
[ "$before" = "$after" ] && ok 'no cgroup is left' || bad 'cgroups are left' "$after"
[ -z "$(ip -o link | grep -v ' lo:')" ] && ok 'no link is left' || bad 'links are left' "$(ip -o link)"
[ -z "$(nft list ruleset)" ] && ok 'no rule is left' || bad 'rules are left' "$(nft list ruleset)"
grep -q minke /proc/mounts && bad 'mounts are left' "$(grep minke /proc/mounts)" || ok 'no mount is left'
exit $failed
