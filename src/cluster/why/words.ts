// The answers of `minke why`, in English and Korean: what is wrong, and what to type. `{name}` is filled in from the facts.
import type { Facts, RuleId } from './rules.ts';

export interface Answer {
  readonly wrong: string;
  readonly type: readonly string[];
}

export type Language = 'en' | 'ko';
type Words = Readonly<Record<RuleId, Answer>>;

const EN: Words = {
  'image-name-invalid': {
    wrong:
      'The image name "{image}" of container {container} cannot be read: names are lower case, like nginx or nginx:1.25.',
    type: ['kubectl edit pod {pod}    # mend spec.containers[].image'],
  },
  'image-local-latest': {
    wrong:
      'The image "{image}" has the tag :latest (or none), so Kubernetes asks the registry {registry} every time, and that registry does not have it. An image that only this machine has is not looked for.',
    type: [
      'Give it a tag of its own: docker tag {repository} {repository}:1 && docker save {repository}:1 -o image.tar',
      'minke image import image.tar',
      'and write image: {repository}:1 (or imagePullPolicy: IfNotPresent) in the YAML',
    ],
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
  'image-failed': {
    wrong: 'The image "{image}" could not be pulled.',
    type: ['kubectl describe pod {pod}    # the events say why'],
  },
  'configmap-missing': {
    wrong: 'Container {container} needs the ConfigMap "{name}", and there is none in this namespace.',
    type: ['kubectl create configmap {name} --from-literal=KEY=VALUE'],
  },
  'secret-missing': {
    wrong: 'Container {container} needs the Secret "{name}", and there is none in this namespace.',
    type: ['kubectl create secret generic {name} --from-literal=KEY=VALUE'],
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
  'volume-source-missing': {
    wrong: 'A volume wants the {kind} "{name}", and there is none in this namespace. The Pod waits for it.',
    type: ['kubectl create {kind} {name} …    # the Pod goes on by itself then'],
  },
  'volume-failed': { wrong: 'A volume could not be mounted: {message}', type: ['kubectl describe pod {pod}'] },
  'init-failed': {
    wrong: 'The init container {container} ended with exit code {code}. The others start only after it has succeeded.',
    type: ['kubectl logs {pod} -c {container}'],
  },
  'command-not-found': {
    wrong: 'The command of container {container} is not in its image: {message}',
    type: ['Check command: and args: in the YAML; command replaces the ENTRYPOINT of the image'],
  },
  'out-of-memory': {
    wrong: 'Container {container} used more memory than its limit and was ended (OOMKilled).',
    type: ['Raise resources.limits.memory in the YAML, or let the program use less'],
  },
  'liveness-kills': {
    wrong: 'Container {container} is restarted again and again because its livenessProbe fails: {message}',
    type: [
      'kubectl logs {pod} -c {container} -p',
      'Check path and port of the probe; a slow start wants a startupProbe or a larger initialDelaySeconds',
    ],
  },
  'startup-kills': {
    wrong: 'Container {container} is restarted because its startupProbe never succeeded: {message}',
    type: ['Raise failureThreshold × periodSeconds of the startupProbe, or check its path and port'],
  },
  'ends-at-once': {
    wrong:
      'Container {container} does its work, ends with exit code 0, and is started again, since restartPolicy is Always. A container runs as long as its main process.',
    type: ['Give it something that runs on, or use restartPolicy: Never, or a Job'],
  },
  crashes: {
    wrong: 'Container {container} ended with exit code {code} ({reason}).',
    type: ['kubectl logs {pod} -c {container} -p    # what it said before it ended', 'kubectl describe pod {pod}'],
  },
  'no-fitting-node': {
    wrong: 'No node fits: the Pod asks for nodes with {selector}.',
    type: ['kubectl get nodes --show-labels', 'kubectl label node NODE {selector}'],
  },
  'too-little-room': {
    wrong: 'No node has room for the Pod ({message}).',
    type: [
      'kubectl describe nodes    # "Allocated resources"',
      'Ask for less in resources.requests, or delete other pods',
    ],
  },
  tainted: {
    wrong: 'Every node keeps the Pod away by a taint ({message}).',
    type: ['kubectl describe nodes | grep Taints', 'Add a toleration to the YAML, or: kubectl taint node NODE KEY-'],
  },
  'port-taken': {
    wrong: 'The host port {port} is taken by another Pod on every node.',
    type: [
      'kubectl get pods -A -o wide',
      'Use another hostPort, or none: a Pod has an address of its own, and kubectl port-forward reaches it',
    ],
  },
  'claim-missing': {
    wrong: 'The PersistentVolumeClaim of the Pod is missing or not bound: {message}',
    type: ['kubectl get pvc'],
  },
  unschedulable: {
    wrong: 'The scheduler finds no node for the Pod: {message}',
    type: ['kubectl describe pod {pod}', 'kubectl get nodes'],
  },
  'node-missing': {
    wrong: 'The Pod names the node "{node}", and no such node takes it up.',
    type: ['kubectl get nodes', 'Leave nodeName out: the scheduler finds a node'],
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
};

const KO: Words = {
  'image-name-invalid': {
    wrong:
      '컨테이너 {container}의 이미지 이름 "{image}"을(를) 읽을 수 없습니다. 이름은 nginx, nginx:1.25처럼 소문자여야 합니다.',
    type: ['kubectl edit pod {pod}    # spec.containers[].image 수정'],
  },
  'image-local-latest': {
    wrong:
      '이미지 "{image}"의 태그가 :latest이거나 없어서 Kubernetes는 매번 레지스트리 {registry}에 물어보는데, 그곳에는 이 이미지가 없습니다. 이 컴퓨터에만 있는 이미지는 찾지 않습니다.',
    type: [
      '고유한 태그를 붙이세요: docker tag {repository} {repository}:1 && docker save {repository}:1 -o image.tar',
      'minke image import image.tar',
      'YAML에 image: {repository}:1 (또는 imagePullPolicy: IfNotPresent) 을 쓰세요',
    ],
  },
  'image-never': {
    wrong: 'imagePullPolicy가 Never인데 이 노드에 이미지 "{image}"이(가) 없습니다.',
    type: ['minke image import image.tar', '또는 YAML에 imagePullPolicy: IfNotPresent'],
  },
  'image-not-found': {
    wrong:
      '레지스트리 {registry}에 이미지 "{image}"이(가) 없습니다. 이름이나 태그가 틀렸거나 아직 푸시되지 않았습니다.',
    type: ['있는 태그를 확인하고 YAML의 image: 를 고치세요', 'kubectl describe pod {pod}'],
  },
  'image-no-access': {
    wrong: '레지스트리 {registry}가 "{image}"을(를) 내주지 않습니다. 비공개이거나 존재하지 않습니다.',
    type: [
      'kubectl create secret docker-registry pull --docker-server={registry} --docker-username=NAME --docker-password=PASSWORD',
      'YAML에 imagePullSecrets: [{name: pull}]',
    ],
  },
  'image-unreachable': {
    wrong: '이 컴퓨터에서 레지스트리 {registry}에 연결할 수 없어 "{image}"을(를) 받을 수 없습니다.',
    type: [
      '네트워크를 확인하거나 registries.yaml에 미러를 설정하세요',
      '또는 파일로 가져오세요: minke image import image.tar',
    ],
  },
  'image-failed': {
    wrong: '이미지 "{image}"을(를) 받지 못했습니다.',
    type: ['kubectl describe pod {pod}    # 이벤트에 이유가 있습니다'],
  },
  'configmap-missing': {
    wrong: '컨테이너 {container}에 필요한 ConfigMap "{name}"이(가) 이 네임스페이스에 없습니다.',
    type: ['kubectl create configmap {name} --from-literal=KEY=VALUE'],
  },
  'secret-missing': {
    wrong: '컨테이너 {container}에 필요한 Secret "{name}"이(가) 이 네임스페이스에 없습니다.',
    type: ['kubectl create secret generic {name} --from-literal=KEY=VALUE'],
  },
  'key-missing': {
    wrong: '{kind} "{name}"은(는) 있지만 컨테이너 {container}가 찾는 키 "{key}"이(가) 없습니다.',
    type: ['kubectl get {kind} {name} -o yaml    # 있는 키 확인'],
  },
  'run-as-root': {
    wrong: '컨테이너 {container}는 root로 실행되면 안 되는데(runAsNonRoot) 이미지가 root로 시작합니다.',
    type: ['컨테이너에 securityContext: {runAsUser: 1000} 을 추가하거나 USER가 있는 이미지를 쓰세요'],
  },
  'config-error': { wrong: '컨테이너 {container}를 만들 수 없습니다: {message}', type: ['kubectl describe pod {pod}'] },
  'volume-source-missing': {
    wrong: '볼륨에 필요한 {kind} "{name}"이(가) 이 네임스페이스에 없어 Pod가 기다리고 있습니다.',
    type: ['kubectl create {kind} {name} …    # 만들면 Pod가 저절로 진행됩니다'],
  },
  'volume-failed': { wrong: '볼륨을 마운트할 수 없습니다: {message}', type: ['kubectl describe pod {pod}'] },
  'init-failed': {
    wrong: '초기화 컨테이너 {container}가 종료 코드 {code}로 끝났습니다. 성공해야 다른 컨테이너가 시작됩니다.',
    type: ['kubectl logs {pod} -c {container}'],
  },
  'command-not-found': {
    wrong: '컨테이너 {container}의 명령이 이미지 안에 없습니다: {message}',
    type: ['YAML의 command: 와 args: 를 확인하세요. command는 이미지의 ENTRYPOINT를 대신합니다'],
  },
  'out-of-memory': {
    wrong: '컨테이너 {container}가 메모리 제한을 넘어 종료되었습니다(OOMKilled).',
    type: ['YAML의 resources.limits.memory를 늘리거나 프로그램이 덜 쓰게 하세요'],
  },
  'liveness-kills': {
    wrong: 'livenessProbe가 실패해서 컨테이너 {container}가 계속 재시작됩니다: {message}',
    type: [
      'kubectl logs {pod} -c {container} -p',
      '프로브의 path와 port를 확인하세요. 시작이 느리면 startupProbe나 더 큰 initialDelaySeconds가 필요합니다',
    ],
  },
  'startup-kills': {
    wrong: 'startupProbe가 한 번도 성공하지 않아 컨테이너 {container}가 재시작됩니다: {message}',
    type: ['startupProbe의 failureThreshold × periodSeconds를 늘리거나 path와 port를 확인하세요'],
  },
  'ends-at-once': {
    wrong:
      '컨테이너 {container}가 할 일을 마치고 종료 코드 0으로 끝났지만 restartPolicy가 Always라서 다시 시작됩니다. 컨테이너는 주 프로세스가 도는 동안만 실행됩니다.',
    type: ['계속 실행되는 명령을 주거나 restartPolicy: Never 또는 Job을 쓰세요'],
  },
  crashes: {
    wrong: '컨테이너 {container}가 종료 코드 {code}로 끝났습니다({reason}).',
    type: ['kubectl logs {pod} -c {container} -p    # 끝나기 전의 로그', 'kubectl describe pod {pod}'],
  },
  'no-fitting-node': {
    wrong: '맞는 노드가 없습니다. Pod는 {selector} 레이블이 있는 노드를 원합니다.',
    type: ['kubectl get nodes --show-labels', 'kubectl label node NODE {selector}'],
  },
  'too-little-room': {
    wrong: 'Pod가 들어갈 자리가 있는 노드가 없습니다({message}).',
    type: ['kubectl describe nodes    # "Allocated resources"', 'resources.requests를 줄이거나 다른 Pod를 지우세요'],
  },
  tainted: {
    wrong: '모든 노드가 테인트로 Pod를 막고 있습니다({message}).',
    type: ['kubectl describe nodes | grep Taints', 'YAML에 toleration을 추가하거나: kubectl taint node NODE KEY-'],
  },
  'port-taken': {
    wrong: '호스트 포트 {port}을(를) 모든 노드에서 다른 Pod가 쓰고 있습니다.',
    type: [
      'kubectl get pods -A -o wide',
      '다른 hostPort를 쓰거나 빼세요. Pod는 자기 IP가 있고 kubectl port-forward로 닿을 수 있습니다',
    ],
  },
  'claim-missing': {
    wrong: 'Pod의 PersistentVolumeClaim이 없거나 바인딩되지 않았습니다: {message}',
    type: ['kubectl get pvc'],
  },
  unschedulable: {
    wrong: '스케줄러가 Pod를 둘 노드를 찾지 못했습니다: {message}',
    type: ['kubectl describe pod {pod}', 'kubectl get nodes'],
  },
  'node-missing': {
    wrong: 'Pod가 노드 "{node}"을(를) 지정했지만 그런 노드가 없습니다.',
    type: ['kubectl get nodes', 'nodeName을 빼면 스케줄러가 노드를 찾습니다'],
  },
  'readiness-fails': {
    wrong: '컨테이너 {container}는 실행 중이지만 readinessProbe가 실패해서 트래픽을 받지 않습니다: {message}',
    type: ['프로브의 path와 port를 확인하세요', 'kubectl logs {pod} -c {container}'],
  },
  evicted: {
    wrong: '노드의 자원이 부족해 Pod가 축출되었습니다: {message}',
    type: ['kubectl delete pod {pod}', 'kubectl describe nodes'],
  },
  'too-late': {
    wrong: 'Pod가 activeDeadlineSeconds보다 오래 실행되어 종료되었습니다.',
    type: ['YAML의 activeDeadlineSeconds를 늘리세요'],
  },
  failed: {
    wrong: 'Pod가 실패했습니다: {message}',
    type: ['kubectl describe pod {pod}', 'kubectl logs {pod} --all-containers'],
  },
  'held-by-finalizer': {
    wrong: 'Pod가 삭제되는 중이며 다음을 기다립니다: {finalizers}',
    type: [
      '파이널라이저를 건 쪽이 일을 마치게 하거나: kubectl patch pod {pod} --type=merge -p \'{"metadata":{"finalizers":null}}\'',
    ],
  },
  ending: {
    wrong: 'Pod가 삭제되는 중입니다. 컨테이너가 끝날 시간은 {seconds}초입니다.',
    type: ['기다리거나: kubectl delete pod {pod} --grace-period=0 --force'],
  },
  pulling: { wrong: '이미지를 아직 받는 중입니다: {message}', type: ['기다리세요: kubectl get pod {pod} -w'] },
  starting: { wrong: 'Pod가 시작되는 중이며 아직 문제는 없습니다.', type: ['kubectl get pod {pod} -w'] },
  succeeded: {
    wrong: '문제가 없습니다. 모든 컨테이너가 일을 마치고 종료 코드 0으로 끝났습니다.',
    type: ['kubectl logs {pod}'],
  },
  well: {
    wrong: '문제가 없습니다. Pod는 Ready 상태입니다.',
    type: ['kubectl logs {pod}', 'kubectl exec -it {pod} -- sh'],
  },
};

/** The language of the locale: Korean for ko, English for all others. */
export function languageOf(env: NodeJS.ProcessEnv): Language {
  const locale = env.LC_ALL ?? env.LC_MESSAGES ?? env.LANG ?? '';
  return locale.toLowerCase().startsWith('ko') ? 'ko' : 'en';
}

const fill = (text: string, facts: Facts): string =>
  text.replace(/\{(\w+)\}/g, (whole, key: string) => (Object.hasOwn(facts, key) ? (facts[key] ?? '') : whole));

export function answer(id: RuleId, facts: Facts, language: Language): Answer {
  const words = (language === 'ko' ? KO : EN)[id];
  return { wrong: fill(words.wrong, facts).replace(/[:：]\s*$/, '.'), type: words.type.map((t) => fill(t, facts)) };
}
