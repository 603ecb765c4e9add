import { expect, it } from 'vitest';
import type { User } from '../../../src/directory/records.ts';
import { createBrowserSessions } from '../../../src/entra/sessions.ts';
import type { CloudRequest } from '../../../src/web/http.ts';

const requestOf = (cookie?: string): CloudRequest => ({
  method: 'GET',
  path: '/authorize',
  query: new URLSearchParams(),
  headers: cookie === undefined ? {} : { cookie },
  body: '',
  facts: {},
});

/** Signs an account in, and returns the request of that browser. */
function signedIn() {
  const user = { accountEnabled: true, validFromMs: 0 } as { -readonly [Key in keyof User]: User[Key] };
  let nowMs = 1_000;
  const sessions = createBrowserSessions(() => nowMs);
  const reply = sessions.begin(requestOf(), { status: 200 }, { user, mfa: true });
  const browser = requestOf(reply.headers?.['set-cookie']?.split(';')[0]);
  return { user, sessions, browser, later: (ms: number) => (nowMs += ms) };
}

it('finds the session of a browser, and of no other', () => {
  const { sessions, browser, user } = signedIn();
  expect(sessions.find(browser)).toMatchObject({ user, mfa: true });
  expect(sessions.find(requestOf())).toBeUndefined();
  expect(sessions.find(requestOf('ESTSAUTHPERSISTENT=guessed'))).toBeUndefined();
});

it('ends at the revocation of the sessions of its account, at which a new one may begin', () => {
  const { sessions, browser, user, later } = signedIn();
  user.validFromMs = later(1);
  expect(sessions.find(browser)).toBeUndefined();
  const reply = sessions.begin(browser, { status: 200 }, { user, mfa: true });
  expect(sessions.find(requestOf(reply.headers?.['set-cookie']?.split(';')[0]))).toBeDefined();
});

it('ends when its account is disabled, and when the browser signs out', () => {
  const { sessions, browser, user } = signedIn();
  user.accountEnabled = false;
  expect(sessions.find(browser)).toBeUndefined();
  user.accountEnabled = true;
  sessions.end(browser, { status: 200 });
  expect(sessions.find(browser)).toBeUndefined();
});

it('is replaced by the next one of its browser', () => {
  const { sessions, browser, user } = signedIn();
  sessions.begin(browser, { status: 200 }, { user, mfa: false });
  expect(sessions.find(browser)).toBeUndefined();
});
