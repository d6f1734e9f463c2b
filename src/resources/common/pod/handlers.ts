// Probes and lifecycle hooks: exactly one handler, a port that can be one, and counts that make sense.

import { type FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import type { Int64 } from '../../../machinery/int64.ts';
import { isHTTPHeaderName } from '../../../machinery/names.ts';
import type {
  ExecAction,
  GRPCAction,
  HTTPGetAction,
  Lifecycle,
  Probe,
  SleepAction,
  TCPSocketAction,
} from '../../generated/core-v1.ts';
import { addInvalid, checkNonNegative, checkOneOf, type Findings } from '../collect.ts';
import { checkPortNumberOrName } from '../names.ts';
import type { PodScope } from './scope.ts';

interface Handler {
  readonly exec?: ExecAction;
  readonly httpGet?: HTTPGetAction;
  readonly tcpSocket?: TCPSocketAction;
  readonly grpc?: GRPCAction;
  readonly sleep?: SleepAction;
}

const SCHEMES = { supported: ['HTTP', 'HTTPS'] };

/** The kinds of handler, in the order in which Kubernetes looks for them: the first one counts, the others are too many. */
const HANDLERS: readonly {
  readonly kind: keyof Handler;
  readonly check: (handler: Handler, path: FieldPath, scope: PodScope) => void;
}[] = [
  { kind: 'exec', check: ({ exec }, path, { out }) => checkExec(exec, path, out) },
  { kind: 'httpGet', check: ({ httpGet }, path, { out }) => checkHttpGet(httpGet, path, out) },
  {
    kind: 'tcpSocket',
    check: ({ tcpSocket }, path, { out }) => checkPortNumberOrName(tcpSocket?.port, path.child('port'), out),
  },
  { kind: 'grpc', check: ({ grpc }, path, { out }) => checkPortNumberOrName(grpc?.port, path.child('port'), out) },
  { kind: 'sleep', check: ({ sleep }, path, scope) => checkSleep(sleep?.seconds ?? 0, path, scope) },
];

function checkHandler(handler: Handler, path: FieldPath, scope: PodScope): void {
  let found = false;
  for (const { kind, check } of HANDLERS) {
    if (handler[kind] === undefined || handler[kind] === null) continue;
    if (found) scope.out.push(fieldErrors.forbidden(path.child(kind), 'may not specify more than 1 handler type'));
    else check(handler, path.child(kind), scope);
    found = true;
  }
  if (!found) scope.out.push(fieldErrors.required(path, 'must specify a handler type'));
}

function checkExec(exec: ExecAction | undefined, path: FieldPath, out: Findings): void {
  if ((exec?.command ?? []).length === 0) out.push(fieldErrors.required(path.child('command')));
}

function checkHttpGet(http: HTTPGetAction | undefined, path: FieldPath, out: Findings): void {
  if (!http?.path) out.push(fieldErrors.required(path.child('path')));
  checkPortNumberOrName(http?.port, path.child('port'), out);
  checkOneOf(http?.scheme ?? '', path.child('scheme'), SCHEMES, out);
  for (const header of http?.httpHeaders ?? [])
    addInvalid(header.name, path.child('httpHeaders'), isHTTPHeaderName(header.name ?? ''), out);
}

function checkSleep(seconds: Int64, path: FieldPath, scope: PodScope): void {
  const grace = scope.gracePeriod;
  if (grace !== undefined && (seconds < 0 || seconds > grace))
    scope.out.push(
      fieldErrors.invalid(path, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${grace})`),
    );
}

export function checkLifecycle(lifecycle: Lifecycle, path: FieldPath, scope: PodScope): void {
  if (lifecycle.postStart) checkHandler(lifecycle.postStart, path.child('postStart'), scope);
  if (lifecycle.preStop) checkHandler(lifecycle.preStop, path.child('preStop'), scope);
  checkStopSignal(lifecycle.stopSignal, path.child('stopSignal'), scope);
}

/** Of 1 to 15 or 14: `SIGRTMIN+1`, as sorted text. */
function realTime(prefix: string, most: number): string[] {
  return [prefix, ...Array.from({ length: most }, (_, i) => `${prefix}${prefix.endsWith('MIN') ? '+' : '-'}${i + 1}`)];
}

const LINUX_SIGNALS = [
  ...'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP'
    .concat(' TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ')
    .split(' ')
    .map((name) => `SIG${name}`),
  ...realTime('SIGRTMIN', 15),
  ...realTime('SIGRTMAX', 14),
].sort();

const STOP_SIGNALS: Readonly<Record<string, readonly string[]>> = {
  linux: LINUX_SIGNALS,
  windows: ['SIGKILL', 'SIGTERM'],
};

function checkStopSignal(signal: string | undefined, path: FieldPath, scope: PodScope): void {
  if (signal === undefined) return;
  const os = scope.spec.os;
  if (os === undefined)
    scope.out.push(fieldErrors.forbidden(path, 'may not be set for containers with empty `spec.os.name`'));
  else {
    const supported = STOP_SIGNALS[os.name ?? ''];
    if (supported !== undefined) checkOneOf(signal, path, { supported }, scope.out);
  }
}

const COUNTS = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const;

function checkProbe(probe: Probe, path: FieldPath, scope: PodScope): void {
  checkHandler(probe, path, scope);
  for (const field of COUNTS) {
    const value = probe[field];
    if (value !== undefined && value < 0) checkNonNegative(value, path.child(field), scope.out);
  }
  const grace = probe.terminationGracePeriodSeconds;
  if (grace !== undefined && grace <= 0)
    scope.out.push(fieldErrors.invalid(path.child('terminationGracePeriodSeconds'), grace, 'must be greater than 0'));
}

export interface Probes {
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly startupProbe?: Probe;
}

export function checkProbes(container: Probes, path: FieldPath, scope: PodScope): void {
  if (container.livenessProbe) checkOnceProbe(container.livenessProbe, path.child('livenessProbe'), scope);
  if (container.readinessProbe) {
    const at = path.child('readinessProbe');
    checkProbe(container.readinessProbe, at, scope);
    const grace = container.readinessProbe.terminationGracePeriodSeconds;
    if (grace !== undefined)
      scope.out.push(
        fieldErrors.invalid(at.child('terminationGracePeriodSeconds'), grace, 'must not be set for readinessProbes'),
      );
  }
  if (container.startupProbe) checkOnceProbe(container.startupProbe, path.child('startupProbe'), scope);
}

/** Liveness and startup: one success is enough, always. */
function checkOnceProbe(probe: Probe, path: FieldPath, scope: PodScope): void {
  checkProbe(probe, path, scope);
  const threshold = probe.successThreshold ?? 0;
  if (threshold !== 1) scope.out.push(fieldErrors.invalid(path.child('successThreshold'), threshold, 'must be 1'));
}
