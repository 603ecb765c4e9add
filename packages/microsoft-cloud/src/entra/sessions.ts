import { randomBytes } from 'node:crypto';
import type { User } from '../directory/records.ts';
import { type CloudRequest, headerOf, type Reply } from '../web/http.ts';

/** The account that a browser is signed in with. */
export interface BrowserSession {
  readonly user: User;
  /** Whether the sign-in included MFA. */
  readonly mfa: boolean;
}

/** Browsers in which somebody has signed in. A later sign-in there needs no page (single sign-on). */
export interface BrowserSessions {
  /** Adds the session's cookie to a reply. A browser has one session: a new one replaces the old one. */
  begin(request: CloudRequest, reply: Reply, session: BrowserSession): Reply;
  /** The session of the browser that sends the request. Undefined if there is none, or if it was revoked. */
  find(request: CloudRequest): BrowserSession | undefined;
  /** Ends the session of the browser. */
  end(request: CloudRequest, reply: Reply): Reply;
}

/** The name of Entra's cookie for a session that outlives the browser. */
const cookieName = 'ESTSAUTHPERSISTENT';
// Other sites start sign-ins, so they must be able to send the cookie.
const cookieAttributes = 'Path=/; HttpOnly; Secure; SameSite=None';

function sessionIdOf(request: CloudRequest): string | undefined {
  for (const cookie of (headerOf(request, 'cookie') ?? '').split(';')) {
    const [name, value] = cookie.trim().split('=');
    if (name === cookieName) return value;
  }
  return undefined;
}

const withCookie = (reply: Reply, cookie: string): Reply => ({
  ...reply,
  headers: { ...reply.headers, 'set-cookie': `${cookieName}=${cookie}; ${cookieAttributes}` },
});

/** @param nowMs the cloud's clock, milliseconds since 1970. */
export function createBrowserSessions(nowMs: () => number): BrowserSessions {
  const sessions = new Map<string, BrowserSession & { readonly beganMs: number }>();
  const remove = (request: CloudRequest): void => void sessions.delete(sessionIdOf(request) ?? '');
  return {
    begin: (request, reply, session) => {
      remove(request);
      const id = randomBytes(24).toString('base64url');
      sessions.set(id, { ...session, beganMs: nowMs() });
      return withCookie(reply, id);
    },
    find: (request) => {
      const session = sessions.get(sessionIdOf(request) ?? '');
      const isValid = session?.user.accountEnabled === true && session.beganMs >= session.user.validFromMs;
      return isValid ? session : undefined;
    },
    end: (request, reply) => {
      remove(request);
      return withCookie(reply, '; Max-Age=0');
    },
  };
}
