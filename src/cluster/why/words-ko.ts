// The answers of `minke why` in Korean.
import type { Words } from './rule.ts';

export const KO: Words = {
  'image-name-invalid': {
    wrong:
      '컨테이너 {container}의 이미지 이름 "{image}"을(를) 읽을 수 없습니다. 이름은 nginx, nginx:1.25처럼 소문자여야 합니다.',
    type: ['kubectl edit pod {pod}    # spec.containers[].image 수정'],
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
  'key-missing': {
    wrong: '{kind} "{name}"은(는) 있지만 컨테이너 {container}가 찾는 키 "{key}"이(가) 없습니다.',
    type: ['kubectl get {kind} {name} -o yaml    # 있는 키 확인'],
  },
  'run-as-root': {
    wrong: '컨테이너 {container}는 root로 실행되면 안 되는데(runAsNonRoot) 이미지가 root로 시작합니다.',
    type: ['컨테이너에 securityContext: {runAsUser: 1000} 을 추가하거나 USER가 있는 이미지를 쓰세요'],
  },
  'config-error': { wrong: '컨테이너 {container}를 만들 수 없습니다: {message}', type: ['kubectl describe pod {pod}'] },
  'volume-failed': { wrong: '볼륨을 마운트할 수 없습니다: {message}', type: ['kubectl describe pod {pod}'] },
  'out-of-memory': {
    wrong: '컨테이너 {container}가 메모리 제한을 넘어 종료되었습니다(OOMKilled).',
    type: ['YAML의 resources.limits.memory를 늘리거나 프로그램이 덜 쓰게 하세요'],
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
  'port-taken': {
    wrong: '호스트 포트 {port}을(를) 모든 노드에서 다른 Pod가 쓰고 있습니다.',
    type: [
      'kubectl get pods -A -o wide',
      '다른 hostPort를 쓰거나 빼세요. Pod는 자기 IP가 있고 kubectl port-forward로 닿을 수 있습니다',
    ],
  },
  unschedulable: {
    wrong: '스케줄러가 Pod를 둘 노드를 찾지 못했습니다: {message}',
    type: ['kubectl describe pod {pod}', 'kubectl get nodes'],
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
  'image-misspelt': {
    wrong: '{registry}에 이미지 "{image}"이(가) 없습니다. "{meant}"을(를) 쓰려고 하셨나요?',
    type: [
      'YAML에 image: {meant} 라고 쓰고 다시 apply 하세요',
      '직접 만든 이미지라면 먼저 가져오세요: minke image import image.tar',
    ],
  },
  'image-here-but-asked': {
    wrong:
      '이미지 "{image}"이(가) 이 노드에 있지만 imagePullPolicy가 Always라서(:latest이거나 태그가 없을 때의 기본값) Kubernetes가 레지스트리 {registry}에 물어봅니다. 레지스트리에서는 받지 못했습니다.',
    type: [
      'YAML의 image: 옆에 imagePullPolicy: IfNotPresent 를 쓰세요',
      'kubectl delete pod {pod} 한 뒤 YAML을 다시 apply 하세요',
    ],
  },
  'image-local-latest': {
    wrong:
      '이미지 "{image}"의 태그가 :latest이거나 없어서 Kubernetes는 레지스트리 {registry}에 물어보는데, 그곳에서 받을 수 없습니다. 이 컴퓨터에서 빌드한 이미지는 저절로 찾아지지 않습니다.',
    type: [
      '이름이 맞나요? 맞다면 이미지에 고유한 태그를 붙이세요: docker tag {repository} {repository}:1 && docker save {repository}:1 -o image.tar',
      'minke image import image.tar',
      'YAML에 image: {repository}:1 (또는 imagePullPolicy: IfNotPresent) 을 쓰세요',
    ],
  },
  'secret-missing': {
    wrong: '컨테이너 {container}에 필요한 Secret "{name}"이(가) 이 네임스페이스에 없습니다.',
    type: ['kubectl create secret generic {name} --from-literal={key}=VALUE    # 만들면 Pod가 저절로 진행됩니다'],
  },
  'configmap-missing': {
    wrong: '컨테이너 {container}에 필요한 ConfigMap "{name}"이(가) 이 네임스페이스에 없습니다.',
    type: ['kubectl create configmap {name} --from-literal={key}=VALUE    # 만들면 Pod가 저절로 진행됩니다'],
  },
  'volume-source-missing': {
    wrong: '볼륨에 필요한 {kind} "{name}"이(가) 이 네임스페이스에 없어 Pod가 기다리고 있습니다.',
    type: ['kubectl create {kind} {name} --from-file=FILE    # 만들면 Pod가 저절로 진행됩니다'],
  },
  'volume-key-missing': {
    wrong: '볼륨 "{volume}"에 필요한 {kind} "{name}"의 키 "{key}"이(가) 없습니다.',
    type: ['kubectl get {kind} {name} -o yaml    # 있는 키 확인', 'YAML의 볼륨 items: 를 고치거나 키를 추가하세요'],
  },
  'volume-host-path': {
    wrong: 'hostPath 볼륨에 필요한 {path}이(가) 노드에 없거나 종류가 다릅니다.',
    type: ['mkdir -p {path}    # 노드에서. 또는 YAML에 type: DirectoryOrCreate'],
  },
  'init-failed': {
    wrong:
      '초기화 컨테이너 {container}가 종료 코드 {code}(으)로 끝났습니다{meaning}. 성공해야 다른 컨테이너가 시작됩니다.',
    type: ['kubectl logs {pod} -c {container}'],
  },
  'init-running': {
    wrong: '초기화 컨테이너 {container}가 아직 실행 중이어서 Pod가 기다립니다. 성공해야 다른 컨테이너가 시작됩니다.',
    type: ['kubectl logs {pod} -c {container} -f    # 무엇을 기다리는지'],
  },
  'command-not-found': {
    wrong: '컨테이너 {container}의 프로그램 "{program}"이(가) 이미지 안에 없습니다.',
    type: [
      'YAML의 command: 와 args: 를 확인하세요. command는 이미지의 ENTRYPOINT를 대신합니다',
      '셸 명령이라면: command: ["sh", "-c", "…"]',
    ],
  },
  'command-not-executable': {
    wrong: '컨테이너 {container}의 프로그램 "{program}"은(는) 있지만 실행 권한이 없거나 다른 종류의 컴퓨터용입니다.',
    type: [
      'Dockerfile에 RUN chmod +x {program}, 스크립트는 #!/bin/sh 로 시작해야 합니다',
      '다른 CPU용 이미지라면: docker build --platform linux/amd64 …',
    ],
  },
  'directory-wrong': {
    wrong: '컨테이너 {container}의 workingDir "{directory}"은(는) 이미지 안의 디렉터리가 아닙니다.',
    type: ['YAML의 workingDir: 를 고치세요'],
  },
  'post-start-failed': {
    wrong: '컨테이너 {container}의 postStart 훅이 실패해서 컨테이너가 다시 시작됩니다: {message}',
    type: ['YAML의 lifecycle.postStart를 고치세요'],
  },
  'liveness-kills': {
    wrong: 'livenessProbe가 실패해서 컨테이너 {container}가 계속 재시작됩니다: {message}',
    type: [
      'kubectl logs {pod} -c {container}{previous}',
      '프로브의 path와 port를 확인하세요. 시작이 느리면 startupProbe나 더 큰 initialDelaySeconds가 필요합니다',
    ],
  },
  'address-in-use': {
    wrong:
      '컨테이너 {container}가 쓰려는 포트가 이미 사용 중이어서 끝났습니다. 한 Pod의 컨테이너들은 네트워크를 공유하므로 같은 포트를 둘이 쓸 수 없습니다.',
    type: ['둘 중 하나의 포트를 바꾸세요', 'kubectl logs {pod} -c {container}{previous}'],
  },
  'read-only-root': {
    wrong:
      '컨테이너 {container}가 파일을 쓰려 하지만 루트 파일 시스템이 읽기 전용입니다(readOnlyRootFilesystem: true).',
    type: [
      '쓸 곳을 주세요: 그 위치에 emptyDir 볼륨을 마운트하세요',
      'kubectl logs {pod} -c {container}{previous}    # 어디에 쓰려는지',
    ],
  },
  crashes: {
    wrong: '컨테이너 {container}가 종료 코드 {code}(으)로 끝났습니다{meaning}.',
    type: ['kubectl logs {pod} -c {container}{previous}    # 끝나기 전의 로그 전체', 'kubectl describe pod {pod}'],
  },
  'no-fitting-node': {
    wrong: '맞는 노드가 없습니다. Pod는 {selector} 레이블이 있는 노드를 원합니다.',
    type: ['kubectl get nodes --show-labels', 'kubectl label node NODE {labels}'],
  },
  'no-fitting-affinity': {
    wrong: '맞는 노드가 없습니다. Pod의 nodeAffinity 조건: {affinity}',
    type: ['kubectl get nodes --show-labels', 'kubectl label node NODE {label}'],
  },
  'too-little-room': {
    wrong: 'Pod가 들어갈 자리가 있는 노드가 없습니다. {resource}이(가) 부족합니다({message}).',
    type: ['kubectl describe nodes    # "Allocated resources"', 'resources.requests를 줄이거나 다른 Pod를 지우세요'],
  },
  tainted: {
    wrong: '모든 노드가 테인트로 Pod를 막고 있습니다. {node}: {key}:{effect}',
    type: [
      'kubectl taint node {node} {key}:{effect}-    # 테인트 제거',
      '또는 YAML에 tolerations: [{key: {key}, operator: Exists}] 추가',
    ],
  },
  cordoned: {
    wrong: '노드 {node}에는 새 Pod를 두지 않습니다(kubectl cordon 또는 drain 상태).',
    type: ['kubectl uncordon {node}'],
  },
  'claim-missing': {
    wrong: 'Pod에 필요한 PersistentVolumeClaim "{claim}"이(가) 이 네임스페이스에 없습니다.',
    type: ['kubectl get pvc', 'kubectl apply -f claim.yaml    # 이름이 {claim}인 PersistentVolumeClaim'],
  },
  'claim-unbound': {
    wrong: 'PersistentVolumeClaim "{claim}"에 아직 볼륨이 없습니다: {message}',
    type: ['kubectl describe pvc {claim}', 'kubectl get pv,storageclass'],
  },
  gated: {
    wrong: 'schedulingGates({gates})가 없어질 때까지 Pod는 스케줄되지 않습니다.',
    type: [
      '게이트를 건 쪽이 없애거나: kubectl patch pod {pod} --type=json -p \'[{"op":"remove","path":"/spec/schedulingGates"}]\'',
    ],
  },
  'other-scheduler': {
    wrong: 'Pod가 스케줄러 "{scheduler}"를 원하지만 그런 스케줄러가 이 Pod를 본 적이 없습니다.',
    type: ['YAML에서 schedulerName을 빼거나 그 스케줄러를 실행하세요'],
  },
  'node-missing': {
    wrong: 'Pod가 노드 "{node}"을(를) 지정했지만 그런 노드가 없습니다.',
    type: ['kubectl get nodes', 'nodeName을 빼면 스케줄러가 노드를 찾습니다'],
  },
  'readiness-gate': {
    wrong: '컨테이너는 준비되었지만 다른 프로그램이 설정해야 하는 조건 "{gate}"(readinessGates)을(를) 기다립니다.',
    type: ['kubectl get pod {pod} -o yaml    # status.conditions'],
  },
  'over-disk-limit': {
    wrong: 'Pod가 허용된 것보다 많이 디스크에 써서 종료되었습니다: {message}',
    type: [
      'resources.limits.ephemeral-storage(또는 emptyDir의 sizeLimit)를 늘리거나 덜 쓰게 하세요',
      'kubectl delete pod {pod}',
    ],
  },
  'scaled-to-zero': {
    wrong: '{target}의 replicas가 0이어서 Pod가 없습니다.',
    type: ['kubectl scale {target} --replicas=1'],
  },
  'pods-refused': {
    wrong: '{target}의 Pod가 거부되었습니다: {message}',
    type: ['kubectl describe resourcequota,limitrange    # 막고 있는 쿼터나 제한', 'kubectl describe {target}'],
  },
  'no-pods': {
    wrong: '{target}에 아직 Pod가 없습니다.',
    type: ['kubectl describe {target}    # 이벤트에 이유가 있습니다'],
  },
};
