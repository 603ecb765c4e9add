import {
  type Credential,
  refreshTokenLifeMs,
  type StoredClientCredential,
  type StoredRefreshToken,
} from '../../src/lib/model/credential.ts';
import type {
  ClientCredentialVersion,
  CredentialStore,
  NewClientCredential,
  NewRefreshToken,
  StoredVersion,
} from '../../src/lib/credential/credential-store.ts';
import { BrokerError } from '../../src/lib/model/errors.ts';
import type { TenantId } from '../../src/lib/model/identifiers.ts';
import { Secret } from '../../src/lib/model/secret.ts';

interface Kept<T> extends StoredVersion {
  enabled: boolean;
  readonly proposed?: true;
  readonly value: T;
}

/** A credential store in memory with versions and injected failures. */
export class MemoryCredentialStore implements CredentialStore {
  loads = 0;
  /** Thrown by every operation while set. */
  failure: BrokerError | undefined;
  readonly #clients = new Map<string, Kept<NewClientCredential>[]>();
  readonly #tokens = new Map<string, Kept<NewRefreshToken>[]>();
  readonly #nowMs: () => number;

  readonly vault: string;

  constructor(nowMs: () => number = () => 0, vault = 'vault.example') {
    this.#nowMs = nowMs;
    this.vault = vault;
  }

  async load(application: string): Promise<Credential> {
    this.loads += 1;
    this.#failIfDue();
    const client = newest(this.#clients.get(application));
    if (client === undefined) throw new BrokerError('credential_missing', `no client credential for ${application}`);
    return {
      application,
      client: { ...client.value, version: client.version },
      refreshToken: await this.loadRefreshToken(application),
    };
  }

  async loadRefreshToken(application: string): Promise<StoredRefreshToken | undefined> {
    this.#failIfDue();
    const token = newest(this.#tokens.get(application));
    return token && { ...token.value, version: token.version };
  }

  async loadRefreshTokenVersion(application: string, version: string): Promise<StoredRefreshToken | undefined> {
    this.#failIfDue();
    const token = this.#tokens.get(application)?.find((kept) => kept.version === version && kept.enabled);
    return token && { ...token.value, version };
  }

  async loadClientCredentialVersion(application: string, version: string): Promise<StoredClientCredential | undefined> {
    this.#failIfDue();
    const client = this.#clients.get(application)?.find((kept) => kept.version === version && kept.enabled);
    return client && { ...client.value, version };
  }

  async saveRefreshToken(application: string, token: NewRefreshToken): Promise<string> {
    return this.#add(this.#tokens, application, token);
  }

  async saveClientCredential(application: string, credential: NewClientCredential): Promise<string> {
    return this.#add(this.#clients, application, credential);
  }

  async proposeClientCredential(application: string, credential: NewClientCredential): Promise<string> {
    return this.#add(this.#clients, application, credential, { enabled: false, proposed: true });
  }

  async listRefreshTokenVersions(application: string): Promise<readonly StoredVersion[]> {
    return (this.#tokens.get(application) ?? []).toReversed();
  }

  async listClientCredentialVersions(application: string): Promise<readonly ClientCredentialVersion[]> {
    return (this.#clients.get(application) ?? []).toReversed().map(({ value, ...version }) => ({
      ...version,
      kind: value.credential.kind,
      clientId: value.clientId,
      ...(value.keyId === undefined ? {} : { keyId: value.keyId }),
    }));
  }

  async disableRefreshTokenVersion(application: string, version: string): Promise<void> {
    disable(this.#tokens.get(application), version);
  }

  async disableClientCredentialVersion(application: string, version: string): Promise<void> {
    disable(this.#clients.get(application), version);
  }

  async listApplications(): Promise<readonly string[]> {
    const inForce = [...this.#clients].filter(([, versions]) => newest(versions) !== undefined);
    return inForce.map(([application]) => application).toSorted();
  }

  #add<T>(
    kept: Map<string, Kept<T>[]>,
    application: string,
    value: T,
    state: Pick<Kept<T>, 'enabled' | 'proposed'> = { enabled: true },
  ): string {
    this.#failIfDue();
    const versions = kept.get(application) ?? [];
    const version = `v${versions.length + 1}`;
    kept.set(application, [...versions, { version, createdAtMs: this.#nowMs(), ...state, value }]);
    return version;
  }

  #failIfDue(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

const newest = <T>(versions: Kept<T>[] | undefined): Kept<T> | undefined =>
  versions?.findLast((version) => version.enabled);

function disable(versions: { version: string; enabled: boolean }[] | undefined, version: string): void {
  const found = versions?.find((other) => other.version === version);
  if (found === undefined) throw new BrokerError('key_vault_unavailable', 'no such version');
  found.enabled = false;
}

/** A store with the complete credential of one application. */
export async function storeWithCredential(
  tenantId: TenantId,
  nowMs: () => number,
  application = 'default',
): Promise<MemoryCredentialStore> {
  const store = new MemoryCredentialStore(nowMs);
  await store.saveClientCredential(application, {
    clientId: '11111111-1111-4111-8111-111111111111',
    tenantId,
    credential: { kind: 'secret', secret: new Secret('client-secret-1') },
  });
  await store.saveRefreshToken(application, refreshTokenOf('refresh-token-1', nowMs()));
  return store;
}

export const refreshTokenOf = (value: string, obtainedAtMs: number): NewRefreshToken => ({
  secret: new Secret(value),
  clientId: '11111111-1111-4111-8111-111111111111',
  obtainedAtMs,
  expiresAtMs: obtainedAtMs + refreshTokenLifeMs,
  account: 'broker@partner.example',
  accountObjectId: '22222222-2222-4222-8222-222222222222',
  mfa: true,
});
