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
}

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
  list(): readonly StoredSecret[];
  add(name: string, value: string, details: SecretDetails): SecretVersion;
  change(version: SecretVersion, details: SecretDetails): void;
  remove(secret: StoredSecret): void;
  recover(secret: StoredSecret): void;
  purge(secret: StoredSecret): void;
}

/** The secrets of one vault. As in Key Vault, letter case does not matter in names. */
export function createSecretStore(clock: Clock): SecretStore {
  const secrets = new Map<string, StoredSecret>();
  const purgeOverdue = (): void => {
    for (const [key, secret] of secrets) {
      if (secret.deletedMs !== undefined && clock.nowMs() - secret.deletedMs > retentionDays * dayMs)
        secrets.delete(key);
    }
  };
  return {
    find: (name) => {
      purgeOverdue();
      return secrets.get(name.toLowerCase());
    },
    list: () => {
      purgeOverdue();
      return [...secrets.values()].toSorted((left, right) => left.name.localeCompare(right.name));
    },
    add: (name, value, details) => {
      const version = newVersion(value, details, clock.nowMs());
      const known = secrets.get(name.toLowerCase());
      if (known === undefined) secrets.set(name.toLowerCase(), { name, versions: [version], deletedMs: undefined });
      else known.versions.push(version);
      return version;
    },
    change: (version, details) => changeVersion(version, details, clock.nowMs()),
    remove: (secret) => {
      secret.deletedMs = clock.nowMs();
    },
    recover: (secret) => {
      secret.deletedMs = undefined;
    },
    purge: (secret) => {
      secrets.delete(secret.name.toLowerCase());
    },
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
