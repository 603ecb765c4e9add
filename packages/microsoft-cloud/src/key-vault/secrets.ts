import { randomUUID } from 'node:crypto';
import { type Clock, dayMs } from '../clock.ts';

/** Source: "Soft-delete overview": 90 days by default. */
export const retentionDays = 90;
export interface SecretVersion {
  readonly version: string;
  readonly value: string;
  readonly createdMs: number;
  contentType: string | undefined;
  tags: Readonly<Record<string, string>> | undefined;
  enabled: boolean;
  notBeforeSeconds: number | undefined;
  expiresSeconds: number | undefined;
  updatedMs: number;
}

export interface StoredSecret {
  readonly name: string;
  /** Oldest first. */
  readonly versions: SecretVersion[];
  /** Set while it is soft-deleted. */
  deletedMs: number | undefined;
  /** The operation that was begun last. It takes a while. */
  change: { readonly kind: 'deleting' | 'recovering' | 'purging'; readonly endsMs: number } | undefined;
}

type SecretState = 'live' | 'deleted' | 'deleting' | 'recovering' | 'purging';

/** The properties of a secret beside its value. */
export interface SecretDetails {
  readonly contentType?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly enabled?: boolean | undefined;
  readonly notBeforeSeconds?: number | undefined;
  readonly expiresSeconds?: number | undefined;
}

export interface SecretStore {
  find(name: string): StoredSecret | undefined;
  stateOf(secret: StoredSecret): SecretState;
  list(): readonly StoredSecret[];
  add(name: string, value: string, details: SecretDetails): SecretVersion;
  change(version: SecretVersion, details: SecretDetails): void;
  remove(secret: StoredSecret): void;
  recover(secret: StoredSecret): void;
  purge(secret: StoredSecret): void;
}

/**
 * The secrets of one vault. As in Key Vault, letter case does not matter in names.
 * @param delayMs returns the time that deletion, recovery and purge take.
 */
export function createSecretStore(clock: Clock, delayMs: () => number): SecretStore {
  const secrets = new Map<string, StoredSecret>();
  /** Ends the operations whose time is over. */
  const settle = (): void => {
    const nowMs = clock.nowMs();
    for (const [key, secret] of secrets) {
      const { change, deletedMs } = secret;
      if (change !== undefined && change.endsMs <= nowMs) {
        if (change.kind === 'purging') secrets.delete(key);
        if (change.kind === 'recovering') secret.deletedMs = undefined;
        secret.change = undefined;
      }
      if (deletedMs !== undefined && nowMs - deletedMs > retentionDays * dayMs) secrets.delete(key);
    }
  };
  const begin = (secret: StoredSecret, kind: 'deleting' | 'recovering' | 'purging'): void => {
    secret.change = { kind, endsMs: clock.nowMs() + delayMs() };
    settle();
  };
  return {
    find: (name) => {
      settle();
      return secrets.get(name.toLowerCase());
    },
    stateOf: ({ change, deletedMs }) => change?.kind ?? (deletedMs === undefined ? 'live' : 'deleted'),
    list: () => {
      settle();
      return [...secrets.values()].toSorted((left, right) => left.name.localeCompare(right.name));
    },
    add: (name, value, details) => {
      const version = newVersion(value, details, clock.nowMs());
      const known = secrets.get(name.toLowerCase());
      if (known !== undefined) known.versions.push(version);
      else secrets.set(name.toLowerCase(), { name, versions: [version], deletedMs: undefined, change: undefined });
      return version;
    },
    change: (version, details) => changeVersion(version, details, clock.nowMs()),
    remove: (secret) => {
      secret.deletedMs = clock.nowMs();
      begin(secret, 'deleting');
    },
    recover: (secret) => begin(secret, 'recovering'),
    purge: (secret) => begin(secret, 'purging'),
  };
}

function newVersion(value: string, details: SecretDetails, nowMs: number): SecretVersion {
  return {
    version: randomUUID().replaceAll('-', ''),
    value,
    createdMs: nowMs,
    contentType: details.contentType,
    tags: details.tags,
    enabled: details.enabled ?? true,
    notBeforeSeconds: details.notBeforeSeconds,
    expiresSeconds: details.expiresSeconds,
    updatedMs: nowMs,
  };
}

/** Changes the properties that are set. */
function changeVersion(version: SecretVersion, details: SecretDetails, nowMs: number): void {
  if (details.contentType !== undefined) version.contentType = details.contentType;
  if (details.tags !== undefined) version.tags = details.tags;
  if (details.enabled !== undefined) version.enabled = details.enabled;
  if (details.notBeforeSeconds !== undefined) version.notBeforeSeconds = details.notBeforeSeconds;
  if (details.expiresSeconds !== undefined) version.expiresSeconds = details.expiresSeconds;
  version.updatedMs = nowMs;
}
