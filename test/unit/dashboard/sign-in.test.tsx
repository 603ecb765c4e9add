// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { App } from '../../../dashboard/app/app.tsx';
import { grantCommand } from '../../../dashboard/app/role-needed.tsx';
import { createMicrosoftSignIn } from '../../../dashboard/app/microsoft.ts';
import { keepTrip, lastAccount, rememberAccount, takeReturned } from '../../../dashboard/app/use-sign-in.ts';
import { signInProblem } from '../../../dashboard/app/sign-in-problem.ts';
import { rendered } from './rendered.ts';

vi.mock('../../../dashboard/shared/api-base.ts', () => ({
  apiUrl: (path: string) => new URL(`https://broker.test/api/${path}`),
}));

const pending = { state: 'state-1', nonce: 'nonce-1', codeVerifier: 'verifier-1' };
beforeEach(() => {
  sessionStorage.clear();
  history.replaceState(null, '', '/');
});
afterEach(() => {
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

describe('the way back from Microsoft', () => {
  it('restores the view, keeps no code in the address, and can be taken once', () => {
    keepTrip({ pending, hash: '#/audit?outcome=denied', silent: false });
    location.hash = '#code=the-code&state=state-1';
    const returned = takeReturned();
    expect([returned?.parameters.get('code'), returned?.trip?.pending]).toEqual(['the-code', pending]);
    expect(location.hash).toBe('#/audit?outcome=denied');
    expect([takeReturned(), sessionStorage.length]).toEqual([undefined, 0]);
  });

  it.each(['#/runs', '#/audit?state=x', '', '#state=state-1', '#code=x'])('is not mistaken for the view %j', (hash) => {
    location.hash = hash;
    expect(takeReturned()).toBeUndefined();
  });

  it('has no trip for another state, and drops the kept one', () => {
    keepTrip({ pending, hash: '#/runs', silent: false });
    location.hash = '#code=forged&state=other';
    expect(takeReturned()).toMatchObject({ trip: undefined });
    expect([location.hash, sessionStorage.length]).toEqual(['', 0]);
  });

  it('remembers the account until it is forgotten', () => {
    rememberAccount('a@partner.test');
    expect(lastAccount()).toBe('a@partner.test');
    rememberAccount(undefined);
    expect(lastAccount()).toBeUndefined();
  });
});

describe('a failed sign-in', () => {
  it.each([
    [new TypeError('Failed to fetch'), 'unavailable'],
    [new DOMException('late', 'TimeoutError'), 'unavailable'],
    [{ error: 'server_error', status: 500 }, 'unavailable'],
    [{ status: 503 }, 'unavailable'],
    [{ error: 'interaction_required', error_description: 'AADSTS50076: MFA.' }, 'ended'],
    [{ error: 'access_denied' }, 'cancelled'],
    [{ error: 'invalid_grant', error_description: 'AADSTS50105: Not assigned.' }, 'no_role'],
    [{ error: 'invalid_request', error_description: 'AADSTS9002326: Cross-origin.' }, 'setup'],
    [{ error: 'unauthorized_client', error_description: 'AADSTS700016: Unknown.' }, 'setup'],
    [{ error: 'banana', error_description: 'AADSTS999999: New.' }, 'refused'],
    [new Error('no token'), 'refused'],
  ])('%j is judged %s', (thrown, kind) => {
    expect(signInProblem(thrown)).toMatchObject({ kind, advice: expect.stringMatching(/\w/) as string });
  });

  const broker = { tenantId: 'tenant-1', scope: 'api://tenant-1/my-broker/access_as_user' };
  const named = 'ptb setup api --partner-tenant tenant-1 --name my-broker';

  it.each([9002326, 65001, 90094, 700016])(
    'names AADSTS%i and the command that repairs the applications of this broker and gives no role',
    (number) => {
      const answer = { error: 'invalid_request', error_description: `AADSTS${number}: Text.` };
      const { message, advice } = signInProblem(answer, broker);
      expect(message).toMatch(new RegExp(`\\(AADSTS${number}\\)\\.$`));
      expect(advice).toContain(`\`${named} --url ${location.origin} --no-roles\``);
    },
  );

  it('names the command that gives a role of this broker', () => {
    const { advice } = signInProblem({ error: 'invalid_grant', error_description: 'AADSTS50105: Text.' }, broker);
    expect(advice).toContain(`\`${named} --principal OBJECT_ID --role ROLE\``);
  });

  it('has placeholders for a broker that is not known', () => {
    const { advice } = signInProblem({ error: 'invalid_request', error_description: 'AADSTS9002326: Text.' });
    expect(advice).toContain('ptb setup api --partner-tenant TENANT_ID --name NAME --url');
  });

  it('of Microsoft carries the applications of the broker', async () => {
    const answer = { error: 'invalid_client', error_description: 'AADSTS700016: Text.' };
    vi.stubGlobal('fetch', async () => Response.json(answer, { status: 400 }));
    const settings = { entraEndpoint: 'https://entra.test', clientId: 'client-1', ...broker };
    await expect(createMicrosoftSignIn(settings, 'https://broker.test/').renew('refresh')).rejects.toMatchObject({
      kind: 'setup',
      advice: expect.stringContaining(named) as string,
    });
  });
});

it('the command that gives a role names the application of this broker and the person', () => {
  const settings = {
    entraEndpoint: '',
    tenantId: 'tenant-1',
    clientId: 'client-1',
    scope: 'api://tenant-1/my-broker/access_as_user',
  };
  expect(grantCommand(settings, { objectId: 'person-1' }, 'Runs.Read')).toBe(
    'ptb setup api --partner-tenant tenant-1 --name my-broker --principal person-1 --role Runs.Read',
  );
  expect(grantCommand({ ...settings, scope: 'api://client-1/access_as_user' }, {}, 'Audit.Read')).toContain(
    '--name NAME --principal OBJECT_ID',
  );
});

describe('the sign-in page', () => {
  let close: () => Promise<void>;
  afterEach(() => close());
  async function open(answer: Response | Error) {
    vi.stubGlobal('fetch', async () => {
      if (answer instanceof Error) throw answer;
      return answer.clone();
    });
    const shown = await rendered(<App />);
    close = shown.unmount;
    await act(() => new Promise((resolve) => setTimeout(resolve)));
    return shown.root;
  }
  const buttons = (root: HTMLElement) =>
    [...root.querySelectorAll('main button')].map(({ textContent }) => textContent?.trim());
  const settings = {
    entraEndpoint: 'https://entra.test',
    tenantId: 't',
    clientId: 'c',
    scope: 'api://t/n/access_as_user',
  };

  it('offers Microsoft first, and a pasted token behind a link', async () => {
    const root = await open(Response.json(settings));
    expect(buttons(root)).toEqual(['Sign in with Microsoft', 'Paste an access token instead']);
    expect(root.querySelector('textarea')).toBeNull();
    await act(() => root.querySelector<HTMLButtonElement>('button.link')?.click());
    expect(root.querySelector('textarea')).not.toBeNull();
  });

  it('takes a pasted token, and says why, where the browser blocks site data', async () => {
    vi.spyOn(globalThis, 'sessionStorage', 'get').mockImplementation(() => {
      throw new DOMException('Access is denied for this document.', 'SecurityError');
    });
    try {
      const root = await open(Response.json(settings));
      expect(root.textContent).toContain('This browser blocks site data for this page.');
      expect(buttons(root)).toEqual(['Show the dashboard']);
      expect(() => keepTrip({ pending, hash: '', silent: false })).toThrow('keeps no site data');
    } finally {
      vi.restoreAllMocks();
    }
  });

  it('offers the sign-in again after the Back button at the page of Microsoft', async () => {
    rememberAccount('a@partner.test');
    const root = await open(new TypeError('Failed to fetch'));
    expect(root.querySelector('h1')?.textContent).toBe('Signing in…');
    const show = (persisted: boolean) =>
      act(() => void dispatchEvent(Object.assign(new Event('pageshow'), { persisted })));
    await show(false);
    expect(root.querySelector('h1')?.textContent).toBe('Signing in…');
    await show(true);
    expect(root.querySelector('h1')?.textContent).toBe('Sign in');
  });

  it('names the missing setting and takes a pasted token', async () => {
    const root = await open(Response.json({ problem: 'The setting X is missing.', advice: 'Run `that`.' }));
    expect(root.textContent).toContain('The setting X is missing.');
    expect(buttons(root)).toEqual(['Show the dashboard']);
  });

  it('says that the broker does not answer', async () => {
    const root = await open(new TypeError('Failed to fetch'));
    expect(root.textContent).toContain('The broker does not answer');
  });
});
