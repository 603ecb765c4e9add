import type { ApplicationInventory, InventoryVersion } from '../credential/vault-inventory.ts';
import type { EntraFailure, TokenReply } from '../entra/judge-token-reply.ts';
import type { ClientCredential } from '../model/credential.ts';
import { BrokerError } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import { retry } from '../runtime/retry.ts';
import type { RevokeDeps } from './revoke-state.ts';

/** What Entra said to one credential. */
export interface Proof {
  /** What was tried or read. */
  readonly item: string;
  /** Whether it is certain that it does not work any more. */
  readonly proven: boolean;
  /** The number with which Entra refuses it. */
  readonly aadsts?: number;
  readonly detail: string;
  /** Set if the answer says nothing either way, for instance because Entra is unavailable. */
  readonly inconclusive?: true;
}

interface ClientValue {
  readonly item: string;
  readonly clientId: string;
  readonly credential: ClientCredential;
}

interface TokenValue {
  readonly item: string;
  readonly clientId: string;
  readonly secret: Secret;
}

/**
 * Numbers with which Entra refuses the value itself, from whatever place it is tried. Any other refusal, such as one by a
 * policy, proves nothing: it may depend on this machine.
 */
const finalRefusals: ReadonlySet<unknown> = new Set([
  // The client secret, certificate or federated credential
  7000215, 7000222, 700027, 70021, 700211, 700212, 700213,
  // The refresh token
  70000, 70008, 700082, 700084, 50173, 50089, 50132, 50133, 9002313,
  // The application does not exist or is disabled
  700016, 7000112,
]);

/** Pauses for a revocation or removal that has not reached all of Entra's servers, 98 seconds in total. */
const replicationPausesMs = [3_000, 5_000, 10_000, 20_000, 30_000, 30_000] as const;
/** Shorter, because the keys are still there: they are removed next. */
const firstPausesMs = [1_000, 2_000] as const;

/** Maximum number of attempts while Entra is unavailable. */
const transientAttempts = 3;

/**
 * The values that the vault held when the revocation started, to try them at Entra. They are kept in memory only, and the
 * tokens that Entra may still issue are discarded.
 */
export class RevokedValues {
  readonly #deps: RevokeDeps;
  readonly #signal: AbortSignal | undefined;
  readonly #clients = new Map<string, ClientValue>();
  readonly #tokens = new Map<string, TokenValue>();
  /** Refresh tokens that Entra refused although the client credential was accepted. */
  readonly #refused = new Map<string, Proof>();

  constructor(deps: RevokeDeps, signal?: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  /** Reads the values of all enabled versions. A value that cannot be read is not tried. */
  async read(application: string, vault: ApplicationInventory): Promise<void> {
    const { store } = this.#deps;
    const unread = (listed: readonly InventoryVersion[], known: ReadonlyMap<string, unknown>) =>
      listed.filter(({ enabled, version }) => enabled && !known.has(version));
    for (const { version, clientId, keyId } of unread(vault.client, this.#clients)) {
      const client = await store.loadClientCredentialVersion(application, version).catch(() => undefined);
      if (client === undefined) continue;
      const { credential } = client;
      const item = `Client ${credential.kind} ${keyId ?? `of version ${version}`}`;
      this.#clients.set(version, { item, clientId: clientId ?? client.clientId, credential });
    }
    for (const { version, clientId } of unread(vault.refreshToken, this.#tokens)) {
      const token = await store.loadRefreshTokenVersion(application, version).catch(() => undefined);
      const owner = clientId ?? vault.client.find((client) => client.clientId !== undefined)?.clientId;
      if (token === undefined || owner === undefined) continue;
      this.#tokens.set(version, { item: `Refresh token of version ${version}`, clientId: owner, secret: token.secret });
    }
  }

  /** Tries the refresh tokens while a client credential may still work: only then Entra judges the refresh token itself. */
  async tryRefreshTokens(): Promise<void> {
    for (const [version, token] of this.#tokens) {
      if (this.#refused.has(version)) continue;
      const reply = await this.#whileItRedeems(firstPausesMs, () => this.#redeemToken(token));
      if (reply === undefined || reply.ok || isRefusalOfClient(reply.failure)) continue;
      const proof = proofOf(token.item, reply);
      if (proof.proven) this.#refused.set(version, proof);
    }
  }

  /**
   * Tries everything once more.
   * @param isDone whether all steps were done, so that it is worth waiting until all of Entra's servers know it.
   */
  async prove(isDone: boolean): Promise<readonly Proof[]> {
    const pauses = isDone ? replicationPausesMs : [];
    const clients = [...this.#clients.values()].map(async (client) => {
      const reply = await this.#whileItRedeems(pauses, () => this.#redeemClient(client));
      // Only a machine with the managed identity can try it.
      const isImpossible = reply?.ok === false && reply.failure.code === 'config_invalid';
      return reply === undefined || isImpossible ? [] : [proofOf(client.item, reply)];
    });
    const tokens = [...this.#tokens].map(async ([version, token]) => {
      const refused = this.#refused.get(version);
      if (refused !== undefined) return [refused];
      const reply = await this.#whileItRedeems(pauses, () => this.#redeemToken(token));
      return reply === undefined ? [] : [proofOf(token.item, reply)];
    });
    return (await Promise.all([...clients, ...tokens])).flat();
  }

  #whileItRedeems(
    pausesMs: readonly number[],
    redeem: () => Promise<TokenReply | undefined>,
  ): Promise<TokenReply | undefined> {
    return retry(redeem, {
      clock: this.#deps.clock,
      signal: this.#signal,
      attempts: pausesMs.length + 1,
      afterValue: (reply, attempt) => {
        if (reply === undefined) return undefined;
        const isTransient = !reply.ok && reply.failure.reach === 'transient' && attempt < transientAttempts;
        return reply.ok || isTransient ? pausesMs[attempt - 1] : undefined;
      },
    });
  }

  #redeemClient({ clientId, credential }: ClientValue): Promise<TokenReply> {
    return this.#redeem(clientId, credential, { kind: 'application' });
  }

  /** Redeems with the first client credential that Entra accepts. Undefined if there is none to authenticate with. */
  async #redeemToken({ clientId, secret }: TokenValue): Promise<TokenReply | undefined> {
    let last: TokenReply | undefined;
    for (const client of this.#clients.values()) {
      if (client.clientId !== clientId) continue;
      const reply = await this.#redeem(clientId, client.credential, { kind: 'delegated', refreshToken: secret });
      if (!reply.ok && reply.failure.code === 'config_invalid') continue;
      last = reply;
      if (reply.ok || !isRefusalOfClient(reply.failure)) break;
    }
    return last;
  }

  #redeem(
    clientId: string,
    clientCredential: ClientCredential,
    grant: Parameters<RevokeDeps['redeemer']['redeem']>[0]['grant'],
  ): Promise<TokenReply> {
    const { redeemer, partnerTenantId: tenantId, graphIdentifier: resourceIdentifier, newId } = this.#deps;
    const redemption = { tenantId, resourceIdentifier, clientId, clientCredential, grant, correlationId: newId() };
    return redeemer.redeem(redemption, this.#signal);
  }
}

const isRefusalOfClient = ({ code }: EntraFailure): boolean => code === 'client_credential_rejected';

function proofOf(item: string, reply: TokenReply): Proof {
  if (reply.ok) return { item, proven: false, detail: 'Entra still issues a token for it.' };
  const { detail, logFields } = reply.failure;
  const { aadsts } = logFields;
  const number = typeof aadsts === 'number' ? { aadsts } : {};
  if (finalRefusals.has(aadsts)) {
    return { item, proven: true, ...number, detail: `Entra refuses it (AADSTS${String(aadsts)}).` };
  }
  return { item, proven: false, ...number, detail: `This proves nothing: ${detail}`, inconclusive: true };
}

/**
 * Asks Entra itself whether an application exists that Graph does not know, with a made-up secret. Entra answers
 * AADSTS700016 if it does not, and AADSTS7000215 if it does.
 */
export async function proveMissing(deps: RevokeDeps, clientId: string, signal?: AbortSignal): Promise<Proof> {
  const reply = await deps.redeemer.redeem(
    {
      tenantId: deps.partnerTenantId,
      resourceIdentifier: deps.graphIdentifier,
      clientId,
      clientCredential: { kind: 'secret', secret: new Secret(deps.newId()) },
      grant: { kind: 'application' },
      correlationId: deps.newId(),
    },
    signal,
  );
  const item = keysItem(clientId);
  if (!reply.ok && reply.failure.logFields['aadsts'] === 700016) {
    return { item, proven: true, aadsts: 700016, detail: 'Neither Graph nor Entra knows the application.' };
  }
  const said = reply.ok ? 'It issued a token.' : reply.failure.detail;
  const detail = `Microsoft Graph does not know the application (404), but Entra does not say that it is gone: ${said}`;
  return { item, proven: false, detail };
}

export const keysItem = (clientId: string): string => `Keys of the application ${clientId}`;

/** The proof for a part that could not be read. */
export const unread = (item: string, failure: BrokerError): Proof => ({
  item,
  proven: false,
  detail: failure.detail,
  ...(failure.transient ? { inconclusive: true } : {}),
});
