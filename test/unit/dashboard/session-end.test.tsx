// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { MicrosoftSignIn, Tokens } from '../../../dashboard/app/microsoft.ts';
import { keepTrip, useSignIn } from '../../../dashboard/app/use-sign-in.ts';
import { SignInProblem } from '../../../dashboard/app/sign-in-problem.ts';
import { rendered } from './rendered.ts';

const microsoft = vi.hoisted(() => ({
  reachable: vi.fn<MicrosoftSignIn['reachable']>(),
  start: vi.fn<MicrosoftSignIn['start']>(),
  finish: vi.fn<MicrosoftSignIn['finish']>(),
  renew: vi.fn<MicrosoftSignIn['renew']>(),
}));
vi.mock('../../../dashboard/shared/api-base.ts', () => ({
  apiUrl: (path: string) => new URL(`https://broker.test/api/${path}`),
}));
vi.mock('../../../dashboard/app/microsoft.ts', () => ({ createMicrosoftSignIn: () => microsoft }));

const pending = { state: 'state-1', nonce: 'nonce-1', codeVerifier: 'verifier-1' };
const minuteMs = 60_000;
const claims = btoa(JSON.stringify({ exp: 1_000_000, preferred_username: 'a@partner.test' }));

const tokens = (lifeMs: number, account?: string): Tokens => ({
  accessToken: `e30.${claims}.e30`,
  refreshToken: 'refresh',
  receivedAtMs: Date.now(),
  expiresAtMs: Date.now() + lifeMs,
  account,
});
const ended = () => new SignInProblem('ended', 'Microsoft asks you to sign in again (AADSTS700084).', 'Sign in again.');
const replaced = vi.fn<(url: string | URL) => void>();

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
  vi.stubGlobal('fetch', async () => Response.json({ clientId: 'c', tenantId: 't', scope: 's', entraEndpoint: 'e' }));
  vi.spyOn(location, 'replace').mockImplementation(replaced);
  replaced.mockClear();
  microsoft.reachable.mockResolvedValue();
  microsoft.start.mockReset().mockImplementation(async (account) => ({ url: `silent for ${account}`, pending }));
  microsoft.renew.mockReset();
  sessionStorage.clear();
});
const closes: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closes.splice(0)) await close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  document.body.replaceChildren();
});

function Page() {
  const { state } = useSignIn();
  return <p>{state.kind === 'signed-out' ? `signed-out: ${state.problem?.message}` : state.kind}</p>;
}

const pass = (ms: number): Promise<void> => act(() => vi.advanceTimersByTimeAsync(ms).then(() => undefined));

/** Comes back from Microsoft's page. */
async function comeBack(): Promise<HTMLElement> {
  if (sessionStorage.getItem('sign-in') === null) keepTrip({ pending, hash: '#/runs', silent: false });
  location.hash = '#code=the-code&state=state-1';
  const { root, unmount } = await rendered(<Page />);
  closes.push(unmount);
  await pass(0);
  return root;
}

it('a session that Microsoft ends is begun again without a page, once, and in the same view', async () => {
  microsoft.finish.mockResolvedValue(tokens(60 * minuteMs, 'a@partner.test'));
  microsoft.renew.mockImplementation(async () => {
    if (Date.now() > 23 * 60 * minuteMs) throw ended();
    return tokens(60 * minuteMs);
  });
  const root = await comeBack();
  expect(root.textContent).toBe('signed-in');
  await pass(24 * 60 * minuteMs);
  expect(replaced.mock.calls).toEqual([['silent for a@partner.test']]);
  expect([root.textContent, location.hash]).toEqual(['working', '#/runs']);

  // The person saw the page go away, so it says why it asks.
  microsoft.finish.mockRejectedValue(ended());
  const later = await comeBack();
  expect(later.textContent).toBe('signed-out: Microsoft asks you to sign in again (AADSTS700084).');
  await pass(60 * minuteMs);
  expect(replaced).toHaveBeenCalledTimes(1);
});

it('a session that ends at once is not begun again by itself', async () => {
  microsoft.finish.mockResolvedValue(tokens(20_000, 'a@partner.test'));
  microsoft.renew.mockRejectedValue(ended());
  const root = await comeBack();
  await pass(60 * minuteMs);
  expect(root.textContent).toContain('signed-out: Microsoft asks');
  expect(replaced).not.toHaveBeenCalled();
});
