import type { TokenReply } from '../../src/lib/microsoft/token-reply.ts';
import type { Redeemer, Redemption } from '../../src/lib/microsoft/redeemer.ts';
import { Secret } from '../../src/lib/core/secrets.ts';
import { aadstsFailure } from './fake-redeemer.ts';

const defaultAccount = '22222222-2222-4222-8222-222222222222';

/** An Entra whose redemptions return a new refresh token while older ones remain valid. */
export class RotatingEntra implements Redeemer {
  /** Valid refresh tokens. */
  readonly good = new Set<string>();
  redemptions = 0;
  /** Whether the next issued refresh token is invalid. */
  issueDud = false;
  /** Whether a refresh token is valid until its first use only. */
  isSingleUse = false;
  /** The accounts of refresh tokens that are not of the default account. A rolled token has that of its predecessor. */
  readonly accounts = new Map<string, string>();
  /** Called with each refresh token that is issued. */
  issue: (issued: string) => void = () => undefined;
  claims: { objectId?: string; authenticationMethods?: readonly string[] } = {};
  /** If it returns a result, that result replaces the normal answer. */
  script: (redemption: Redemption) => TokenReply | undefined = () => undefined;
  readonly #nowMs: () => number;
  #issued = 0;

  constructor(nowMs: () => number, first: string) {
    this.#nowMs = nowMs;
    this.good.add(first);
  }

  async redeem(redemption: Redemption): Promise<TokenReply> {
    this.redemptions += 1;
    const scripted = this.script(redemption);
    if (scripted !== undefined) return scripted;
    const { grant, tenantId } = redemption;
    if (grant.kind === 'delegated' && !this.good.has(grant.refreshToken.reveal())) return aadstsFailure(70000);
    const used = grant.kind === 'delegated' ? grant.refreshToken.reveal() : '';
    if (this.isSingleUse) this.good.delete(used);
    this.#issued += 1;
    const account = this.accounts.get(used) ?? defaultAccount;
    const rolled = `rolled-${this.#issued}`;
    if (!this.issueDud) this.good.add(rolled);
    this.issueDud = false;
    this.accounts.set(rolled, account);
    this.issue(rolled);
    return {
      ok: true,
      token: {
        accessToken: new Secret(`access-${this.#issued}`),
        refreshToken: grant.kind === 'delegated' ? new Secret(rolled) : undefined,
        expiresAtMs: this.#nowMs() + 3_600_000,
        scopes: ['User.Read'],
        claims: {
          tenantId,
          objectId: account,
          username: account === defaultAccount ? 'broker@partner.example' : `${account}@partner.example`,
          authenticationMethods: ['pwd', 'mfa'],
          ...this.claims,
        },
      },
    };
  }
}
