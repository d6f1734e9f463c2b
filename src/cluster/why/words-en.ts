// The answers of `minke why` in English: what is wrong, and what to type. `{name}` is filled in from the facts.
import type { Words } from './rule.ts';

export const EN: Words = {
  'image-name-invalid': {
    wrong:
      'The image name "{image}" of container {container} cannot be read: names are lower case, like nginx or nginx:1.25.',
    type: ['kubectl edit pod {pod}    # mend spec.containers[].image'],
  },
  'image-never': {
    wrong: 'imagePullPolicy is Never, and this node does not have the image "{image}".',
    type: ['minke image import image.tar', 'or imagePullPolicy: IfNotPresent in the YAML'],
  },
  'image-not-found': {
    wrong: 'The registry {registry} has no image "{image}": the name or the tag is misspelt, or it was never pushed.',
    type: ['Look at the tags that there are, and mend image: in the YAML', 'kubectl describe pod {pod}'],
  },
  'image-no-access': {
    wrong: 'The registry {registry} does not hand out "{image}" to us: it is private, or it does not exist.',
    type: [
      'kubectl create secret docker-registry pull --docker-server={registry} --docker-username=NAME --docker-password=PASSWORD',
      'and imagePullSecrets: [{name: pull}] in the YAML',
    ],
  },
  'image-unreachable': {
    wrong: 'The registry {registry} cannot be reached from this machine, so "{image}" cannot be pulled.',
    type: [
      'Check the network, or set a mirror in registries.yaml',
      'or bring the image as a file: minke image import image.tar',
    ],
  },
  'key-missing': {
    wrong: 'The {kind} "{name}" is there, but it has no key "{key}", which container {container} asks for.',
    type: ['kubectl get {kind} {name} -o yaml    # the keys that there are'],
  },
  'run-as-root': {
    wrong: 'Container {container} must not run as root (runAsNonRoot), but its image starts as root.',
    type: ['Add securityContext: {runAsUser: 1000} to the container, or use an image with a USER'],
  },
  'config-error': { wrong: 'Container {container} could not be made: {message}', type: ['kubectl describe pod {pod}'] },
  'volume-failed': { wrong: 'A volume could not be mounted: {message}', type: ['kubectl describe pod {pod}'] },
  'startup-kills': {
    wrong: 'Container {container} is restarted because its startupProbe never succeeded: {message}',
    type: ['Raise failureThreshold × periodSeconds of the startupProbe, or check its path and port'],
  },
  'ends-at-once': {
    wrong:
      'Container {container} does its work, ends with exit code 0, and is started again, since restartPolicy is Always. A container runs as long as its main process.',
    type: ['Give it something that runs on, or use restartPolicy: Never, or a Job'],
  },
  'port-taken': {
    wrong: 'The host port {port} is taken by another Pod on every node.',
    type: [
      'kubectl get pods -A -o wide',
      'Use another hostPort, or none: a Pod has an address of its own, and kubectl port-forward reaches it',
    ],
  },
  unschedulable: {
    wrong: 'The scheduler finds no node for the Pod: {message}',
    type: ['kubectl describe pod {pod}', 'kubectl get nodes'],
  },
  'readiness-fails': {
    wrong: 'Container {container} runs, but its readinessProbe fails, so the Pod gets no traffic: {message}',
    type: ['Check path and port of the probe', 'kubectl logs {pod} -c {container}'],
  },
  evicted: {
    wrong: 'The node ran short and evicted the Pod: {message}',
    type: ['kubectl delete pod {pod}', 'kubectl describe nodes'],
  },
  'too-late': {
    wrong: 'The Pod ran longer than its activeDeadlineSeconds and was ended.',
    type: ['Raise activeDeadlineSeconds in the YAML'],
  },
  failed: {
    wrong: 'The Pod failed: {message}',
    type: ['kubectl describe pod {pod}', 'kubectl logs {pod} --all-containers'],
  },
  'held-by-finalizer': {
    wrong: 'The Pod is being deleted, and waits for: {finalizers}.',
    type: [
      'Let whoever set the finalizer do its work, or: kubectl patch pod {pod} --type=merge -p \'{"metadata":{"finalizers":null}}\'',
    ],
  },
  ending: {
    wrong: 'The Pod is being deleted: its containers have {seconds} seconds to end.',
    type: ['Wait, or: kubectl delete pod {pod} --grace-period=0 --force'],
  },
  pulling: { wrong: 'The image is still being pulled: {message}', type: ['Wait: kubectl get pod {pod} -w'] },
  starting: { wrong: 'The Pod is on its way; nothing is wrong so far.', type: ['kubectl get pod {pod} -w'] },
  succeeded: {
    wrong: 'Nothing is wrong: all containers did their work and ended with exit code 0.',
    type: ['kubectl logs {pod}'],
  },
  well: { wrong: 'Nothing is wrong: the Pod is Ready.', type: ['kubectl logs {pod}', 'kubectl exec -it {pod} -- sh'] },
  'image-misspelt': {
    wrong: 'There is no image "{image}" in {registry}. Did you mean "{meant}"?',
    type: [
      'Write image: {meant} in the YAML, and apply it again',
      'An image of your own has to be brought here first: minke image import image.tar',
    ],
  },
  'image-here-but-asked': {
    wrong:
      'The image "{image}" is on this node, and yet Kubernetes asks the registry {registry} for it, because imagePullPolicy is Always (the default for the tag :latest and for none). The registry did not give it.',
    type: [
      'Write imagePullPolicy: IfNotPresent beside image: in the YAML',
      'kubectl delete pod {pod}, and apply the YAML again',
    ],
  },
  'image-local-latest': {
    wrong:
      'The image "{image}" has the tag :latest (or none), so Kubernetes asks the registry {registry} for it, and does not get it there. An image that you built on this machine is not found by itself.',
    type: [
      'Is the name right? Then give the image a tag of its own: docker tag {repository} {repository}:1 && docker save {repository}:1 -o image.tar',
      'minke image import image.tar',
      'and write image: {repository}:1 (or imagePullPolicy: IfNotPresent) in the YAML',
    ],
  },
  'image-failed': {
    wrong: 'The image "{image}" could not be pulled.',
    type: ['kubectl describe pod {pod}    # the events say why'],
  },
  'secret-missing': {
    wrong: 'Container {container} needs the Secret "{name}", and there is none in this namespace.',
    type: ['kubectl create secret generic {name} --from-literal={key}=VALUE    # the Pod goes on by itself then'],
  },
  'configmap-missing': {
    wrong: 'Container {container} needs the ConfigMap "{name}", and there is none in this namespace.',
    type: ['kubectl create configmap {name} --from-literal={key}=VALUE    # the Pod goes on by itself then'],
  },
  'volume-source-missing': {
    wrong: 'A volume wants the {kind} "{name}", and there is none in this namespace. The Pod waits for it.',
    type: ['kubectl create {kind} {name} --from-file=FILE    # the Pod goes on by itself then'],
  },
  'volume-key-missing': {
    wrong: 'The volume "{volume}" wants the key "{key}" of the {kind} "{name}", and it has no such key.',
    type: [
      'kubectl get {kind} {name} -o yaml    # the keys that there are',
      'Mend items: of the volume in the YAML, or add the key',
    ],
  },
  'volume-host-path': {
    wrong: 'The hostPath volume wants {path} on the node, and there is nothing of that type there.',
    type: ['mkdir -p {path}    # on the node; or type: DirectoryOrCreate in the YAML'],
  },
  'init-failed': {
    wrong:
      'The init container {container} ended with exit code {code}{meaning}. The others start only after it has succeeded.',
    type: ['kubectl logs {pod} -c {container}'],
  },
  'init-running': {
    wrong:
      'The Pod waits for its init container {container}, which is still running. The others start only after it has succeeded.',
    type: ['kubectl logs {pod} -c {container} -f    # what it waits for'],
  },
  'command-not-found': {
    wrong: 'The program "{program}" of container {container} is not in its image.',
    type: [
      'Check command: and args: in the YAML; command replaces the ENTRYPOINT of the image',
      'A shell line wants a shell: command: ["sh", "-c", "…"]',
    ],
  },
  'command-not-executable': {
    wrong:
      'The program "{program}" of container {container} is there, but may not be run, or is made for another kind of machine.',
    type: [
      'In the Dockerfile: RUN chmod +x {program}; a script begins with #!/bin/sh',
      'An image for another processor: docker build --platform linux/amd64 …',
    ],
  },
  'directory-wrong': {
    wrong: 'The workingDir "{directory}" of container {container} is no directory in its image.',
    type: ['Mend workingDir: in the YAML'],
  },
  'out-of-memory': {
    wrong: 'Container {container} used more memory than its limit and was ended (OOMKilled).',
    type: ['Raise resources.limits.memory in the YAML, or let the program use less'],
  },
  'post-start-failed': {
    wrong: 'The postStart hook of container {container} failed, so the container is started again: {message}',
    type: ['Mend lifecycle.postStart in the YAML'],
  },
  'liveness-kills': {
    wrong: 'Container {container} is restarted again and again because its livenessProbe fails: {message}',
    type: [
      'kubectl logs {pod} -c {container}{previous}',
      'Check path and port of the probe; a slow start wants a startupProbe or a larger initialDelaySeconds',
    ],
  },
  'address-in-use': {
    wrong:
      'Container {container} ended because its port is taken: the containers of a Pod share one network, so two of them cannot listen on the same port.',
    type: ['Let one of them listen on another port', 'kubectl logs {pod} -c {container}{previous}'],
  },
  'read-only-root': {
    wrong:
      'Container {container} wants to write, and its root file system is read-only (readOnlyRootFilesystem: true).',
    type: [
      'Give it a place to write: an emptyDir volume, mounted where it writes',
      'kubectl logs {pod} -c {container}{previous}    # where that is',
    ],
  },
  crashes: {
    wrong: 'Container {container} ended with exit code {code}{meaning}.',
    type: [
      'kubectl logs {pod} -c {container}{previous}    # all that it said before it ended',
      'kubectl describe pod {pod}',
    ],
  },
  'no-fitting-node': {
    wrong: 'No node fits: the Pod asks for nodes with {selector}.',
    type: ['kubectl get nodes --show-labels', 'kubectl label node NODE {labels}'],
  },
  'no-fitting-affinity': {
    wrong: 'No node fits: the Pod asks for nodes where {affinity} (nodeAffinity).',
    type: ['kubectl get nodes --show-labels', 'kubectl label node NODE {label}'],
  },
  'too-little-room': {
    wrong: 'No node has room for the Pod: there is too little {resource} ({message}).',
    type: [
      'kubectl describe nodes    # "Allocated resources"',
      'Ask for less in resources.requests, or delete other pods',
    ],
  },
  tainted: {
    wrong: 'Every node keeps the Pod away by a taint; {node} by {key}:{effect}.',
    type: [
      'kubectl taint node {node} {key}:{effect}-    # takes it away',
      'or add tolerations: [{key: {key}, operator: Exists}] to the YAML',
    ],
  },
  cordoned: {
    wrong: 'No new pods are put on the node {node}: it was cordoned (kubectl cordon or drain).',
    type: ['kubectl uncordon {node}'],
  },
  'claim-missing': {
    wrong: 'The Pod wants the PersistentVolumeClaim "{claim}", and there is none in this namespace.',
    type: ['kubectl get pvc', 'kubectl apply -f claim.yaml    # a PersistentVolumeClaim with the name {claim}'],
  },
  'claim-unbound': {
    wrong: 'The PersistentVolumeClaim "{claim}" has no volume yet: {message}.',
    type: ['kubectl describe pvc {claim}', 'kubectl get pv,storageclass'],
  },
  gated: {
    wrong: 'The Pod waits at a gate: nobody schedules it before its schedulingGates are gone ({gates}).',
    type: [
      'Whoever set the gate takes it away, or: kubectl patch pod {pod} --type=json -p \'[{"op":"remove","path":"/spec/schedulingGates"}]\'',
    ],
  },
  'other-scheduler': {
    wrong: 'The Pod asks for the scheduler "{scheduler}", and none of that name has looked at it.',
    type: ['Leave schedulerName out of the YAML, or start that scheduler'],
  },
  'node-missing': {
    wrong: 'The Pod names the node "{node}", and there is no such node.',
    type: ['kubectl get nodes', 'Leave nodeName out: the scheduler finds a node'],
  },
  'readiness-gate': {
    wrong:
      'The containers are ready, but the Pod waits for the condition "{gate}" (readinessGates), which another program has to set.',
    type: ['kubectl get pod {pod} -o yaml    # status.conditions'],
  },
  'over-disk-limit': {
    wrong: 'The Pod wrote more to its disk than it may, and was ended: {message}',
    type: [
      'Raise resources.limits.ephemeral-storage (or sizeLimit of the emptyDir), or write less',
      'kubectl delete pod {pod}',
    ],
  },
  'scaled-to-zero': {
    wrong: '{target} is to have no pods: it is scaled to 0.',
    type: ['kubectl scale {target} --replicas=1'],
  },
  'pods-refused': {
    wrong: 'The pods of {target} are refused: {message}',
    type: [
      'kubectl describe resourcequota,limitrange    # a quota or a limit that is in the way',
      'kubectl describe {target}',
    ],
  },
  'no-pods': {
    wrong: '{target} has no pods yet.',
    type: ['kubectl describe {target}    # the events say why'],
  },
};
