// gRPC services and messages written as tables of facts, as the descriptor that protobuf libraries take.

type Nested = Record<string, unknown>;

export interface GrpcTable {
  /** `k8s.io.kubelet.pkg.apis.dra.v1`: part of every method's path. */
  readonly package: string;
  /** `Message: field=number[:type]…`; without a type it is a string, `[]` repeats, `map:` has strings for keys. */
  readonly messages: string;
  /** `Enum: value …`, counted from zero. */
  readonly enums?: string;
  /** By the services' names: `Method: Request Answer`, `stream:Answer` when more than one comes. */
  readonly services: Readonly<Record<string, string>>;
}

function lines(table: string): (readonly [string, string[]])[] {
  return table
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const colon = line.indexOf(':');
      return [
        line.slice(0, colon),
        line
          .slice(colon + 1)
          .split(' ')
          .filter((part) => part !== ''),
      ] as const;
    });
}

function fieldOf(text: string): readonly [string, Nested] {
  const [, name = '', id = '0', type = 'string'] = /^(\w+)=(\d+)(?::(.+))?$/.exec(text) ?? [];
  if (type.startsWith('map:')) return [name, { keyType: 'string', type: type.slice(4), id: Number(id) }];
  const repeated = type.endsWith('[]');
  return [
    name,
    { type: repeated ? type.slice(0, -2) : type, id: Number(id), ...(repeated ? { rule: 'repeated' } : {}) },
  ];
}

function service(table: string): Nested {
  const methods: Nested = {};
  for (const [name, [requestType = '', answer = '']] of lines(table)) {
    const stream = answer.startsWith('stream:');
    methods[name] = {
      requestType,
      responseType: stream ? answer.slice(7) : answer,
      ...(stream ? { responseStream: true } : {}),
    };
  }
  return { methods };
}

export function grpcDescriptor(table: GrpcTable): Nested {
  let nested: Nested = {};
  for (const [name, methods] of Object.entries(table.services)) nested[name] = service(methods);
  for (const [name, fields] of lines(table.messages))
    nested[name] = { fields: Object.fromEntries(fields.map(fieldOf)) };
  for (const [name, values] of lines(table.enums ?? ''))
    nested[name] = { values: Object.fromEntries(values.map((value, number) => [value, number])) };
  for (const part of table.package.split('.').reverse()) nested = { [part]: { nested } };
  return { nested };
}
