// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Api } from '../../../dashboard/app/api.ts';
import { ApiFailure } from '../../../dashboard/app/api-failure.ts';
import { AskDialog } from '../../../dashboard/app/ask-dialog.tsx';
import { StartButtons } from '../../../dashboard/app/start-buttons.tsx';
import { rendered } from './rendered.ts';
import { signedIn } from './signed-in.tsx';
import { tenant } from './tenants.ts';

let cleanUp: () => Promise<void>;
afterEach(() => cleanUp());

const refusal = new ApiFailure({
  title: 'Not allowed',
  detail: 'No rule opens /me.',
  advice: 'Ask.',
  transient: false,
});
const checked = {
  path: '/v1.0/users?$select=id',
  request: 'GET /v1.0/users',
  anyOf: ['User.Read.All'],
  rules: [{ rule: 'helpdesk', permissions: ['User.Read.All'] }],
  tenants: { chosen: 3, open: 2 },
};

async function stage(methods: Partial<Api> = {}, roles = ['Requests.Send', 'Tenants.Read']) {
  const ask = vi.fn<Api['ask']>(async () => ({ runId: 'query@x', status: 'pending', location: '/x' }));
  const checkQuery = vi.fn<Api['checkQuery']>(async ({ path }) => {
    if (path === '/me') throw refusal;
    return checked;
  });
  const onClose = vi.fn<() => void>();
  const { root, unmount } = await rendered(
    signedIn(
      { ask, checkQuery, tenants: () => new Promise(() => undefined), ...methods },
      <AskDialog onClose={onClose} />,
      roles,
    ),
  );
  cleanUp = unmount;
  const fire = (selector: string, name: string, value?: string) =>
    act(async () => {
      const element = root.querySelector<HTMLInputElement>(selector)!;
      if (value !== undefined) element.value = value;
      element.dispatchEvent(new Event(name, { bubbles: true, cancelable: true }));
      await new Promise((resolve) => setTimeout(resolve));
    });
  const type = (selector: string, text: string) => fire(selector, 'input', text);
  const explanation = () => root.querySelector('#ask-explanation')?.textContent;
  const button = () => root.querySelector('button.primary')?.textContent;
  return { root, ask, checkQuery, onClose, fire, type, explanation, button };
}

describe('the dialog that asks many tenants', () => {
  it('explains the rule that opens the request when a field is left, and not while it is typed', async () => {
    const { type, fire, checkQuery, explanation } = await stage();
    await type('#ask-path', '/users');
    await type('#ask-select', 'id, mail');
    expect(checkQuery).not.toHaveBeenCalled();
    await fire('#ask-select', 'change');
    expect(checkQuery.mock.calls).toEqual([[{ path: '/users', select: ['id', 'mail'] }]]);
    expect(explanation()).toContain('Opened by the rule helpdesk with User.Read.All.');
    expect(explanation()).toContain('Open to you in 2 of 3 tenants.');
    await type('#ask-path', '/me');
    expect(explanation()).toBe('');
    await fire('#ask-path', 'change');
    expect(explanation()).toContain('No rule opens /me.');
  });

  it('sends the question and shows its rows', async () => {
    const { root, type, fire, ask, button, onClose } = await stage();
    await type('#ask-path', '/users?$top=5');
    await act(() => root.querySelector<HTMLInputElement>('input[type=checkbox]')!.click());
    expect(button()).toBe('Query all tenants');
    await fire('form', 'submit');
    expect(ask.mock.calls).toEqual([[{ path: '/users?$top=5', allPages: true }]]);
    expect([location.hash, onClose.mock.calls.length]).toEqual(['#/runs/query%40x?show=rows', 1]);
  });

  it('says how many tenants a tag means', async () => {
    const { type, fire, ask, button } = await stage({
      tenants: async () => ({
        tenants: [tenant('Contoso', { tags: ['managed'] }), tenant('Fabrikam', { tags: [] })],
        groups: [],
        warnings: [],
        asOf: '',
      }),
    });
    expect(button()).toBe('Query all tenants');
    await type('#ask-path', '/users');
    await type('#start-tenants', 'tag:managed');
    expect(button()).toBe('Query 1 tenant');
    await fire('form', 'submit');
    expect(ask.mock.calls).toEqual([[{ path: '/users', tenants: ['tag:managed'] }]]);
    // Rules may let the reader ask in tenants that the list does not have.
    await type('#start-tenants', '');
    await type('#start-except', 'contoso.example, fabrikam.example');
    expect(button()).toBe('Query these tenants');
    await fire('form', 'submit');
    expect(ask).toHaveBeenCalledTimes(2);
  });

  it('names no tenants for a reader whom the policy limits: its rules may open others', async () => {
    const { type, fire, ask, button } = await stage({
      tenants: async () => ({ tenants: [tenant('Contoso')], groups: [], limited: true, warnings: [], asOf: '' }),
    });
    await type('#ask-path', '/users');
    expect(button()).toBe('Query all tenants open to you');
    await fire('form', 'submit');
    expect(ask.mock.calls).toEqual([[{ path: '/users' }]]);
  });

  it('shows the question as a job, once it is explained and the job has a name', async () => {
    const { root, type, fire } = await stage();
    expect(root.querySelector('.query-job')).toBeNull();
    await type('#ask-path', '/users');
    await fire('#ask-path', 'change');
    await type('#start-tenants', 'contoso.com');
    await type('#start-except', 'tag:x');
    await type('#job-name', 'Guest list');
    expect(root.querySelector('.query-job pre')).toBeNull();
    await type('#job-name', 'guest-list');
    expect(
      root.querySelector('.query-job pre')?.textContent,
    ).toBe(`import { defineQueryJob } from '../lib/runs/job/query-job.ts';

/** Runs with these permissions, and not under the rules of whoever saved the query. */
export default defineQueryJob({
  name: 'guest-list',
  title: 'Guest list',
  path: '/users?$select=id',
  permissions: ['User.Read.All'],
  tenants: ['contoso.com'],
  except: ['tag:x'],
});
`);
    const command = () => root.querySelector('.query-job .cmd code')?.textContent;
    const saved = "ptb query '/v1.0/users?$select=id' --save guest-list";
    expect(command()).toBe(`${saved} --tenant contoso.com --except tag:x`);
    await type('#job-schedule', ' 0  0 5 * * * ');
    expect(command()).toBe(`${saved} --schedule '0 0 5 * * *' --tenant contoso.com --except tag:x`);
    expect(root.querySelector('#job-when')?.textContent).toBe('At 05:00 UTC');
    await type('#ask-path', '/groups');
    expect(root.querySelector('.query-job')).toBeNull();
  });

  it('stays open when its button goes, because a list of tenants was read again', async () => {
    const buttons = (tenants?: readonly string[]) =>
      signedIn(
        { tenants: async () => ({ tenants: [], groups: [] }) as never },
        <StartButtons jobs={[]} {...(tenants && { tenants })} />,
        ['Requests.Send'],
      );
    const { root, rerender, unmount } = await rendered(buttons());
    cleanUp = unmount;
    const button = () => root.querySelector<HTMLElement>('button[aria-haspopup=dialog]');
    await act(() => button()?.click());
    const field = root.querySelector<HTMLInputElement>('#ask-path')!;
    await act(() => {
      field.value = '/users';
      field.dispatchEvent(new Event('input', { bubbles: true }));
    });
    await rerender(buttons(['id-Alpine']));
    expect(button()).toBeNull();
    expect(root.querySelector<HTMLInputElement>('#ask-path')?.value).toBe('/users');
  });

  it('stays open with the refusal', async () => {
    const { root, type, fire, onClose } = await stage({ ask: () => Promise.reject(refusal) }, ['Requests.Send']);
    await type('#ask-path', '/me');
    await fire('form', 'submit');
    expect(root.textContent).toContain('No rule opens /me.');
    expect(onClose).not.toHaveBeenCalled();
  });
});
