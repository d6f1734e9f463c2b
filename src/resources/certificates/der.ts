// Just enough DER to find the parts of a certificate request.

export interface DerNode {
  /** Tag, length and content. */
  readonly raw: Buffer;
  readonly content: Buffer;
  children(): DerNode[];
}

const MAX_LENGTH_BYTES = 4;

/** The first value in the bytes; undefined when they are cut short or no DER. */
export function readDer(bytes: Buffer): DerNode | undefined {
  let length = bytes[1];
  if (length === undefined) return undefined;
  let start = 2;
  if (length >= 0x80) {
    const count = length & 0x7f;
    if (count === 0 || count > MAX_LENGTH_BYTES || bytes.length < start + count) return undefined;
    length = bytes.readUIntBE(start, count);
    start += count;
  }
  const end = start + length;
  if (bytes.length < end) return undefined;
  const content = bytes.subarray(start, end);
  return { raw: bytes.subarray(0, end), content, children: () => childrenOf(content) };
}

function childrenOf(content: Buffer): DerNode[] {
  const nodes: DerNode[] = [];
  for (let rest = content; rest.length > 0; ) {
    const node = readDer(rest);
    if (node === undefined) break;
    nodes.push(node);
    rest = rest.subarray(node.raw.length);
  }
  return nodes;
}
