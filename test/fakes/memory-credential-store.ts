import {
  type ClientCredential,
  type Credential,
  refreshTokenLifeMs,
  Secret,
  type StoredClientCredential,
  type StoredRefreshToken,
} from '../../src/lib/core/secrets.ts';
import {
  type ClientCredentialVersion,
  type CredentialStore,
  type NewClientCredential,
  type NewRefreshToken,
  readNewest,
  refreshTokensInOrder,
  type RefreshTokenVersion,
  skippedRefreshTokens,
} from '../../src/lib/tokens/credential/credential-store.ts';
import { earliest } from '../../src/lib/tokens/credential/stored-secret.ts';
import { dayMs } from '../../src/lib/core/clock.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';
import type { TenantId } from '../../src/lib/core/identifiers.ts';

interface Kept<T> {
  readonly version: string;
  readonly createdAtMs: number;
  enabled: boolean;
  staged?: true | undefined;
  readonly proposed?: true;
  readonly isByHand?: true;
  value: T;
  /** End of the client credential in the tags and in the certificate, which an edit of the expiry does not change. */
  endMs?: number | undefined;
  /** Why the version cannot be read, as if a person had changed its tags. */
  unreadable?: BrokerError;
}

type State = Pick<Kept<unknown>, 'enabled' | 'staged' | 'proposed' | 'isByHand'>;
const inUse: State = { enabled: true };

/** A credential store in memory with versions, changes by hand and injected failures. */
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
    const versions = (this.#clients.get(application) ?? []).toReversed();
    const client = await readNewest('client credential', versions, async (version) =>
      this.#client(application, version),
    );
    if (client.value === undefined)
      throw new BrokerError('credential_missing', `no client credential for ${application}`);
    const refreshToken = await this.loadRefreshToken(application);
    const tokens = await this.listRefreshTokenVersions(application);
    const skipped = [...client.skipped, ...skippedRefreshTokens(tokens, refreshToken?.version)];
    return { application, client: client.value, refreshToken, ...(skipped.length === 0 ? {} : { skipped }) };
  }

  async loadRefreshToken(application: string): Promise<StoredRefreshToken | undefined> {
    const [first] = refreshTokensInOrder(await this.listRefreshTokenVersions(application));
    return first && this.loadRefreshTokenVersion(application, first.version);
  }

  async loadRefreshTokenVersion(application: string, version: string): Promise<StoredRefreshToken | undefined> {
    this.#failIfDue();
    const token = this.#tokens.get(application)?.find((kept) => kept.version === version && kept.enabled);
    return token && { ...token.value, version };
  }

  async loadClientCredentialVersion(application: string, version: string): Promise<StoredClientCredential | undefined> {
    this.#failIfDue();
    return this.#client(application, version);
  }

  #client(application: string, version: string): StoredClientCredential | undefined {
    const client = this.#clients.get(application)?.find((kept) => kept.version === version && kept.enabled);
    if (client?.unreadable) throw client.unreadable;
    if (client === undefined) return undefined;
    const endsAtMs = earliest(client.value.endsAtMs, client.endMs);
    return { ...client.value, version, ...(endsAtMs === undefined ? {} : { endsAtMs }) };
  }

  async saveRefreshToken(application: string, token: NewRefreshToken): Promise<string> {
    // A consent names its time. A person who removes the tag later does not make it a version that was stored by hand.
    const state = token.consentedAtMs === undefined ? ({ ...inUse, isByHand: true } as const) : inUse;
    return this.#add(this.#tokens, application, token, state);
  }

  async saveClientCredential(application: string, credential: NewClientCredential): Promise<string> {
    return this.#add(this.#clients, application, credential, inUse);
  }

  async stageRefreshToken(application: string, token: NewRefreshToken): Promise<string> {
    return this.#add(this.#tokens, application, token, { enabled: false, staged: true });
  }

  async stageClientCredential(application: string, credential: NewClientCredential): Promise<string> {
    return this.#add(this.#clients, application, credential, { enabled: false, staged: true });
  }

  async proposeClientCredential(application: string, credential: NewClientCredential): Promise<string> {
    return this.#add(this.#clients, application, credential, { enabled: false, proposed: true });
  }

  async enableRefreshTokenVersion(application: string, version: string): Promise<void> {
    this.#change(this.#tokens, application, version, { enabled: true, staged: undefined });
  }

  async enableClientCredentialVersion(application: string, version: string): Promise<void> {
    this.#change(this.#clients, application, version, { enabled: true, staged: undefined });
  }

  async listRefreshTokenVersions(application: string): Promise<readonly RefreshTokenVersion[]> {
    this.#failIfDue();
    return (this.#tokens.get(application) ?? []).toReversed().map(({ version, createdAtMs, enabled, ...kept }) => {
      const { account, accountObjectId, clientId, consentedAtMs } = kept.value;
      const { staged, isByHand } = kept;
      const tags = present({ staged, isByHand, account, accountObjectId, consentedAtMs });
      return { version, createdAtMs, enabled, clientId, ...tags };
    });
  }

  async listClientCredentialVersions(application: string): Promise<readonly ClientCredentialVersion[]> {
    this.#failIfDue();
    return (this.#clients.get(application) ?? []).toReversed().map(({ version, createdAtMs, enabled, ...kept }) => {
      const { clientId, keyId, credential } = kept.value;
      const tags = present({ keyId, proposed: kept.proposed, staged: enabled ? undefined : kept.staged });
      return { version, createdAtMs, enabled, kind: credential.kind, clientId, ...tags };
    });
  }

  /** The tenant that a version of the client credential names. */
  tenantOf(application: string, version: string): TenantId {
    return found(this.#clients, application, version).value.tenantId;
  }

  /** The refresh tokens of all versions, also of those that are disabled. */
  refreshTokens = (application: string): readonly string[] =>
    (this.#tokens.get(application) ?? []).map(({ value }) => value.secret.reveal());

  async disableRefreshTokenVersion(application: string, version: string): Promise<void> {
    this.#change(this.#tokens, application, version, { enabled: false });
  }

  async disableClientCredentialVersion(application: string, version: string): Promise<void> {
    this.#change(this.#clients, application, version, { enabled: false });
  }

  async setClientCredentialEnd(application: string, version: string, endsAtMs: number): Promise<void> {
    this.#failIfDue();
    const kept = found(this.#clients, application, version);
    kept.value = { ...kept.value, endsAtMs };
  }

  /** The client credentials of all versions, also of those that are disabled. */
  clientCredentials(application: string): readonly ClientCredential[] {
    return (this.#clients.get(application) ?? []).map(({ value }) => value.credential);
  }

  async listApplications(): Promise<readonly string[]> {
    const inForce = [...this.#clients].filter(([, versions]) => versions.some(({ enabled }) => enabled));
    return inForce.map(([application]) => application).toSorted();
  }

  /** Changes the tags or the dates of a version, as a person can. */
  editClient(
    application: string,
    version: string,
    changes: Partial<NewClientCredential> & { readonly unreadable?: BrokerError },
  ): void {
    const { unreadable, ...value } = changes;
    const kept = found(this.#clients, application, version);
    kept.endMs ??= kept.value.endsAtMs;
    kept.value = { ...kept.value, ...value };
    if (unreadable !== undefined) kept.unreadable = unreadable;
  }

  editToken(application: string, version: string, changes: Partial<NewRefreshToken>): void {
    const kept = found(this.#tokens, application, version);
    kept.value = { ...kept.value, ...changes };
  }

  #change<T>(kept: Map<string, Kept<T>[]>, application: string, version: string, state: Partial<State>): void {
    this.#failIfDue();
    Object.assign(found(kept, application, version), state);
  }

  #add<T>(kept: Map<string, Kept<T>[]>, application: string, value: T, state: State): string {
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

type Present<T> = { readonly [Name in keyof T]?: Exclude<T[Name], undefined> };

/** Without fields that are undefined or empty. */
const present = <T extends object>(fields: T): Present<T> =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]: [string, unknown]) => value !== undefined && value !== ''),
  ) as Present<T>;

function found<T>(kept: Map<string, Kept<T>[]>, application: string, version: string): Kept<T> {
  const versions = kept.get(application)?.find((other) => other.version === version);
  if (versions === undefined) throw new BrokerError('key_vault_unavailable', 'no such version');
  return versions;
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
    endsAtMs: nowMs() + 180 * dayMs,
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
