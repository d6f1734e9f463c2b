// The floors of the house: imports go down only, and into another room only through its face (index.ts).
const floors = [
  ['machinery', 'host'],
  ['resources'],
  ['store', 'client'],
  ['apiserver', 'cri', 'network'],
  ['controllers', 'scheduler', 'kubelet', 'kubectl', 'console'],
  ['cluster'],
  ['testing'],
];

/** Floors above the given one, as a pattern of paths. */
const above = (level) =>
  `^src/(${floors
    .slice(level + 1)
    .flat()
    .join('|')})/`;

const upward = floors.slice(0, -1).map((rooms, level) => ({
  name: `no-import-upward-from-${rooms[0]}`,
  comment: 'Imports go down only (ARCHITECTURE.md).',
  severity: 'error',
  from: { path: `^src/(${rooms.join('|')})/` },
  to: { path: above(level) },
}));

const rooms = floors.flat();

/** Whoever works on the cluster through the API knows only the client (and the kubelet its two ports). */
const onlyClient = ['controllers', 'scheduler', 'kubelet', 'kubectl', 'console'].map((room) => ({
  name: `${room}-knows-only-the-client`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: {
    path: '^src/(store|apiserver|controllers|scheduler|kubelet|kubectl|console)/',
    pathNot: `^src/${room}/`,
  },
}));

const faces = rooms
  .filter((room) => room !== 'machinery' && room !== 'host')
  .map((room) => ({
    name: `${room}-has-one-face`,
    comment:
      'Other rooms import a room only through its index.ts, or the contract it is built on (port.ts and the like).',
    severity: 'error',
    from: { path: '^(src|test|bench|scripts)/', pathNot: `^src/${room}/` },
    to: {
      path: `^src/${room}/`,
      pathNot: [
        `^src/${room}/(index|port|node-api|definition|transport-conformance|schema/index)\\.ts$`,
        '^src/resources/generated/',
        '^src/resources/schema/facts-text\\.ts$',
      ],
    },
  }));

module.exports = {
  forbidden: [
    ...upward,
    ...onlyClient,
    ...faces,
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'machinery-and-host-are-ground',
      severity: 'error',
      from: { path: '^src/(machinery|host)/' },
      to: { path: '^src/', pathNot: '^src/(machinery|host)/' },
    },
    {
      name: 'one-door-to-programs',
      comment: 'Host programs are called from one module (invariant 8).',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/host/', '\\.test\\.ts$', '^src/cluster/cli/'] },
      to: { path: '^(node:)?child_process$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|node_modules)/' },
    parser: 'swc',
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      mainFields: ['module', 'main'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
};
