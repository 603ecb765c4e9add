import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';
import type { Clock } from '../system-clock.ts';
import type { User } from '../directory/records.ts';

/** One interactive sign-in of a user to a client: what every refresh token that stems from it is bound to. */
export interface SignIn {
  readonly id: string;
  readonly user: User;
  readonly clientId: string;
  readonly amr: readonly string[];
  readonly authTimeMs: number;
  /** Through a single-page redirect: its refresh tokens end after 24 hours and are not prolonged. */
  readonly singlePage: boolean;
  /** Numbers of the refresh tokens that were used. */
  readonly used: Set<number>;
}

export interface OpenedRefreshToken {
  readonly signIn: SignIn;
  readonly issuedAtMs: number;
  readonly number: number;
}

export interface SignIns {
  begin(user: User, clientId: string, amr: readonly string[], singlePage: boolean): SignIn;
  /** A new refresh token. Those before it stay valid. */
  issueRefreshToken(signIn: SignIn): string;
  /** What a refresh token stands for, or undefined when it is none of ours. */
  openRefreshToken(token: string): OpenedRefreshToken | undefined;
}

// Entra's are about this long; what stores them must cope.
const paddedLength = 760;
const ivLength = 12;
const tagLength = 16;

/**
 * Refresh tokens are opaque and self-contained (sealed with AES-256-GCM), so that a run of a million redemptions keeps
 * no list of them.
 */
export function createSignIns(clock: Clock): SignIns {
  const key = randomBytes(32);
  const signIns = new Map<string, SignIn>();
  let issued = 0;

  const seal = (content: string): string => {
    const iv = randomBytes(ivLength);
    const cipher = createCipheriv('aes-256-gcm', key, iv);
    const sealed = Buffer.concat([cipher.update(content, 'utf8'), cipher.final()]);
    return `1.A${Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')}`;
  };
  const open = (token: string): string | undefined => {
    const bytes = Buffer.from(token.slice(3), 'base64url');
    if (!token.startsWith('1.A') || bytes.byteLength < ivLength + tagLength) return undefined;
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivLength));
      decipher.setAuthTag(bytes.subarray(ivLength, ivLength + tagLength));
      return decipher.update(bytes.subarray(ivLength + tagLength), undefined, 'utf8') + decipher.final('utf8');
    } catch {
      return undefined;
    }
  };

  return {
    begin: (user, clientId, amr, singlePage) => {
      const signIn = {
        id: randomUUID(),
        user,
        clientId,
        amr,
        authTimeMs: clock.nowMs(),
        singlePage,
        used: new Set<number>(),
      };
      signIns.set(signIn.id, signIn);
      return signIn;
    },
    issueRefreshToken: (signIn) => {
      issued += 1;
      return seal([signIn.id, clock.nowMs(), issued, ''].join('|').padEnd(paddedLength, '.'));
    },
    openRefreshToken: (token) => {
      const [id = '', issuedAt, number] = open(token)?.split('|') ?? [];
      const signIn = signIns.get(id);
      return signIn && { signIn, issuedAtMs: Number(issuedAt), number: Number(number) };
    },
  };
}
