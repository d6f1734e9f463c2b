// What other API servers say of the versions that they serve: asked when it is wanted, and again after a minute.
// Source: https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';

export interface PeerVersion {
  readonly group: string;
  readonly version: string;
}

/** The other servers that are well, by the versions that they serve. */
export interface Peers {
  available(): readonly PeerVersion[];
  /** The body that the server of a version answers with; rejects when it does not answer with 200. */
  read(at: PeerVersion, path: string): Promise<Buffer>;
}

const FRESH_MS = 60_000;

interface Answer {
  readonly text: string;
  readonly value: JsonObject;
}

interface Said {
  readonly until: number;
  readonly what: Promise<Answer | undefined>;
}

export class PeerDocuments {
  private readonly said = new Map<string, Said>();
  private readonly own = new WeakMap<JsonObject, JsonObject>();

  constructor(
    private readonly peers: Peers,
    /** Milliseconds. */
    private readonly now: () => number,
  ) {}

  versions(): readonly PeerVersion[] {
    return this.peers.available();
  }

  /** undefined when the server does not answer, or with something else than an object; the same object while it says the same. */
  private async ask(at: PeerVersion, path: string): Promise<JsonObject | undefined> {
    const key = `${at.group}/${at.version} ${path}`;
    const known = this.said.get(key);
    if (known !== undefined && known.until > this.now()) return (await known.what)?.value;
    const what = this.answerOf(at, path, known?.what).catch(() => undefined);
    this.said.set(key, { until: this.now() + FRESH_MS, what });
    return (await what)?.value;
  }

  private async answerOf(at: PeerVersion, path: string, before: Said['what'] | undefined): Promise<Answer | undefined> {
    const text = (await this.peers.read(at, path)).toString('utf8');
    const old = await before;
    if (old?.text === text) return old;
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? { text, value } : undefined;
  }

  /** The lines of our index that are about other servers' versions, with the hashes that those tell. */
  async index(): Promise<JsonObject> {
    const out: JsonObject = {};
    for (const at of this.versions()) {
      const name = `apis/${at.group}/${at.version}`;
      const told = (await this.ask(at, '/openapi/v3'))?.paths;
      const line = isJsonObject(told) ? told[name] : undefined;
      if (isJsonObject(line)) out[name] = line;
    }
    return out;
  }

  /** Where a document of v3 about another server's version is, with the hash that this server tells. */
  async urlOf(name: string): Promise<string | undefined> {
    const line = (await this.index())[name];
    const url = isJsonObject(line) ? line.serverRelativeURL : undefined;
    return typeof url === 'string' ? url : undefined;
  }

  /** The document of v3 about another server's version; undefined when it is none, or tells nothing. */
  third(name: string): Promise<JsonObject | undefined> {
    const at = this.versions().find(({ group, version }) => name === `apis/${group}/${version}`);
    return at === undefined ? Promise.resolve(undefined) : this.ask(at, `/openapi/v3/${name}`);
  }

  /** The documents of v2, each with the paths of its version alone; the same objects until a server is asked again. */
  async second(): Promise<JsonObject[]> {
    const out: JsonObject[] = [];
    for (const at of this.versions()) {
      const document = await this.ask(at, '/openapi/v2');
      const paths = document?.paths;
      if (document === undefined || !isJsonObject(paths)) continue;
      let own = this.own.get(document);
      if (own === undefined) {
        const prefix = `/apis/${at.group}/${at.version}/`;
        own = {
          ...document,
          paths: Object.fromEntries(Object.entries(paths).filter(([path]) => path.startsWith(prefix))),
        };
        this.own.set(document, own);
      }
      out.push(own);
    }
    return out;
  }
}
