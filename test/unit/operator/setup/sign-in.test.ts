import { get } from 'node:http';
import * as oauth from 'oauth4webapi';
import { beforeEach, describe, expect, it } from 'vitest';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';
import {
  listenOnLoopback,
  type LoopbackListener,
  signIn,
  type SignInMethod,
} from '../../../../src/operator/setup/sign-in.ts';
import { FakeClock, settle } from '../../../fakes/fake-clock.ts';
import { scriptedFetch } from '../../../fakes/scripted-fetch.ts';

const never = new AbortController().signal;

/** Requests a page from the listener and returns status and body. */
async function visit(address: string, init: RequestInit = {}): Promise<{ status: number; page: string }> {
  const response = await fetch(address.replace('localhost', '127.0.0.1'), init);
  return { status: response.status, page: await response.text() };
}

describe('listenOnLoopback', () => {
  async function withListener(work: (listener: LoopbackListener) => Promise<void>): Promise<void> {
    const listener = await listenOnLoopback();
    try {
      await work(listener);
    } finally {
      await listener.close();
    }
  }

  it('resolves with the parameters of the request that has the state, and confirms the sign-in', () =>
    withListener(async (listener) => {
      const answer = listener.waitFor('right', never);
      expect(await visit(`${listener.redirectUri}/?code=c&state=right`)).toMatchObject({
        status: 200,
        page: expect.stringContaining('You are signed in.') as string,
      });
      expect(Object.fromEntries(await answer)).toEqual({ code: 'c', state: 'right' });
    }));

  it('resolves with an error, too', () =>
    withListener(async (listener) => {
      const answer = listener.waitFor('right', never);
      expect((await visit(`${listener.redirectUri}/?error=access_denied&state=right`)).page).toContain(
        'The sign-in was not completed.',
      );
      expect((await answer).get('error')).toBe('access_denied');
    }));

  it('answers 404 to every other request and keeps waiting', () =>
    withListener(async (listener) => {
      // Before `waitFor`, no state is valid, not even an empty one.
      expect((await visit(`${listener.redirectUri}/?code=c&state=`)).status).toBe(404);
      const answer = listener.waitFor('right', never);
      const others = ['/?code=c&state=wrong', '/?code=c', '/?state=right', '/favicon.ico'];
      for (const path of others) expect((await visit(`${listener.redirectUri}${path}`)).status).toBe(404);
      expect((await visit(`${listener.redirectUri}/?code=c&state=right`, { method: 'POST' })).status).toBe(404);
      // A request target that is not a URL must not crash the process.
      expect((await visit(`${listener.redirectUri}//`)).status).toBe(404);
      await visit(`${listener.redirectUri}/?code=real&state=right`);
      expect((await answer).get('code')).toBe('real');
    }));

  it('answers 404 to the right state at another path, under another name, and a second time', () =>
    withListener(async (listener) => {
      const answer = listener.waitFor('right', never);
      const { port } = new URL(listener.redirectUri);
      const statusFor = (path: string, host: string) =>
        new Promise((resolve, reject) => {
          const request = { host: '127.0.0.1', port, path, headers: { host } };
          get(request, (response) => resolve(response.resume().statusCode)).on('error', reject);
        });
      expect(await statusFor('/other?code=c&state=right', `localhost:${port}`)).toBe(404);
      expect(await statusFor('/?code=c&state=right', `evil.example:${port}`)).toBe(404);
      expect(await statusFor('/?code=c&state=right', 'localhost:1')).toBe(404);
      expect(await statusFor('/?code=real&state=right', `localhost:${port}`)).toBe(200);
      expect(await statusFor('/?code=late&state=right', `localhost:${port}`)).toBe(404);
      expect((await answer).get('code')).toBe('real');
    }));

  it('stops waiting when the signal is aborted, before or during the wait', () =>
    withListener(async (listener) => {
      await expect(listener.waitFor('x', AbortSignal.abort(new Error('cancelled')))).rejects.toThrow('cancelled');
      const stop = new AbortController();
      const answer = listener.waitFor('x', stop.signal);
      stop.abort(new Error('Ctrl+C'));
      await expect(answer).rejects.toThrow('Ctrl+C');
    }));

  it('forbids scripts, caching and referrers on its page', () =>
    withListener(async (listener) => {
      const { headers } = await fetch(listener.redirectUri.replace('localhost', '127.0.0.1'));
      expect(headers.get('content-security-policy')).toBe("default-src 'none'");
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
    }));
});

describe('signIn', () => {
  let clock: FakeClock;
  beforeEach(() => {
    clock = new FakeClock();
  });
  const start = (method: SignInMethod, signal?: AbortSignal) =>
    signIn(
      {
        fetch: scriptedFetch(() => Response.json({ error: 'invalid_grant' }, { status: 400 })).fetch,
        clock,
        loadOAuth: async () => oauth,
        federatedAssertion: async () => '',
        entraEndpoint: 'https://login.test',
        signal,
      },
      method,
      {
        tenantId: parseTenantId('99999999-9999-4999-8999-999999999999')!,
        clientId: 'client',
        clientCredential: undefined,
        scopes: [],
      },
    );
  const browser = (openBrowser: (url: string) => Promise<void>): SignInMethod => ({ kind: 'browser', openBrowser });
  /** A browser that records the sign-in address and does nothing else. */
  function opened() {
    const { promise, resolve } = Promise.withResolvers<URL>();
    return { address: promise, method: browser(async (url) => resolve(new URL(url))) };
  }

  it('times out after 15 minutes and closes the listener', async () => {
    const { address, method } = opened();
    const signing = start(method);
    signing.catch(() => undefined);
    const redirectUri = (await address).searchParams.get('redirect_uri') ?? '';
    await settle();
    await clock.advance(15 * 60_000 - 1);
    expect((await visit(redirectUri)).status).toBe(404);
    await clock.advance(1);
    await expect(signing).rejects.toMatchObject({ detail: 'Nobody signed in within 15 minutes.' });
    await expect(visit(redirectUri)).rejects.toThrow();
    expect(clock.sleeping).toBe(0);
  });

  it('ends when the operator interrupts it', async () => {
    const stop = new AbortController();
    const { address, method } = opened();
    const signing = start(method, stop.signal);
    await address;
    stop.abort(new Error('Ctrl+C'));
    await expect(signing).rejects.toThrow('Ctrl+C');
  });

  it('ends when the browser cannot be opened', async () => {
    await expect(start(browser(() => Promise.reject(new Error('no browser here'))))).rejects.toThrow('no browser here');
  });

  it('throws sign_in_refused when Entra rejects the code', async () => {
    const signing = start(
      browser(async (url) => {
        const { searchParams } = new URL(url);
        await visit(`${searchParams.get('redirect_uri')}/?code=c&state=${searchParams.get('state')}`);
      }),
    );
    await expect(signing).rejects.toMatchObject({ code: 'sign_in_refused' });
  });
});
