import * as oauth from 'oauth4webapi';
import { beforeEach, describe, expect, it } from 'vitest';
import { parseTenantId } from '../../../../src/lib/model/identifiers.ts';
import { type LoopbackListener, listenOnLoopback } from '../../../../src/lib/setup/loopback.ts';
import { signIn, type SignInMethod } from '../../../../src/lib/setup/sign-in.ts';
import { FakeClock, settle } from '../../../fakes/fake-clock.ts';
import { scriptedFetch } from '../../../fakes/scripted-fetch.ts';

const never = new AbortController().signal;

/** What a browser gets from the listener: the status and the page. */
async function visit(address: string, init: RequestInit = {}): Promise<{ status: number; page: string }> {
  const response = await fetch(address.replace('localhost', '127.0.0.1'), init);
  return { status: response.status, page: await response.text() };
}

describe('the listener on the loopback', () => {
  async function withListener(work: (listener: LoopbackListener) => Promise<void>): Promise<void> {
    const listener = await listenOnLoopback();
    try {
      await work(listener);
    } finally {
      await listener.close();
    }
  }

  it('hands over the parameters of the answer that knows the state, and tells the person so', () =>
    withListener(async (listener) => {
      const answer = listener.waitFor('right', never);
      expect(await visit(`${listener.redirectUri}/?code=c&state=right`)).toMatchObject({
        status: 200,
        page: expect.stringContaining('You are signed in.') as string,
      });
      expect(Object.fromEntries(await answer)).toEqual({ code: 'c', state: 'right' });
    }));

  it('hands over an error just the same', () =>
    withListener(async (listener) => {
      const answer = listener.waitFor('right', never);
      expect((await visit(`${listener.redirectUri}/?error=access_denied&state=right`)).page).toContain(
        'The sign-in was not completed.',
      );
      expect((await answer).get('error')).toBe('access_denied');
    }));

  it('is not ended by anybody else who calls the port', () =>
    withListener(async (listener) => {
      // Before anybody waits no state is right, the empty one neither.
      expect((await visit(`${listener.redirectUri}/?code=c&state=`)).status).toBe(404);
      const answer = listener.waitFor('right', never);
      const others = ['/?code=c&state=wrong', '/?code=c', '/?state=right', '/favicon.ico'];
      for (const path of others) expect((await visit(`${listener.redirectUri}${path}`)).status).toBe(404);
      expect((await visit(`${listener.redirectUri}/?code=c&state=right`, { method: 'POST' })).status).toBe(404);
      // A target that is no address: whoever calls the port must not end the program with it.
      expect((await visit(`${listener.redirectUri}//`)).status).toBe(404);
      await visit(`${listener.redirectUri}/?code=real&state=right`);
      expect((await answer).get('code')).toBe('real');
    }));

  it('is not waited for any longer when the sign-in is given up, before or after it began', () =>
    withListener(async (listener) => {
      await expect(listener.waitFor('x', AbortSignal.abort(new Error('given up')))).rejects.toThrow('given up');
      const stop = new AbortController();
      const answer = listener.waitFor('x', stop.signal);
      stop.abort(new Error('Ctrl+C'));
      await expect(answer).rejects.toThrow('Ctrl+C');
    }));

  it('sends a page that nothing can run in and nothing is kept of', () =>
    withListener(async (listener) => {
      const { headers } = await fetch(listener.redirectUri.replace('localhost', '127.0.0.1'));
      expect(headers.get('content-security-policy')).toBe("default-src 'none'");
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
    }));
});

describe('a sign-in', () => {
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
  /** The listener's address, once the browser was to be opened. */
  function opened() {
    const { promise, resolve } = Promise.withResolvers<URL>();
    return { address: promise, method: browser(async (url) => resolve(new URL(url))) };
  }

  it('that nobody comes to ends after a quarter of an hour, and leaves no listener behind', async () => {
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

  it('ends when the operator gives up', async () => {
    const stop = new AbortController();
    const { address, method } = opened();
    const signing = start(method, stop.signal);
    await address;
    stop.abort(new Error('Ctrl+C'));
    await expect(signing).rejects.toThrow('Ctrl+C');
  });

  it('ends when no browser can be opened', async () => {
    await expect(start(browser(() => Promise.reject(new Error('no browser here'))))).rejects.toThrow('no browser here');
  });

  it('is refused where Entra takes the code for none', async () => {
    const signing = start(
      browser(async (url) => {
        const { searchParams } = new URL(url);
        await visit(`${searchParams.get('redirect_uri')}/?code=c&state=${searchParams.get('state')}`);
      }),
    );
    await expect(signing).rejects.toMatchObject({ code: 'sign_in_refused' });
  });
});
