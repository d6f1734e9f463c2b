// Image references: what a short name stands for, and what is none.
import { describe, expect, it } from 'vitest';
import { imageReferenceText, invalidReferenceReason, parseImageReference } from './image-reference.ts';

const full = (text: string) => {
  const parsed = parseImageReference(text);
  return parsed === undefined ? undefined : imageReferenceText(parsed);
};

describe('an image reference', () => {
  it('stands for a name on Docker Hub unless it names a registry', () => {
    expect(full('nginx')).toBe('docker.io/library/nginx:latest');
    expect(full('nginx:1.25')).toBe('docker.io/library/nginx:1.25');
    expect(full('alicek106/rr-test:curl')).toBe('docker.io/alicek106/rr-test:curl');
    expect(full('docker.io/busybox')).toBe('docker.io/library/busybox:latest');
    expect(full('localhost/x')).toBe('localhost/x:latest');
    expect(full('127.0.0.1:5000/a/b:c')).toBe('127.0.0.1:5000/a/b:c');
    expect(full('registry.k8s.io/pause:3.9')).toBe('registry.k8s.io/pause:3.9');
  });

  it('is kept to its digest when it has one', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    expect(full(`nginx:1@${digest}`)).toBe(`docker.io/library/nginx@${digest}`);
    expect(parseImageReference(`nginx@${digest}`)?.tag).toBeUndefined();
  });

  it('is refused with a reason', () => {
    for (const bad of ['', 'Nginx', 'a b', 'nginx:', ':x', 'nginx@sha256:12', '-a', 'a//b', `a:${'x'.repeat(129)}`])
      expect(full(bad)).toBeUndefined();
    expect(invalidReferenceReason('Nginx')).toBe(
      'invalid reference format: repository name (library/Nginx) must be lowercase',
    );
    expect(invalidReferenceReason('FooBar/Img')).toBe(
      'invalid reference format: repository name (Img) must be lowercase',
    );
    expect(invalidReferenceReason('Upper:case:x')).toBe(
      'invalid reference format: repository name (library/Upper) must be lowercase',
    );
    expect(invalidReferenceReason('FooBar/img:a:b')).toBe('invalid reference format');
    expect(invalidReferenceReason('a b')).toBe('invalid reference format');
  });
});
