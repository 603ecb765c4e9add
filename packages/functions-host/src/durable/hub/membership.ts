import type { HostLog } from '../../runtime/host-log.ts';
import type { HostRow } from './hub-schema.ts';
import type { HubStore } from './hub-store.ts';

interface MembershipDeps {
  readonly store: HubStore;
  readonly log: HostLog;
  readonly deadAfterMs: number;
  readonly monotonicMs: () => number;
}

/**
 * Which hosts are alive, and which partitions this one has. A host counts its beats up in the hub. Another host that sees no
 * change for the whole time, by a clock that nobody sets, removes it. So no times are compared between hosts.
 */
export class Membership {
  readonly #deps: MembershipDeps;
  readonly #seen = new Map<number, { readonly beat: number; readonly atMs: number }>();
  #nextBeatMs = 0;
  #lookedAtMs = 0;
  /** How long this host has watched the others. While it is stalled, or the machine sleeps, it sees no beats of theirs. */
  #watchedMs = 0;

  constructor(deps: MembershipDeps) {
    this.#deps = deps;
  }

  isDue(): boolean {
    return this.#deps.monotonicMs() >= this.#nextBeatMs;
  }

  /**
   * Gives a sign of life, removes dead hosts, and takes free partitions up to the share of this host. The caller frees those
   * that are not in the result.
   * @param wanted whether this host runs orchestrations.
   */
  partitions(wanted: boolean): Set<number> {
    const { store, log, deadAfterMs, monotonicMs } = this.#deps;
    const nowMs = monotonicMs();
    const intervalMs = deadAfterMs / 5;
    this.#watchedMs += Math.min(2 * intervalMs, nowMs - this.#lookedAtMs);
    this.#lookedAtMs = nowMs;
    this.#nextBeatMs = nowMs + intervalMs;
    if (!store.beat()) {
      if (store.hostId !== 0)
        log('warning', 'system', 'Other hosts have declared this one dead. It joins the hub again.');
      store.join();
    }
    const alive = store.hosts().filter((host) => this.#isAlive(host));
    if (!wanted) return new Set();
    const share = shareOf(
      store.partitionCount,
      alive.length,
      alive.findIndex(({ id }) => id === store.hostId),
    );
    const own = new Set(store.partitionsOf(store.hostId).slice(0, share));
    for (const id of store.partitionsOf(null)) if (own.size < share && store.takePartition(id)) own.add(id);
    return own;
  }

  #isAlive(host: HostRow): boolean {
    const { store, log, deadAfterMs } = this.#deps;
    if (host.id === store.hostId) return true;
    const seen = this.#seen.get(host.id);
    if (seen?.beat !== host.beat) {
      this.#seen.set(host.id, { beat: host.beat, atMs: this.#watchedMs });
      return true;
    }
    if (this.#watchedMs - seen.atMs < deadAfterMs || !store.remove(host)) return true;
    this.#seen.delete(host.id);
    log('warning', 'system', `The host ${host.id} of this hub is dead. Others take over its work.`);
    return false;
  }
}

/** How many partitions a host runs: as even as possible. @param rank its place in the list of hosts, from 0. */
const shareOf = (partitions: number, hosts: number, rank: number): number =>
  Math.floor(partitions / hosts) + (rank < partitions % hosts ? 1 : 0);
