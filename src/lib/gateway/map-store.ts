import type { PermissionMap } from 'graph-permissions/permission-map';
import { type MapOrigin, readStoredMap, type StoredMap } from '../judge/stored-map.ts';
import { BrokerError } from '../core/errors.ts';
import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import { KeptCopy } from '../core/kept-copy.ts';
import type { Logger } from '../core/log.ts';
import { once } from '../core/once.ts';
import type { MapBlobs } from './map-blobs.ts';

/** The permission map in force. */
export interface MapInForce {
  readonly map: PermissionMap;
  /** Undefined for the table in the project, which serves until an operator loads Microsoft's file. */
  readonly origin: MapOrigin | undefined;
  /** Why the stored map is not in force. One sentence for the operator. */
  readonly problem?: string;
}

/** A change takes effect within this time, and one more request, milliseconds. */
const reloadMs = 30_000;
/** Time from a failed read to the next, milliseconds. */
const retryMs = 5_000;
const readTimeoutMs = 5_000;

export interface MapStoreDeps {
  readonly blobs: Pick<MapBlobs, 'read'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly background?: (work: () => void) => void;
}

/**
 * Holds the permission map in force. It is read on first need, and again after 30 seconds in the background: a request waits
 * for storage only while there is no copy. A stored map that cannot be read as one leaves the former map in force.
 */
export class MapStore {
  readonly #deps: MapStoreDeps;
  readonly #copy: KeptCopy<MapInForce>;
  readonly #builtIn = once(async (): Promise<MapInForce> => {
    // Loaded at first need, to keep start-up short.
    const { partnerMap } = await import('graph-permissions/partner-table');
    return { map: partnerMap(), origin: undefined };
  });
  /** The stored text that was read last, valid or not. */
  #last: { readonly etag: string | undefined; readonly inForce: MapInForce } | undefined;

  constructor(deps: MapStoreDeps) {
    this.#deps = deps;
    this.#copy = new KeptCopy(deps, {
      freshMs: () => reloadMs,
      usableMs: Number.POSITIVE_INFINITY,
      pauseMs: () => retryMs,
    });
  }

  /** The map in force. @throws BrokerError storage_unavailable if there is no copy and storage cannot be read. */
  async current(): Promise<PermissionMap> {
    return (await this.inForce()).map;
  }

  /** The map in force with its origin. @throws as {@link current}. */
  async inForce(): Promise<MapInForce> {
    return (await this.#copy.get(() => this.#load(), { patienceMs: 0 })).value;
  }

  async #load(): Promise<MapInForce> {
    const { blobs, clock } = this.#deps;
    const etag = this.#last?.etag;
    const stored = await withDeadline(clock, readTimeoutMs, (signal) => blobs.read(etag, signal)).catch(
      (cause: unknown) => {
        throw new BrokerError('storage_unavailable', 'The permission map cannot be read.', { cause });
      },
    );
    if (stored === 'unchanged' && this.#last !== undefined) return this.#last.inForce;
    if (stored === undefined || stored === 'unchanged') {
      this.#last = undefined;
      return this.#builtIn();
    }
    const inForce = await this.#parse(stored.text);
    this.#last = { etag: stored.etag, inForce };
    return inForce;
  }

  async #parse(text: string): Promise<MapInForce> {
    const { log } = this.#deps;
    let read: StoredMap;
    try {
      read = readStoredMap(text);
    } catch (error) {
      const problem = error instanceof Error ? error.message : 'The stored permission map cannot be read.';
      log.log('warn', 'permission_map.rejected', { problem });
      const { map, origin } = this.#copy.peek()?.value ?? (await this.#builtIn());
      return { map, origin, problem };
    }
    const { source, sha256 } = read.origin;
    log.log('info', 'permission_map.loaded', { source, sha256, permissions: read.map.permissions.length });
    return read;
  }
}
