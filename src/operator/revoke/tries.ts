import { retry } from '../../lib/core/clock.ts';
import { BrokerError, toBrokerError } from '../../lib/core/errors.ts';
import type { ClientCredential, Secret } from '../../lib/core/secrets.ts';
import type { TokenReply } from '../../lib/microsoft/token-reply.ts';
import { replicationPausesMs } from '../../lib/tokens/credential/prove-client-credential.ts';
import type { ApplicationInventory, InventoryVersion } from '../../lib/tokens/credential/vault-inventory.ts';
import {
  aadstsOf,
  isFinal,
  isOfApplication,
  isOfClient,
  type Proof,
  proofOf,
  refusalsOfClient,
  refusalsOfToken,
  worstOf,
} from './refusals.ts';
import type { RevokeDeps, RevokeOptions, State, TokenOwner, TriedTokens } from './state.ts';

/** A value that could not be tried. */
interface Untried {
  readonly item: string;
  readonly reason: string;
  /** What proves that it does not work, if the keys and the sessions are gone. */
  readonly covered: string;
}

/** @param isCovered whether the keys and the sessions are proven to be gone. */
const proofOfUntried = ({ item, reason, covered }: Untried, isCovered: boolean): Proof => ({
  item,
  proven: isCovered,
  detail: `It was not tried: ${reason} ${isCovered ? covered : uncoveredText}`,
});

const uncoveredText = 'The keys or the sessions are not proven to be gone, so it may work.';
const noApplication = 'Key Vault does not name its application.';
const noIdentity = 'Only the app has the managed identity.';
const noClient = 'The vault holds no client credential for it that this machine can use.';

const unreadable = (failure: BrokerError | undefined): string =>
  `Its value cannot be read. ${failure?.detail ?? 'It is empty, or was disabled meanwhile.'}`;

const refusedFirst = (what: string, reply: TokenReply): string =>
  `Entra no longer ${what} (AADSTS${String(aadstsOf(reply))}).`;

const coveredClient = (item: string): Omit<Untried, 'reason'> => ({
  item,
  covered: 'Its proof is that the keys are removed.',
});

const coveredToken = (account: string | false | undefined): string =>
  account === undefined || account === false
    ? 'Its proof is that the keys are removed and the sessions revoked.'
    : `Its proof is that the keys are removed, and the sessions of ${account} revoked. If it belongs to another account, run the command again with --account.`;

interface ClientValue {
  readonly item: string;
  readonly clientId: string;
  readonly credential: ClientCredential;
}

interface TokenValue {
  readonly item: string;
  /** More than one if its version names none. */
  readonly clientIds: readonly string[];
  readonly secret: Secret;
  /** What proves that it does not work, if it cannot be tried. */
  readonly covered: string;
}

interface ProveOptions extends Pick<State, 'certain'> {
  /** Whether keys and sessions are proven to be gone. That is the proof for values that cannot be tried. */
  readonly isCovered: boolean;
  /** Whether to wait until all of Entra's servers know it. */
  readonly waits: boolean;
}

/** Shorter, because the keys are still there: they are removed next. */
const firstPausesMs = [1_000, 2_000] as const;

/** A single refusal proves nothing, because Entra's servers learn of a change one after the other. */
const refusalsNeeded = 3;
const betweenRefusalsMs = 1_000;

/** Maximum number of attempts while Entra is unavailable. */
const transientAttempts = 3;

/**
 * The values that the vault held when the revocation started, to try them at Entra. They are kept in memory only, and the
 * tokens that Entra may still issue are discarded.
 */
export class Values {
  readonly #deps: RevokeDeps;
  readonly #signal: AbortSignal | undefined;
  /** The client ids that the operator and the vault name. */
  readonly #clientIds = new Set<string>();
  readonly #clients = new Map<string, ClientValue>();
  readonly #tokens = new Map<string, TokenValue>();
  readonly #untried = new Map<string, Untried>();
  /** Refresh tokens that Entra refused although the client credential was accepted. */
  readonly #refused = new Map<string, Proof>();
  readonly #owners = new Map<string, TokenOwner>();

  constructor(deps: RevokeDeps, signal?: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  /** What is known about the refresh tokens, by version. */
  get tried(): TriedTokens {
    const versions = [...this.#tokens.keys(), ...this.#untried.keys()];
    const refusalOf = (version: string) => (this.#refused.has(version) ? 'refused' : 'unknown');
    return new Map(versions.map((version) => [version, this.#owners.get(version) ?? refusalOf(version)]));
  }

  /** Reads the values of all enabled versions. A value that cannot be read is named in the proof. */
  async read({ application, account, clientId }: RevokeOptions, vault: ApplicationInventory): Promise<void> {
    for (const id of [clientId, ...vault.client.map((version) => version.clientId)])
      if (id !== undefined) this.#clientIds.add(id);
    for (const version of vault.client) await this.#readClient(application, version);
    for (const version of vault.refreshToken) {
      await this.#readToken(application, version, {
        clientIds: this.#clientIdsFor(version),
        covered: coveredToken(version.account ?? version.accountObjectId ?? account),
      });
    }
  }

  /** The tag may be wrong, so without a client credential of its application the token is tried as the others, too. */
  #clientIdsFor({ clientId }: InventoryVersion): readonly string[] {
    const named = clientId === undefined ? [] : [clientId];
    const isUsable = [...this.#clients.values()].some((client) => client.clientId === clientId);
    return isUsable ? named : [...new Set([...named, ...this.#clientIds])];
  }

  async #readClient(application: string, { version, enabled, clientId, keyId }: InventoryVersion): Promise<void> {
    if (!enabled || this.#clients.has(version)) return;
    const client = await this.#deps.store.loadClientCredentialVersion(application, version).catch(toBrokerError);
    const name = keyId ?? `of version ${version}`;
    if (client === undefined || client instanceof BrokerError) {
      const value = coveredClient(`Client credential ${name}`);
      this.#untried.set(`client ${version}`, { ...value, reason: unreadable(client) });
      return;
    }
    this.#untried.delete(`client ${version}`);
    const { credential } = client;
    const item = `Client ${credential.kind} ${name}`;
    this.#clients.set(version, { item, clientId: clientId ?? client.clientId, credential });
  }

  async #readToken(
    application: string,
    { version, enabled }: InventoryVersion,
    { clientIds, covered }: Pick<TokenValue, 'clientIds' | 'covered'>,
  ): Promise<void> {
    if (!enabled || this.#tokens.has(version)) return;
    const item = `Refresh token of version ${version}`;
    const token = await this.#deps.store.loadRefreshTokenVersion(application, version).catch(toBrokerError);
    if (token === undefined || token instanceof BrokerError) {
      this.#untried.set(version, { item, covered, reason: unreadable(token) });
    } else if (clientIds.length === 0) {
      this.#untried.set(version, { item, covered, reason: noApplication });
    } else {
      this.#untried.delete(version);
      this.#tokens.set(version, { item, clientIds, covered, secret: token.secret });
    }
  }

  /**
   * Tries the refresh tokens while a client credential may still work: only then Entra judges the refresh token itself. A
   * token that works shows whose it is.
   */
  async tryRefreshTokens(): Promise<void> {
    for (const [version, token] of this.#tokens) {
      if (this.#refused.has(version)) continue;
      const reply = await this.#untilRefused(firstPausesMs, () => this.#redeemToken(token));
      if (reply === undefined) continue;
      if (reply.ok) {
        const { objectId, username } = reply.token.claims;
        if (objectId !== undefined) this.#owners.set(version, { id: objectId, name: username ?? objectId });
      } else if (refusalsOfToken.includes(aadstsOf(reply))) {
        this.#refused.set(version, proofOf(token.item, reply, refusalsOfToken));
      }
    }
  }

  /**
   * Tries everything once more. Entra refuses a value of another application, too, so a refusal is a proof only for a
   * version whose application is certain.
   */
  async prove({ certain, isCovered, waits }: ProveOptions): Promise<readonly Proof[]> {
    const pauses = waits ? replicationPausesMs : [];
    const untried = (value: Untried): Proof => proofOfUntried(value, isCovered);
    const clients = [...this.#clients].map(async ([version, client]) => {
      const reply = await this.#untilRefused(pauses, () => this.#redeemClient(client));
      const isImpossible = !reply?.ok && reply?.failure.code === 'config_invalid';
      if (reply === undefined || isImpossible) return untried({ ...coveredClient(client.item), reason: noIdentity });
      if (isOfApplication(reply))
        return untried({
          ...coveredClient(client.item),
          reason: refusedFirst('knows or accepts the application', reply),
        });
      const proof = proofOf(client.item, reply, refusalsOfClient);
      if (!proof.proven || certain.has(version)) return proof;
      const { clientId } = client;
      const detail = `${proof.detail} But the application ${clientId} did not have its key, so it may work for another one. Check its tag clientId in Key Vault. If it is right, confirm that with --client-id ${clientId}.`;
      return { ...proof, proven: false, detail };
    });
    const tokens = [...this.#tokens].map(async ([version, token]) => {
      const refused = this.#refused.get(version);
      if (refused !== undefined) return refused;
      const reply = await this.#untilRefused(pauses, () => this.#redeemToken(token));
      if (reply === undefined) return untried({ ...token, reason: noClient });
      return isOfClient(reply)
        ? untried({ ...token, reason: refusedFirst('accepts its client', reply) })
        : proofOf(token.item, reply, refusalsOfToken);
    });
    return [...(await Promise.all([...clients, ...tokens])), ...[...this.#untried.values()].map(untried)];
  }

  /**
   * Repeats while Entra issues tokens, and until it has refused several times in a row.
   * @param pausesMs after a token or a transient failure. Without pauses, the first reply counts.
   */
  #untilRefused(
    pausesMs: readonly number[],
    redeem: () => Promise<TokenReply | undefined>,
  ): Promise<TokenReply | undefined> {
    const pauses = [...pausesMs];
    let refusals = 0;
    return retry(redeem, {
      clock: this.#deps.clock,
      signal: this.#signal,
      attempts: (pauses.length + 1) * refusalsNeeded,
      afterValue: (reply, attempt) => {
        if (reply === undefined) return undefined;
        refusals = isFinal(reply) ? refusals + 1 : 0;
        if (refusals > 0) return refusals < refusalsNeeded && pausesMs.length > 0 ? betweenRefusalsMs : undefined;
        const isTransient = !reply.ok && reply.failure.reach === 'transient' && attempt < transientAttempts;
        return reply.ok || isTransient ? pauses.shift() : undefined;
      },
    });
  }

  /** The tag may name the wrong application, so the value is tried as the others that are named, too. */
  async #redeemClient({ clientId, credential }: ClientValue): Promise<TokenReply> {
    const reply = await this.#redeem(clientId, credential, { kind: 'application' });
    const replies = [reply];
    for (const id of this.#clientIds)
      if (id !== clientId) replies.push(await this.#redeem(id, credential, { kind: 'application' }));
    const judged = replies.filter((each) => !isOfApplication(each));
    return worstOf(judged, refusalsOfClient) ?? reply;
  }

  async #redeemToken({ clientIds, secret }: TokenValue): Promise<TokenReply | undefined> {
    const replies: (TokenReply | undefined)[] = [];
    for (const clientId of clientIds) replies.push(await this.#redeemTokenAs(clientId, secret));
    return worstOf(replies, refusalsOfToken);
  }

  /** Redeems with the first client credential that Entra accepts. Undefined if there is none to authenticate with. */
  async #redeemTokenAs(clientId: string, secret: Secret): Promise<TokenReply | undefined> {
    let last: TokenReply | undefined;
    for (const client of this.#clients.values()) {
      if (client.clientId !== clientId) continue;
      const reply = await this.#redeem(clientId, client.credential, { kind: 'delegated', refreshToken: secret });
      if (!reply.ok && reply.failure.code === 'config_invalid') continue;
      last = reply;
      if (reply.ok || reply.failure.code !== 'client_credential_rejected') break;
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
