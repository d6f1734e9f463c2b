// What is told to a runtime over gRPC, through the wire's own encoding.
import { fromJSON } from '@grpc/proto-loader';
import { expect, it } from 'vitest';
import { containerConfig, podConfig } from '../test-configs.ts';
import { containerOut } from './convert.ts';
import { descriptor } from './wire.ts';

it('CDI devices are named to the runtime, in the field that Kubernetes has for them', () => {
  const sandbox = podConfig('u1', { logDirectory: '/logs' });
  const config = containerOut(containerConfig('sha256:1', ['x'], { cdiDevices: ['v.io/thing=one'] }), sandbox);
  const loaded = fromJSON(descriptor(), { keepCase: true });
  const service = loaded['runtime.v1.RuntimeService'] as Record<
    string,
    { requestSerialize: (value: object) => Buffer; requestDeserialize: (bytes: Buffer) => object }
  >;
  const method = service.CreateContainer;
  const bytes = method?.requestSerialize({ config });
  expect(bytes?.includes(Buffer.from([0x8a, 0x01, 16, 0x0a, 14]))).toBe(true); // field 17, a message with field 1
  expect(method?.requestDeserialize(bytes ?? Buffer.alloc(0))).toMatchObject({
    config: { CDI_devices: [{ name: 'v.io/thing=one' }] },
  });
});
