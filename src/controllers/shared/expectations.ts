// What a controller has done and not yet seen come about: until then its view is old, and it must not act on it.

/** After so long something must have been missed. */
const PATIENCE_MS = 5 * 60_000;

export class Expectations {
  /** Per controller key: the names it created and the uids it deleted, with the time. */
  private readonly pending = new Map<string, Map<string, number>>();
  private readonly holder = new Map<string, string>();

  expectCreation(key: string, object: string, now: number): void {
    this.expect(key, `+${object}`, now);
  }

  expectDeletion(key: string, uid: string, now: number): void {
    this.expect(key, `-${uid}`, now);
  }

  /** The object was seen, or could not be created. */
  created(object: string): void {
    this.settle(`+${object}`);
  }

  /** The object was seen to go, or could not be deleted. */
  deleted(uid: string): void {
    this.settle(`-${uid}`);
  }

  satisfied(key: string, now: number): boolean {
    const open = this.pending.get(key);
    if (open === undefined) return true;
    for (const [what, since] of open) if (now - since > PATIENCE_MS) this.settle(what);
    return !this.pending.has(key);
  }

  forget(key: string): void {
    for (const what of [...(this.pending.get(key)?.keys() ?? [])]) this.settle(what);
  }

  private expect(key: string, what: string, now: number): void {
    const open = this.pending.get(key);
    if (open === undefined) this.pending.set(key, new Map([[what, now]]));
    else open.set(what, now);
    this.holder.set(what, key);
  }

  private settle(what: string): void {
    const key = this.holder.get(what);
    if (key === undefined) return;
    this.holder.delete(what);
    const open = this.pending.get(key);
    open?.delete(what);
    if (open?.size === 0) this.pending.delete(key);
  }
}
