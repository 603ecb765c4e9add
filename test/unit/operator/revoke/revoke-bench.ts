import type { ListedTrust } from '../../../../src/lib/tokens/credential/identity-trust.ts';
import type {
  ApplicationInventory,
  InventoryVersion,
  VaultInventory,
} from '../../../../src/lib/tokens/credential/vault-inventory.ts';
import { createGraphClient, createGraphWriter } from '../../../../src/lib/microsoft/graph.ts';
import type { JsonObject } from '../../../../src/lib/core/objects.ts';
import type { BrokerError } from '../../../../src/lib/core/errors.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import type { Redeemer } from '../../../../src/lib/microsoft/redeemer.ts';
import { Limiter } from '../../../../src/lib/core/limiter.ts';
import { planRevocation, revoke, type Outcome, type Progress } from '../../../../src/operator/revoke/revoke.ts';
import type { RevokeDeps, RevokeOptions } from '../../../../src/operator/revoke/state.ts';
import { verifyRevocation, type VerifyOptions } from '../../../../src/operator/revoke/verify.ts';
import type { Proof } from '../../../../src/operator/revoke/refusals.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { aadstsFailure, FakeRedeemer } from '../../../fakes/fake-redeemer.ts';
import {
  type MemoryCredentialStore,
  refreshTokenOf,
  storeWithCredential,
} from '../../../fakes/memory-credential-store.ts';
import { problem, type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';

export const partner = '99999999-9999-4999-8999-999999999999' as TenantId;
export const clientId = '11111111-1111-4111-8111-111111111111';
export const accountId = '22222222-2222-4222-8222-222222222222';

/** A key of the application. `value` is the secret that it accepts. */
interface Key {
  readonly keyId: string;
  readonly displayName?: string;
  readonly value?: string;
  readonly hint?: string;
  /** The certificate as Graph shows it. */
  readonly key?: string;
}

/** A vault with a credential, and a Graph and an Entra that share one application and one account. */
export class RevokeBench {
  readonly clock: FakeClock;
  readonly store: MemoryCredentialStore;
  readonly redeemer: FakeRedeemer;
  secrets: Key[] = [{ keyId: 'secret-1', value: 'client-secret-1', hint: 'cli' }, { keyId: 'secret-2' }];
  certificates: Key[] = [{ keyId: 'certificate-1' }];
  principalSecrets: Key[] = [];
  principalCertificates: Key[] = [];
  trusts: ({ readonly id: string; readonly name?: string } & Partial<ListedTrust>)[] = [{ id: 'trust-1' }];
  owners = ['principal-id', 'somebody'];
  tags = ['partner-token-broker:default'];
  /** What Graph lists as deleted and recoverable. */
  deletedApplications: JsonObject[] = [];
  deletedUsers: JsonObject[] = [];
  /** When the sessions of the account were revoked. */
  validFromMs = 0;
  /** Answers a request before the default answers do. */
  graph: (request: SeenRequest) => Scripted | undefined = () => undefined;
  /** What the vault knows about an application. Default: the versions in the store. */
  inventory: VaultInventory;
  /** Account tags of a refresh-token version. */
  accountOf: (version: string) => { readonly account?: string; readonly accountObjectId?: string } = () => ({
    account: 'broker@partner.example',
    accountObjectId: accountId,
  });
  /** The tenant that the client credentials in the vault name. */
  tenantId: TenantId | undefined = partner;
  /** How far the clock of this machine is ahead of that of the vault. */
  skewMs = 0;
  /** When the vault says that the application was revoked. */
  revokedAtMs: number | undefined;
  recordFailure: BrokerError | undefined;
  readonly seen: SeenRequest[] = [];
  readonly reported: string[] = [];

  private constructor(clock: FakeClock, store: MemoryCredentialStore) {
    this.clock = clock;
    this.store = store;
    this.redeemer = new FakeRedeemer(clock);
    this.redeemer.script = (redemption) => this.#refusal(redemption);
    this.inventory = {
      applications: () => store.listApplications(),
      read: async (application) => this.#inventory(application),
      recordRevocation: async () => {
        if (this.recordFailure !== undefined) throw this.recordFailure;
        this.revokedAtMs = this.clock.nowMs();
      },
    };
  }

  static async create(): Promise<RevokeBench> {
    const clock = new FakeClock();
    const store = await storeWithCredential(partner, () => clock.nowMs());
    await store.saveRefreshToken('default', refreshTokenOf('second', clock.nowMs()));
    return new RevokeBench(clock, store);
  }

  async #inventory(application: string): Promise<ApplicationInventory> {
    if (this.store.failure !== undefined) throw this.store.failure;
    const [client, tokens] = await Promise.all([
      this.store.listClientCredentialVersions(application),
      this.store.listRefreshTokenVersions(application),
    ]);
    const refreshToken = tokens.map(({ version, createdAtMs, enabled }) => ({
      version,
      createdAtMs,
      enabled,
      clientId,
      ...this.accountOf(version),
    }));
    const { revokedAtMs, tenantId } = this;
    return {
      readAtMs: this.clock.nowMs(),
      client: client.map((version) => ({ ...version, ...(tenantId === undefined ? {} : { tenantId }) })),
      refreshToken,
      ...(revokedAtMs === undefined ? {} : { revokedAtMs }),
    };
  }

  #refusal({ clientCredential, grant }: Parameters<Redeemer['redeem']>[0]): ReturnType<FakeRedeemer['script']> {
    const value = clientCredential.kind === 'secret' ? clientCredential.secret.reveal() : undefined;
    if (!this.secrets.some((secret) => secret.value !== undefined && secret.value === value)) {
      return aadstsFailure(7000215);
    }
    return grant.kind === 'delegated' && this.validFromMs > 0 ? aadstsFailure(50173) : undefined;
  }

  /** Changes the tag `clientId` of the versions. */
  tagClientIds(tagOf: (version: InventoryVersion, isClient: boolean) => string | undefined): void {
    const { inventory } = this;
    const tagged = (isClient: boolean) => (version: InventoryVersion) => {
      const { clientId: _former, ...others } = version;
      const id = tagOf(version, isClient);
      return { ...others, ...(id === undefined ? {} : { clientId: id }) };
    };
    this.inventory = {
      ...inventory,
      read: async (name) => {
        const { client, refreshToken, ...others } = await inventory.read(name);
        return { ...others, client: client.map(tagged(true)), refreshToken: refreshToken.map(tagged(false)) };
      },
    };
  }

  deps(signal?: AbortSignal): RevokeDeps {
    const { store, inventory, redeemer } = this;
    const clock = { nowMs: () => this.clock.nowMs() + this.skewMs, sleep: this.clock.sleep.bind(this.clock) };
    const { fetch } = scriptedFetch((request) => {
      this.seen.push(request);
      return this.graph(request) ?? this.#answer(request);
    });
    const exchange = { fetch, clock, random: () => 0, limiter: new Limiter(4) };
    const binding = {
      baseUrl: 'https://graph.test',
      token: async () => new Secret('operator'),
      correlationId: 'id',
      signal,
    };
    return {
      graph: createGraphClient(exchange, binding),
      writer: createGraphWriter(exchange, binding),
      store,
      inventory,
      redeemer,
      newId: () => 'made-up',
      clock,
      partnerTenantId: partner,
      graphIdentifier: 'https://graph.test',
    };
  }

  #answer({ method, url, body }: SeenRequest): Scripted {
    const path = decodeURIComponent(url.pathname);
    const no = new Response(null, { status: 204 });
    if (method === 'GET') return this.#read(path);
    if (path.endsWith('/revokeSignInSessions')) {
      this.validFromMs = this.clock.nowMs();
      return { value: true };
    }
    if (path.includes('/owners/')) this.owners = this.owners.filter((owner) => !path.includes(owner));
    else if (path.endsWith('/removePassword')) {
      const { keyId } = JSON.parse(body ?? '{}') as { keyId: string };
      const holder = path.startsWith('/v1.0/servicePrincipals') ? 'principalSecrets' : 'secrets';
      if (!this[holder].some((key) => key.keyId === keyId)) return problem(400, 'Request_BadRequest');
      this[holder] = this[holder].filter((key) => key.keyId !== keyId);
    } else if (path.includes('/federatedIdentityCredentials/')) {
      this.trusts = this.trusts.filter(({ id }) => !path.endsWith(id));
    } else if (body?.includes('keyCredentials') === true) this.certificates = [];
    return no;
  }

  #read(path: string): Scripted {
    const keys = (listed: readonly Key[]) => listed.map((shown) => ({ ...shown, value: undefined }));
    if (path.endsWith('/federatedIdentityCredentials')) return { value: this.trusts };
    if (path.endsWith('/owners')) return { value: this.owners.map((id) => ({ id })) };
    if (path.endsWith('/deletedItems/microsoft.graph.application')) return { value: this.deletedApplications };
    if (path.endsWith('/deletedItems/microsoft.graph.user')) return { value: this.deletedUsers };
    if (path.includes('/users/')) {
      return { id: accountId, signInSessionsValidFromDateTime: new Date(this.validFromMs).toISOString() };
    }
    if (path.includes('/servicePrincipals')) {
      return {
        id: 'principal-id',
        passwordCredentials: keys(this.principalSecrets),
        keyCredentials: keys(this.principalCertificates),
      };
    }
    return {
      id: 'object-id',
      tags: this.tags,
      passwordCredentials: keys(this.secrets),
      keyCredentials: keys(this.certificates),
    };
  }

  /** Lets time pass until the work ends. */
  async finish<T>(work: Promise<T>): Promise<T> {
    const pending = new Set([work]);
    const settled = work.finally(() => pending.clear());
    settled.catch(() => undefined);
    while (pending.size > 0) await this.clock.advance(1_000);
    return settled;
  }

  async texts(options: Partial<RevokeOptions> = {}): Promise<string[]> {
    const steps = await this.finish(planRevocation(this.deps(), { application: 'default', ...options }));
    return steps.map(({ text }) => text);
  }

  revoke(options: Partial<RevokeOptions> = {}, progress: Progress = {}): Promise<Outcome> {
    const report = ({ step, done }: { readonly step: string; readonly done: boolean }): void => {
      this.reported.push(`${done ? 'done' : 'FAILED'} ${step}`);
    };
    return this.finish(
      revoke(this.deps(progress.signal), { application: 'default', ...options }, { report, ...progress }),
    );
  }

  verify(options: Partial<VerifyOptions> = {}): Promise<readonly Proof[]> {
    return this.finish(verifyRevocation(this.deps(), { application: 'default', ...options }));
  }

  /** Method and path of each request that changes something. */
  requested(): string[] {
    return this.seen
      .filter(({ method }) => method !== 'GET')
      .map(({ method, url }) => `${method} ${decodeURIComponent(url.pathname)}`);
  }
}
