// Whether a pod wants AppArmor where there is none. https://kubernetes.io/docs/tutorials/security/apparmor/
import type { Pod } from '../../resources/generated/core-v1.ts';
import type { Refusal } from '../container/sysctls.ts';
import { specOf } from './identity.ts';

function wantsProfile(pod: Pod): boolean {
  const spec = specOf(pod);
  const own = spec.securityContext?.appArmorProfile;
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  return all.some((c) => {
    const type = (c.securityContext?.appArmorProfile ?? own)?.type;
    return type !== undefined && type !== 'Unconfined';
  });
}

export function refuseAppArmor(pod: Pod, enabled: boolean): Refusal | undefined {
  if (enabled || !wantsProfile(pod)) return undefined;
  return { reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' };
}
