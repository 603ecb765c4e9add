import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { User } from '../directory/records.ts';

/** An interactive sign-in of a user to a client. All refresh tokens that stem from it are bound to it. */
export interface SignIn {
  readonly id: string;
  readonly user: User;
  readonly clientId: string;
  readonly amr: readonly string[];
  readonly authTimeMs: number;
  /** Whether it went through a single-page redirect. Its refresh tokens expire after 24 hours, whether used or not. */
  readonly isSinglePage: boolean;
  /** Filled in strict mode only. */
  readonly redeemedTokenNumbers: Set<number>;
}

type NewSignIn = Pick<SignIn, 'user' | 'clientId' | 'amr' | 'isSinglePage'>;

interface OpenedRefreshToken {
  readonly signIn: SignIn;
  readonly issuedAtMs: number;
  readonly number: number;
}

export interface SignIns {
  begin(signIn: NewSignIn): SignIn;
  /** Issues a new refresh token. Earlier ones stay valid. */
  issueRefreshToken(signIn: SignIn): string;
  /** Returns undefined for a token that this cloud did not issue. */
  openRefreshToken(token: string): OpenedRefreshToken | undefined;
}

// About as long as Entra's refresh tokens, so that clients prove that they can store that length.
const paddedLength = 760;
const ivLength = 12;
const tagLength = 16;

/** Refresh tokens are sealed with AES-256-GCM, so that a run with a million redemptions needs no list of them. */
export function createSignIns(clock: Clock): SignIns {
  const key = randomBytes(32);
  const signIns = new Map<string, SignIn>();
  let issuedCount = 0;
  return {
    begin: (newSignIn) => {
      const signIn = {
        ...newSignIn,
        id: randomUUID(),
        authTimeMs: clock.nowMs(),
        redeemedTokenNumbers: new Set<number>(),
      };
      signIns.set(signIn.id, signIn);
      return signIn;
    },
    issueRefreshToken: (signIn) => {
      issuedCount += 1;
      return seal(key, [signIn.id, clock.nowMs(), issuedCount, ''].join('|').padEnd(paddedLength, '.'));
    },
    openRefreshToken: (token) => {
      const [id = '', issuedAt, number] = open(key, token)?.split('|') ?? [];
      const signIn = signIns.get(id);
      return signIn && { signIn, issuedAtMs: Number(issuedAt), number: Number(number) };
    },
  };
}

function seal(key: Buffer, content: string): string {
  const iv = randomBytes(ivLength);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  const sealed = Buffer.concat([cipher.update(content, 'utf8'), cipher.final()]);
  return `1.A${Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')}`;
}

function open(key: Buffer, token: string): string | undefined {
  const bytes = Buffer.from(token.slice(3), 'base64url');
  if (!token.startsWith('1.A') || bytes.byteLength < ivLength + tagLength) return undefined;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivLength));
    decipher.setAuthTag(bytes.subarray(ivLength, ivLength + tagLength));
    return decipher.update(bytes.subarray(ivLength + tagLength), undefined, 'utf8') + decipher.final('utf8');
  } catch {
    return undefined;
  }
}
