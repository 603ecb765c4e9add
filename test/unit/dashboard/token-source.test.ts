// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createMicrosoftSignIn, type Tokens } from '../../../dashboard/app/microsoft.ts';
import { SignInProblem } from '../../../dashboard/app/sign-in-problem.ts';
import { createTokenSource } from '../../../dashboard/app/token-source.ts';

const minuteMs = 60_000;
beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const tokens = (accessToken: string, lifeMs: number): Tokens => ({
  accessToken,
  refreshToken: `refresh of ${accessToken}`,
  receivedAtMs: Date.now(),
  expiresAtMs: Date.now() + lifeMs,
  account: undefined,
});

function started(first: Tokens, renew: (refreshToken: string) => Promise<Tokens>) {
  const deps = {
    renew: vi.fn<(refreshToken: string) => Promise<Tokens>>(renew),
    nowMs: Date.now,
    onTokens: vi.fn<(renewed: Tokens) => void>(),
    onDelay: vi.fn<(problem: SignInProblem) => void>(),
    onEnd: vi.fn<(problem: SignInProblem) => void>(),
  };
  return { source: createTokenSource(first, deps), ...deps };
}

const down = () => new SignInProblem('unavailable', 'Down.', '');

describe('the token of a signed-in person', () => {
  it.each([
    [60, 55],
    [10, 8],
  ])('of %i minutes is renewed after %i', async (life, after) => {
    const { source, renew, onTokens } = started(tokens('one', life * minuteMs), async () =>
      tokens('two', life * minuteMs),
    );
    await vi.advanceTimersByTimeAsync(after * minuteMs - 1);
    expect([renew.mock.calls.length, await source.token()]).toEqual([0, 'one']);
    await vi.advanceTimersByTimeAsync(1);
    expect(renew.mock.calls).toEqual([['refresh of one']]);
    expect([onTokens.mock.calls.length, await source.token()]).toEqual([1, 'two']);
    await vi.advanceTimersByTimeAsync(after * minuteMs);
    expect(renew.mock.calls.at(-1)).toEqual(['refresh of two']);
  });

  it('is renewed once for all requests, if the machine slept until it expired', async () => {
    const { source, renew } = started(tokens('one', 60 * minuteMs), async () => tokens('two', 60 * minuteMs));
    vi.setSystemTime(61 * minuteMs);
    expect(await Promise.all([source.token(), source.token(), source.token()])).toEqual(['two', 'two', 'two']);
    expect(renew).toHaveBeenCalledTimes(1);
  });

  it('is used until it expires while Microsoft is down, and renewed as soon as it answers', async () => {
    let isDown = true;
    const { source, onDelay, onEnd } = started(tokens('one', 60 * minuteMs), async () => {
      if (isDown) throw down();
      return tokens('two', 60 * minuteMs);
    });
    await vi.advanceTimersByTimeAsync(56 * minuteMs);
    expect(onDelay.mock.calls.length).toBeGreaterThan(1);
    expect(await source.token()).toBe('one');
    await vi.advanceTimersByTimeAsync(5 * minuteMs);
    await expect(source.token()).rejects.toMatchObject({ kind: 'unavailable' });
    isDown = false;
    await vi.advanceTimersByTimeAsync(minuteMs / 2);
    expect(await source.token()).toBe('two');
    expect(onEnd).not.toHaveBeenCalled();
  });

  it('of no life to speak of is not renewed all the time', async () => {
    const { renew } = started(tokens('one', 1), async () => tokens('two', 1));
    await vi.advanceTimersByTimeAsync(minuteMs);
    expect(renew.mock.calls.length).toBeLessThanOrEqual(20);
    expect(renew.mock.calls.length).toBeGreaterThan(10);
  });

  it('is refused without a lifetime', async () => {
    const answer = (more: object) => {
      const json = { access_token: 'one', token_type: 'Bearer', ...more };
      vi.stubGlobal('fetch', async () => Response.json(json));
      const settings = { entraEndpoint: 'https://entra.test', tenantId: 't', clientId: 'c', scope: 'api://t/n/x' };
      return createMicrosoftSignIn(settings, 'https://broker.test').renew('refresh');
    };
    await expect(answer({})).rejects.toMatchObject({ kind: 'refused', message: expect.stringContaining('lifetime') });
    await expect(answer({ expires_in: 3600 })).resolves.toMatchObject({ expiresAtMs: 60 * minuteMs });
  });

  it('ends once, if Microsoft wants a new sign-in', async () => {
    const { source, renew, onEnd } = started(tokens('one', 10 * minuteMs), async () => {
      throw Object.assign(new Error('refused'), {
        error: 'invalid_grant',
        error_description: 'AADSTS700084: Expired.',
      });
    });
    await vi.advanceTimersByTimeAsync(60 * minuteMs);
    expect(renew).toHaveBeenCalledTimes(1);
    expect(onEnd.mock.calls.map(([{ kind, message }]) => [kind, message])).toEqual([
      ['ended', 'Microsoft asks you to sign in again (AADSTS700084).'],
    ]);
    await expect(source.token()).rejects.toMatchObject({ kind: 'ended' });
    expect(onEnd).toHaveBeenCalledTimes(1);
  });

  it('ends with the access token, if there is no refresh token', async () => {
    const { onEnd } = started({ ...tokens('one', 10 * minuteMs), refreshToken: undefined }, async () =>
      tokens('two', 1),
    );
    await vi.advanceTimersByTimeAsync(8 * minuteMs);
    expect(onEnd.mock.calls[0]?.[0].kind).toBe('ended');
  });

  it('is not renewed after the sign-out, nor reported if a renewal ends later', async () => {
    let release: (renewed: Tokens) => void = () => undefined;
    const { source, renew, onTokens } = started(
      tokens('one', 10 * minuteMs),
      () => new Promise((resolve) => (release = resolve)),
    );
    await vi.advanceTimersByTimeAsync(8 * minuteMs);
    source.stop();
    release(tokens('two', 10 * minuteMs));
    await vi.advanceTimersByTimeAsync(60 * minuteMs);
    expect([renew.mock.calls.length, onTokens.mock.calls.length]).toEqual([1, 0]);
  });
});
