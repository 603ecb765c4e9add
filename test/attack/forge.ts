import type { RunningCloud } from 'microsoft-cloud';
import { guid } from '../support/audit-entries.ts';
import { newSigningKey, type SigningKey, signJwt } from '../support/token-forge.ts';

/** Who a token says that its holder is. */
export interface Pretence {
  /** Application id. */
  readonly application?: string;
  /** Object id. */
  readonly object?: string;
  readonly kind?: 'application' | 'user';
  readonly roles?: readonly string[];
}

export const allRoles = ['Tokens.Request', 'Tenants.Read', 'Runs.Read', 'Runs.Write', 'Audit.Read'] as const;

/** Applications of the stage. The policy allows the first two everything. */
export const attacker = guid(0xa77ac);
export const victim = guid(0x71c71);
export const stranger = guid(0x57a);

/** Issues callers' tokens with a key that the simulated Entra publishes: only their content is judged. */
export interface Forge {
  readonly key: SigningKey;
  /** Claims of a valid token, with changes. */
  claims(changes?: Readonly<Record<string, unknown>>): Record<string, unknown>;
  /** Signs any header and payload, given as JSON texts or values. */
  sign(payload: unknown, header?: unknown): string;
  /** The Authorization header of a caller. Default: the attacker as an application with all roles. */
  bearer(pretence?: Pretence): string;
}

/** Makes the cloud publish one more signing key, whose private part the forge has. */
export function createForge({ world, document }: RunningCloud): Forge {
  const key = newSigningKey('attack-suite-key');
  const published = world.keys.published.bind(world.keys);
  world.keys.published = () => [...published(), key.jwk];
  const { clientId } = document.brokerApplication;
  const claims: Forge['claims'] = (changes = {}) => {
    const now = Math.floor(world.clock.nowMs() / 1000);
    return {
      aud: clientId,
      iss: `${document.entra}/${document.partnerTenantId}/v2.0`,
      tid: document.partnerTenantId,
      iat: now - 5,
      nbf: now - 5,
      exp: now + 3_600,
      azp: attacker,
      azpacr: '1',
      oid: attacker,
      sub: attacker,
      idtyp: 'app',
      roles: [...allRoles],
      ver: '2.0',
      uti: 'x',
      ...changes,
    };
  };
  const sign: Forge['sign'] = (payload, header) => signJwt(key, payload, header);
  const kept = new Map<string, string>();
  return {
    key,
    claims,
    sign,
    bearer: ({ application = attacker, object = application, kind = 'application', roles = allRoles } = {}) => {
      const of = JSON.stringify([application, object, kind, roles]);
      const known = kept.get(of);
      if (known !== undefined) return known;
      const more = kind === 'application' ? {} : { scp: 'access', idtyp: 'user' };
      const token = `Bearer ${sign(claims({ azp: application, oid: object, sub: object, roles, ...more }))}`;
      kept.set(of, token);
      return token;
    },
  };
}
