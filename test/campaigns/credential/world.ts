import { keyMark } from '../../../src/lib/tokens/credential/client-keys.ts';
import type { CredentialStore, NewClientCredential } from '../../../src/lib/tokens/credential/credential-store.ts';
import { type CreateCertificate, registerCertificate } from '../../../src/lib/tokens/credential/client-certificate.ts';
import { keepAlive, type KeepAliveDeps } from '../../../src/lib/tokens/credential/keep-alive.ts';
import { renewClientCredential } from '../../../src/lib/tokens/credential/renew-client-credential.ts';
import { rotateRefreshToken } from '../../../src/lib/tokens/credential/rotate.ts';
import { storeRefreshToken } from '../../../src/lib/tokens/credential/store-refresh-token.ts';
import type { VaultInventory } from '../../../src/lib/tokens/credential/vault-inventory.ts';
import type { GraphWriter } from '../../../src/lib/microsoft/graph.ts';
import { type Credential, refreshTokenLifeMs, Secret } from '../../../src/lib/core/secrets.ts';
import { BrokerError } from '../../../src/lib/core/errors.ts';
import type { TenantId } from '../../../src/lib/core/identifiers.ts';
import { silentLogger } from '../../../src/lib/core/log.ts';
import { MemoryCredentialJournal } from '../../fakes/memory-credential-journal.ts';
import { MemoryCredentialStore } from '../../fakes/memory-credential-store.ts';
import { MemoryVaultInventory } from '../../fakes/memory-vault-inventory.ts';
import { SecretEntra } from '../../fakes/secret-entra.ts';
import { seededRandom } from '../../fakes/fake-clock.ts';
import { certificateSource, startMs } from './certificate-pool.ts';
import { faultyStore } from './faulty-store.ts';

export const application = 'default';
const tenantId = '99999999-9999-4999-8999-999999999999' as TenantId;
export const accounts = ['account-a', 'account-b'] as const;
export type Account = (typeof accounts)[number];
export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;

/** The credentials that existed when a revocation drill ended. */
interface Revoked {
  /** The refresh tokens of all accounts that the vault or the operator can name. */
  readonly tokens: readonly string[];
  readonly passwords: SecretEntra['passwords'];
  /** What the drill reports as left although nothing failed. */
  readonly left: string | undefined;
}

/** One application in Entra and in the vault, with what a correct broker must know about it. */
export class CredentialWorld {
  readonly random: () => number;
  readonly store: MemoryCredentialStore;
  readonly entra: SecretEntra;
  nowMs = startMs;
  /** What setup stores. */
  kind: 'secret' | 'certificate';
  /** Whether the application only acts for itself, without a refresh token. */
  readonly isAppOnly: boolean;
  /** How far the clock of the app is ahead. */
  skewMs = 0;
  vaultFaultShare = 0;
  /** The account of the last consent that succeeded. Undefined: a consent failed in a way that leaves both possible. */
  consented: Account | undefined;
  /** Whether a person has disabled all versions, and nobody has set the application up since. */
  isStopped = false;
  /** Whether the application may add keys to itself. */
  isSelfOwned = false;
  /** Whether a drill has changed another application of the tenant. */
  isOtherChanged = false;
  /** When the sessions of an account were last revoked in the drill. */
  readonly validFromMs = new Map<Account, number>();
  revoked: Revoked | undefined;
  drills = 0;
  /** Drills that reported that something was left, and had to be run again. */
  unfinishedDrills = 0;
  readonly tenantId = tenantId;
  /** The store whose calls interleave with other work and fail. */
  readonly faulty: CredentialStore;
  /** Fails as {@link faulty} does. */
  readonly inventory: VaultInventory;
  readonly clock: KeepAliveDeps['clock'] = {
    nowMs: () => this.nowMs + this.skewMs,
    sleep: async (ms) => void (this.nowMs += ms),
  };

  readonly #createCertificate: CreateCertificate;
  #ids = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.isAppOnly = this.random() < 0.2;
    this.kind = this.pick(['secret', 'certificate'] as const);
    this.#createCertificate = certificateSource(
      () => this.nowMs,
      (choices) => this.pick(choices),
    );
    this.store = new MemoryCredentialStore(() => this.nowMs);
    this.entra = new SecretEntra(tenantId, () => this.nowMs, this.random);
    this.faulty = faultyStore(this.store, {
      faultShare: () => this.vaultFaultShare,
      random: this.random,
      turn: () => this.#turn(),
    });
    this.inventory = new MemoryVaultInventory(this.faulty, this.store, () => this.nowMs);
  }

  /** Below a limit, exclusive. */
  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  /** Lets other work run: for a random number of steps, so that the seed decides the order. */
  async #turn(): Promise<void> {
    for (let steps = this.below(6); steps > 0; steps -= 1) await Promise.resolve();
  }

  readonly #newId = (): string => `id-${(this.#ids += 1)}`;

  #deps(): KeepAliveDeps {
    return {
      store: this.faulty,
      redeemer: this.entra,
      clock: this.clock,
      log: silentLogger,
      newId: this.#newId,
      journal: new MemoryCredentialJournal(),
      fetch: async () => new Response('{}', { headers: { ismfacompliant: 'true' } }),
      canaryResource: 'https://graph.microsoft.com',
      partnerCenterIdentifier: 'https://api.partnercenter.microsoft.com',
      partnerCenterEndpoint: 'https://partner.test',
      renewal: this.#renewal(),
    };
  }

  #renewal(): NonNullable<KeepAliveDeps['renewal']> {
    return {
      graphIdentifier: 'https://graph.microsoft.com',
      identityTrust: async () => undefined,
      createCertificate: this.#createCertificate,
      graphOf: () => ({ graph: this.entra, writer: this.#ownWriter() }),
    };
  }

  /** Graph with a token of the application, which stays valid for a while after its keys were removed. */
  #ownWriter(): GraphWriter {
    const { entra } = this;
    const denied = new BrokerError('access_denied', 'The application does not own itself.', {
      logFields: { status: 403 },
    });
    return {
      post: (path, body) => (this.isSelfOwned ? entra.post(path, body) : Promise.reject(denied)),
      patch: (path, body) => (this.isSelfOwned ? entra.patch(path, body) : Promise.reject(denied)),
      remove: entra.remove,
    };
  }

  care(): Promise<unknown> {
    return keepAlive(this.#deps(), application);
  }

  rotate(): Promise<unknown> {
    return rotateRefreshToken(this.#deps(), application);
  }

  renew(): Promise<unknown> {
    return renewClientCredential({ ...this.#deps(), ...this.#renewal() }, application, true);
  }

  /** Signs an account in and stores its refresh token, as `ptb consent` does. */
  async consent(account: Account): Promise<void> {
    // A sign-in takes seconds.
    this.nowMs += 1_000 + this.below(60_000);
    const former = this.consented;
    const nowMs = this.nowMs + this.skewMs;
    const token = {
      secret: new Secret(this.entra.signIn(account)),
      clientId: this.entra.clientId,
      account: `${account}@partner.example`,
      accountObjectId: account,
      mfa: true,
      consentedAtMs: nowMs,
      obtainedAtMs: nowMs,
      expiresAtMs: nowMs + refreshTokenLifeMs,
    };
    try {
      const { client } = await this.store.load(application);
      await storeRefreshToken(this.#deps(), client, application, token);
      this.consented = account;
      this.isStopped = false;
    } catch {
      // The write may have taken effect although the command failed.
      this.consented = former === account ? account : undefined;
    }
  }

  /** Stores a new client secret or certificate, as `ptb setup` does. */
  async setUp(): Promise<string> {
    this.isSelfOwned = true;
    const { name } = keyMark(this.store.vault, application, []);
    if (this.kind === 'certificate') {
      const { entra, clock } = this;
      const deps = {
        graph: entra,
        writer: entra,
        clock,
        createCertificate: this.#createCertificate,
        newId: this.#newId,
      };
      return this.storeClient(await registerCertificate(deps, '/applications/object', name));
    }
    const { keyId, secret, endsAtMs } = this.entra.addPassword(name);
    return this.storeClient({ keyId, endsAtMs, credential: { kind: 'secret', secret: new Secret(secret) } });
  }

  /** Stores a client secret that a person created in the portal: without its expiry and the id of its key. */
  storePortalSecret(): Promise<string> {
    const { secret } = this.entra.addPassword('portal', (1 + this.below(400)) * dayMs);
    return this.storeClient({ credential: { kind: 'secret', secret: new Secret(secret) } });
  }

  storeClient(more: Partial<NewClientCredential>): Promise<string> {
    const credential = { kind: 'secret', secret: new Secret('pasted') } as const;
    return this.store.saveClientCredential(application, {
      clientId: this.entra.clientId,
      tenantId,
      credential,
      ...more,
    });
  }

  /** The credential in force, without faults. Undefined if there is none. */
  inForce(): Promise<Credential | undefined> {
    return this.store.load(application).catch(() => undefined);
  }

  /** Whether Entra accepts a client credential with its tags. */
  isUsable({
    clientId,
    tenantId: tagged,
    credential,
  }: Pick<NewClientCredential, 'clientId' | 'tenantId' | 'credential'>) {
    return clientId === this.entra.clientId && tagged === tenantId && this.entra.accepts(credential);
  }
}
