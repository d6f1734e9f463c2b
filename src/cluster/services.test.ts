// Where pods reach the API server, for each way to make their network and each address that it is bound to.
import { expect, test } from 'vitest';
import { clusterConfig } from './config.ts';
import { hostAddress } from './host-address.ts';
import { podFacingAddress } from './services.ts';

const CNI = { configDirectory: '/etc/cni/net.d', binaries: ['/opt/cni/bin'] };
const of = (bindAddress: string, more: { runtime?: string; cni?: typeof CNI } = {}) =>
  podFacingAddress(
    clusterConfig({
      dataDir: '/var/lib/minke',
      port: 6443,
      nodes: 2,
      runtime: 'embedded',
      bindAddress,
      routes: '',
      ...more,
    }),
  );

test('on our own network by the bridge of the first node, whatever it is bound to', () => {
  for (const address of ['127.0.0.1', '0.0.0.0', '192.0.2.7']) expect(of(address)).toBe('10.244.0.1');
});

test('on another network only where it was told to listen on an address of the host', () => {
  for (const more of [{ cni: CNI }, { runtime: 'unix:///run/containerd/containerd.sock' }]) {
    expect(of('127.0.0.1', more)).toBeUndefined();
    expect(of('::1', more)).toBeUndefined();
    expect(of('192.0.2.7', more)).toBe('192.0.2.7');
    expect(of('0.0.0.0', more)).toBe(hostAddress());
  }
});

test('nowhere for simulated pods, which are on no wire', () => {
  expect(of('0.0.0.0', { runtime: 'simulated' })).toBeUndefined();
});
