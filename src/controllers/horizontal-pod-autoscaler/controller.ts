// Runs HorizontalPodAutoscalers: measures every fifteen seconds and scales what they name.
import { HORIZONTAL_POD_AUTOSCALERS, objectKey, PODS, type ReconcileResult } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import { deepEqual } from '../../machinery/json.ts';
import { parseLabelSelector } from '../../machinery/label-selector.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { rfc3339 } from '../../machinery/time.ts';
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
  MetricStatus,
} from '../../resources/generated/autoscaling-v2.ts';
import { setCondition } from '../shared/conditions.ts';
import { type ControllerContext, type ControllerRow, recorderFor } from '../shared/context.ts';
import { discover } from '../shared/discovery.ts';
import { startKeyed } from '../shared/keyed.ts';
import { type History, limit, trim } from './behavior.ts';
import { MetricError, type Proposal, propose, withinMetric } from './metrics.ts';

const NAME = 'horizontal-pod-autoscaler-controller';
const PERIOD_MS = 15_000;

interface Scale extends KubeObject {
  spec?: { replicas?: number };
  status?: { replicas?: number; selector?: string };
}

type Conditions = readonly HorizontalPodAutoscalerCondition[];

class Autoscaler {
  private readonly histories = new Map<string, History>();
  private readonly recorder;
  private readonly pods;

  constructor(private readonly context: ControllerContext) {
    this.recorder = recorderFor(context, 'horizontal-pod-autoscaler');
    this.pods = context.informers.informer(PODS);
    this.pods.addIndex('namespace', (pod) => [pod.metadata.namespace ?? '']);
  }

  get ready(): { readonly synced: Promise<void> } {
    return this.pods;
  }

  forget(key: string): void {
    this.histories.delete(key);
  }

  async reconcile(hpa: HorizontalPodAutoscaler): Promise<ReconcileResult> {
    const now = this.context.clock.now();
    let conditions: Conditions = hpa.status?.conditions ?? [];
    const set = (type: string, status: string, reason: string, message: string): void => {
      conditions = setCondition(conditions, { type, status, reason, message }, now);
    };
    let path: string;
    let scale: Scale;
    try {
      path = await this.scalePath(hpa);
      scale = (await this.context.client.raw('GET', path)) as Scale;
      set('AbleToScale', 'True', 'SucceededGetScale', "the HPA controller was able to get the target's current scale");
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.recorder.event(hpa, 'Warning', 'FailedGetScale', message);
      set(
        'AbleToScale',
        'False',
        'FailedGetScale',
        `the HPA controller was unable to get the target's current scale: ${message}`,
      );
      await this.writeStatus(hpa, {
        ...hpa.status,
        desiredReplicas: hpa.status?.desiredReplicas ?? 0,
        conditions: [...conditions],
      });
      return { requeueAfterMs: PERIOD_MS };
    }
    const current = scale.spec?.replicas ?? 0;
    const outcome = await this.decide(hpa, { scale, current, now, set });
    let { desired } = outcome;
    let { lastScaleTime } = hpa.status ?? {};
    if (desired !== current) {
      try {
        await this.context.client.raw('PUT', path, { ...scale, spec: { ...scale.spec, replicas: desired } });
        this.historyOf(hpa).changes.push({ at: now, replicas: desired - current });
        lastScaleTime = rfc3339(now);
        set(
          'AbleToScale',
          'True',
          'SucceededRescale',
          `the HPA controller was able to update the target scale to ${desired}`,
        );
        this.recorder.event(hpa, 'Normal', 'SuccessfulRescale', `New size: ${desired}; reason: ${outcome.reason}`);
      } catch (error) {
        // Someone else changed the target: look again at once.
        if (isApiError(error, 'Conflict')) throw error;
        const message = error instanceof Error ? error.message : String(error);
        this.recorder.event(
          hpa,
          'Warning',
          'FailedRescale',
          `New size: ${desired}; reason: ${outcome.reason}; error: ${message}`,
        );
        set(
          'AbleToScale',
          'False',
          'FailedUpdateScale',
          `the HPA controller was unable to update the target scale: ${message}`,
        );
        desired = current;
      }
    }
    await this.writeStatus(hpa, {
      ...(hpa.metadata.generation === undefined ? {} : { observedGeneration: hpa.metadata.generation }),
      ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
      currentReplicas: scale.status?.replicas ?? current,
      desiredReplicas: outcome.failed === true ? (hpa.status?.desiredReplicas ?? 0) : desired,
      ...(outcome.metrics === undefined ? {} : { currentMetrics: [...outcome.metrics] }),
      conditions: [...conditions],
    });
    return { requeueAfterMs: PERIOD_MS };
  }

  private historyOf(hpa: HorizontalPodAutoscaler): History {
    const key = objectKey(hpa);
    const known = this.histories.get(key) ?? { recommendations: [], changes: [] };
    this.histories.set(key, known);
    return known;
  }

  private async decide(
    hpa: HorizontalPodAutoscaler,
    at: {
      readonly scale: Scale;
      readonly current: number;
      readonly now: number;
      readonly set: (type: string, status: string, reason: string, message: string) => void;
    },
  ): Promise<{ desired: number; reason: string; metrics: readonly MetricStatus[] | undefined; failed?: boolean }> {
    const { scale, current, now, set } = at;
    const least = hpa.spec?.minReplicas ?? 1;
    const most = hpa.spec?.maxReplicas ?? least;
    if (current === 0 && least !== 0) {
      set(
        'ScalingActive',
        'False',
        'ScalingDisabled',
        'scaling is disabled since the replica count of the target is zero',
      );
      return { desired: 0, reason: '', metrics: undefined };
    }
    if (current > most)
      return { desired: most, reason: 'Current number of replicas above Spec.MaxReplicas', metrics: undefined };
    if (current < least)
      return { desired: least, reason: 'Current number of replicas below Spec.MinReplicas', metrics: undefined };
    const { proposals, failures, statuses } = await this.measure(hpa, scale, now);
    const [best] = [...proposals].sort((a, b) => b.replicas - a.replicas);
    const [failure] = failures;
    // What could not be measured may be what needs the pods: nothing shrinks on half a measure.
    if (best === undefined || (failure !== undefined && best.replicas < current)) {
      if (failure === undefined) return { desired: current, reason: '', metrics: undefined };
      const message = `the HPA was unable to compute the replica count: ${failure.message}`;
      set('ScalingActive', 'False', failure.reason, message);
      for (const one of failures) this.recorder.event(hpa, 'Warning', one.reason, one.message);
      this.recorder.event(
        hpa,
        'Warning',
        'FailedComputeMetricsReplicas',
        `invalid metrics (${failures.length} invalid out of ${hpa.spec?.metrics?.length ?? 0}), first error is: ${failure.within}${failure.message}`,
      );
      return { desired: current, reason: '', metrics: statuses, failed: true };
    }
    set(
      'ScalingActive',
      'True',
      'ValidMetricFound',
      `the HPA was able to successfully calculate a replica count from ${best.name}`,
    );
    const history = this.historyOf(hpa);
    trim(history, now);
    const limited = limit(hpa, { desired: best.replicas, current, history, now });
    set('AbleToScale', 'True', limited.ableReason, limited.ableMessage);
    set('ScalingLimited', limited.limited ? 'True' : 'False', limited.limitReason, limited.limitMessage);
    const reason = limited.replicas > current ? `${best.name} above target` : 'All metrics below target';
    return { desired: limited.replicas, reason, metrics: statuses };
  }

  private async measure(
    hpa: HorizontalPodAutoscaler,
    scale: Scale,
    now: number,
  ): Promise<{ proposals: Proposal[]; failures: MetricError[]; statuses: MetricStatus[] }> {
    const selector = scale.status?.selector ?? '';
    if (selector === '')
      return { proposals: [], failures: [new MetricError('InvalidSelector', 'selector is required')], statuses: [] };
    const parsed = parseLabelSelector(selector);
    const namespace = hpa.metadata.namespace ?? '';
    const pods = this.pods.byIndex('namespace', namespace).filter((pod) => parsed.matches(pod.metadata.labels ?? {}));
    const proposals: Proposal[] = [];
    const failures: MetricError[] = [];
    const statuses: MetricStatus[] = [];
    for (const spec of hpa.spec?.metrics ?? []) {
      try {
        const current = scale.spec?.replicas ?? 0;
        const found = await propose({ client: this.context.client, hpa, current, selector, pods, now }, spec);
        proposals.push(found);
        statuses.push(found.status);
      } catch (error) {
        if (!(error instanceof MetricError)) throw error;
        failures.push(new MetricError(error.reason, error.message, withinMetric(spec)));
        // Its place is kept, as in Kubernetes' own list.
        statuses.push({ type: '' });
      }
    }
    return { proposals, failures, statuses };
  }

  private async scalePath(hpa: HorizontalPodAutoscaler): Promise<string> {
    const { apiVersion = 'v1', kind = '', name = '' } = hpa.spec?.scaleTargetRef ?? {};
    const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
    const { resources } = await discover(this.context.client);
    const ref = resources.find((one) => one.ref.kind === kind && one.ref.group === group)?.ref;
    if (ref === undefined) throw new Error(`no matches for kind "${kind}" in group "${group}"`);
    const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    return `${root}/namespaces/${hpa.metadata.namespace}/${ref.plural}/${encodeURIComponent(name)}/scale`;
  }

  private async writeStatus(hpa: HorizontalPodAutoscaler, status: HorizontalPodAutoscalerStatus): Promise<void> {
    if (deepEqual(status, hpa.status ?? {})) return;
    try {
      await this.context.client.resource(HORIZONTAL_POD_AUTOSCALERS).updateStatus({ ...hpa, status });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }
}

export const horizontalPodAutoscaler: ControllerRow = {
  name: NAME,
  account: 'horizontal-pod-autoscaler',
  start(context) {
    const hpas = context.informers.informer(HORIZONTAL_POD_AUTOSCALERS);
    const autoscaler = new Autoscaler(context);
    const queue = startKeyed(context, {
      name: NAME,
      workers: 2,
      waitFor: [hpas, autoscaler.ready],
      async reconcile(key) {
        const hpa = hpas.get(key);
        if (hpa !== undefined) return autoscaler.reconcile(hpa);
        autoscaler.forget(key);
        return undefined;
      },
    });
    hpas.addHandler({
      onAdd: (hpa) => queue.add(objectKey(hpa)),
      onUpdate(hpa, old) {
        // Its own status is no news.
        if (!deepEqual(hpa.spec, old.spec)) queue.add(objectKey(hpa));
      },
      onDelete: (hpa) => queue.add(objectKey(hpa)),
    });
  },
};
