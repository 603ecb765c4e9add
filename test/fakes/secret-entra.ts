import { X509Certificate } from 'node:crypto';
import type { TokenReply } from '../../src/lib/microsoft/token-reply.ts';
import type { Redeemer, Redemption } from '../../src/lib/microsoft/redeemer.ts';
import type { JsonObject } from '../../src/lib/core/objects.ts';
import type { GraphWriter } from '../../src/lib/microsoft/graph.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';
import { Secret } from '../../src/lib/core/secrets.ts';
import { aadstsFailure, failureReply } from './fake-redeemer.ts';

const dayMs = 86_400_000;

interface Password {
  readonly keyId: string;
  readonly secret: string;
  readonly displayName: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
}

/** A certificate as Graph lists it, without its key. */
interface Certificate {
  readonly keyId: string;
  readonly displayName: string;
  /** The certificate in base64. */
  readonly key: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
}

interface IssuedToken {
  readonly account: string;
  readonly issuedAtMs: number;
}

/**
 * One application in Entra with client secrets, certificates and the refresh tokens of several accounts. A new secret or
 * certificate reaches all of its servers after a time; until then, some requests are refused.
 */
export class SecretEntra implements Redeemer, GraphWriter {
  readonly clientId = '11111111-1111-4111-8111-111111111111';
  /** Another application in the tenant. Entra refuses it the secrets and certificates of this one. */
  readonly otherClientId = '33333333-3333-4333-8333-333333333333';
  passwords: readonly Password[] = [];
  certificates: readonly Certificate[] = [];
  readonly tokens = new Map<string, IssuedToken>();
  /** Share of the requests that reach a server that does not know a secret younger than {@link lagMs}. */
  lagShare = 0;
  lagMs = 0;
  /** Share of the requests that fail, of Entra and of Graph. */
  faultShare = 0;
  /** How far the clock of the app is ahead. */
  skewMs = 0;
  isIdentityTrusted = false;
  /** Whether Graph does not let the application change itself. */
  isSelfChangeRefused = false;
  readonly tenantId: string;
  readonly #nowMs: () => number;
  readonly #random: () => number;
  #issued = 0;

  constructor(tenantId: string, nowMs: () => number, random: () => number) {
    this.tenantId = tenantId;
    this.#nowMs = nowMs;
    this.#random = random;
  }

  /** Issues the first refresh token of a sign-in. */
  signIn(account: string): string {
    const value = `refresh-${(this.#issued += 1)}`;
    this.tokens.set(value, { account, issuedAtMs: this.#nowMs() });
    return value;
  }

  /** Ends all refresh tokens of an account. */
  revoke(account: string): void {
    for (const [value, token] of this.tokens) if (token.account === account) this.tokens.delete(value);
  }

  addPassword(displayName: string, lifeMs = 180 * dayMs): Password {
    const nth = (this.#issued += 1);
    const password = {
      keyId: `key-${nth}`,
      // Entra shows the first three characters.
      secret: `${nth.toString(36).padStart(3, '0')}-secret`,
      displayName,
      startsAtMs: this.#nowMs(),
      endsAtMs: this.#nowMs() + lifeMs,
    };
    this.passwords = [...this.passwords, password];
    return password;
  }

  async redeem({ clientId, tenantId, clientCredential, grant }: Redemption): Promise<TokenReply> {
    if (this.#random() < this.faultShare) return failureReply();
    if (tenantId !== this.tenantId) return aadstsFailure(90002);
    if (clientId === this.otherClientId)
      return aadstsFailure(clientCredential.kind === 'certificate' ? 700027 : 7000215);
    if (clientId !== this.clientId) return aadstsFailure(700016);
    if (clientCredential.kind !== 'secret' && Math.abs(this.skewMs) > 300_000) return aadstsFailure(700024);
    const refused = this.#refusal(clientCredential);
    if (refused !== undefined) return aadstsFailure(refused);
    if (grant.kind === 'application') return this.#token(undefined);
    const token = this.tokens.get(grant.refreshToken.reveal());
    if (token === undefined) return aadstsFailure(50173);
    if (this.#nowMs() - token.issuedAtMs > 90 * dayMs) return aadstsFailure(700082);
    return this.#token(token.account);
  }

  /** Whether the client credential works on every server. */
  accepts(credential: Redemption['clientCredential']): boolean {
    if (credential.kind === 'federated') return this.isIdentityTrusted;
    return (this.keyOf(credential)?.endsAtMs ?? 0) > this.#nowMs();
  }

  /** The client secret or certificate as Entra has it. */
  keyOf(credential: Redemption['clientCredential']): Password | Certificate | undefined {
    if (credential.kind === 'federated') return undefined;
    if (credential.kind === 'secret') return this.passwords.find(({ secret }) => secret === credential.secret.reveal());
    const raw = new X509Certificate(credential.certificate).raw.toString('base64');
    return this.certificates.find(({ key }) => key === raw);
  }

  /** The account of a refresh token that works. */
  accountOf(secret: Secret): string | undefined {
    const token = this.tokens.get(secret.reveal());
    return token !== undefined && this.#nowMs() - token.issuedAtMs <= 90 * dayMs ? token.account : undefined;
  }

  #refusal(credential: Redemption['clientCredential']): number | undefined {
    if (credential.kind === 'federated') return this.isIdentityTrusted ? undefined : 70021;
    const known = this.keyOf(credential);
    const unknown = credential.kind === 'secret' ? 7000215 : 700027;
    if (known === undefined) return unknown;
    if (known.endsAtMs <= this.#nowMs()) return credential.kind === 'secret' ? 7000222 : 700027;
    const isYoung = this.#nowMs() - known.startsAtMs < this.lagMs;
    return isYoung && this.#random() < this.lagShare ? unknown : undefined;
  }

  #token(account: string | undefined): TokenReply {
    const refreshToken = account === undefined ? undefined : new Secret(this.signIn(account));
    return {
      ok: true,
      token: {
        accessToken: new Secret('access-token'),
        refreshToken,
        expiresAtMs: this.#nowMs() + 3_600_000,
        scopes: [],
        claims:
          account === undefined
            ? {}
            : { objectId: account, username: `${account}@partner.example`, authenticationMethods: ['mfa'] },
      },
    };
  }

  /** No path: the application. */
  async get(path = ''): Promise<JsonObject> {
    this.#failGraph();
    if (path.startsWith('/servicePrincipals')) return { id: 'principal' };
    return {
      id: 'object',
      tags: ['partner-token-broker:default'],
      keyCredentials: this.certificates.map(({ keyId, displayName, key, startsAtMs, endsAtMs }) => ({
        keyId,
        displayName,
        key,
        startDateTime: new Date(startsAtMs).toISOString(),
        endDateTime: new Date(endsAtMs).toISOString(),
      })),
      passwordCredentials: this.passwords.map(({ keyId, secret, displayName, startsAtMs, endsAtMs }) => ({
        keyId,
        displayName,
        hint: secret.slice(0, 3),
        startDateTime: new Date(startsAtMs).toISOString(),
        endDateTime: new Date(endsAtMs).toISOString(),
      })),
    };
  }

  async post(path: string, body: JsonObject): Promise<JsonObject> {
    this.#failGraph();
    if (this.isSelfChangeRefused) throw new BrokerError('access_denied', 'No.', { logFields: { status: 403 } });
    if (path.endsWith('/removePassword')) {
      this.passwords = this.passwords.filter(({ keyId }) => keyId !== body['keyId']);
      return {};
    }
    const { displayName } = body['passwordCredential'] as { displayName: string };
    const { keyId, secret, endsAtMs } = this.addPassword(displayName);
    return { keyId, secretText: secret, endDateTime: new Date(endsAtMs).toISOString() };
  }

  /** Replaces the list of certificates. An entry without a key refers to the existing one with its id. */
  patch = async (_path: string, { keyCredentials }: JsonObject): Promise<void> => {
    this.#failGraph();
    if (!Array.isArray(keyCredentials)) return;
    this.certificates = (keyCredentials as readonly JsonObject[]).map((entry) => {
      const keyId = String(entry['keyId']);
      const known = this.certificates.find((each) => each.keyId === keyId);
      if (known !== undefined) return known;
      if (typeof entry['key'] !== 'string')
        throw new BrokerError('resource_error', 'No such key.', { logFields: { status: 400 } });
      return {
        keyId,
        displayName: String(entry['displayName']),
        key: entry['key'],
        startsAtMs: this.#nowMs(),
        endsAtMs: Date.parse(String(entry['endDateTime'])),
      };
    });
  };
  remove = async (): Promise<void> => undefined;

  #failGraph(): void {
    if (this.#random() < this.faultShare) throw new BrokerError('resource_error', 'Graph is unavailable.');
  }
}
