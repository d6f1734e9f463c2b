// The face of streaming: exec, attach and port-forward on connections that were taken over from HTTP.
export { type RemoteTarget, remoteCommand } from './client.ts';
export { type ForwardPort, type PortForwardOptions, servePortForward } from './port-forward-server.ts';
export type { RemoteCommandOptions, RunRemoteCommand } from './remote-command.ts';
export { serveRemoteCommand } from './remote-command-server.ts';
export { type StreamShape, serveStream } from './stream-server.ts';
export { type UpgradedConnection, type UpgradeKind, upgradeKind } from './upgrade.ts';
