// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Api } from '../../../dashboard/app/api.ts';
import { StartDialog } from '../../../dashboard/app/start-dialog.tsx';
import type { JobsAnswer } from '../../../src/lib/api/answers/jobs.ts';
import { rendered } from './rendered.ts';
import { signedIn } from './signed-in.tsx';
import { tenant } from './tenants.ts';

const job: JobsAnswer['jobs'][number] = {
  name: 'probe',
  title: 'Probe',
  resources: [],
  timeoutSeconds: 1,
  parameters: {
    type: 'object',
    properties: {
      days: { type: 'integer', minimum: 1, default: 30, title: 'Days', description: 'How `far` ahead.' },
      deep: { type: 'boolean', default: false, title: 'Deep' },
      level: { type: 'string', enum: ['low', 'high'] },
      parts: { type: 'array', items: { type: 'string', enum: ['a', 'b'] }, default: ['a'], title: 'Parts' },
      names: { type: 'array', items: { type: 'string' } },
      at: { type: 'string', format: 'date-time', title: 'Start' },
    },
    required: ['level'],
    additionalProperties: false,
  },
};

let cleanUp: () => Promise<void>;
afterEach(() => cleanUp());

async function stage(tenantsIn?: Api['tenantsIn']) {
  const start = vi.fn<Api['start']>(async () => ({ runId: 'probe@x', status: 'pending', location: '/x' }));
  const { root, unmount } = await rendered(
    signedIn({ start, ...(tenantsIn && { tenantsIn }) }, <StartDialog job={job} onClose={() => undefined} />),
  );
  cleanUp = unmount;
  const find = (name: string) => root.querySelector<HTMLInputElement>(`#start-parameter-${name}`)!;
  const list = (name: string) => root.querySelector<HTMLSelectElement>(`select#start-parameter-${name}`)!;
  const lines = (name: string) => root.querySelector<HTMLTextAreaElement>(`textarea#start-parameter-${name}`)!;
  const type = (element: HTMLInputElement | HTMLTextAreaElement, text: string) =>
    act(() => {
      element.value = text;
      element.dispatchEvent(new Event('input', { bubbles: true }));
    });
  const choose = (element: HTMLSelectElement, value: string) =>
    act(() => {
      element.value = value;
      element.dispatchEvent(new Event('change', { bubbles: true }));
    });
  const submit = () =>
    act(async () => {
      root.querySelector('form')!.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }));
      await new Promise((resolve) => setTimeout(resolve));
    });
  const textOf = (ids: string | null) =>
    (ids ?? '')
      .split(' ')
      .map((id) => root.querySelector(`#${id}`)?.textContent ?? `no ${id}`)
      .join(' | ');
  return { root, start, find, list, lines, type, choose, submit, textOf };
}

describe('the dialog that starts a run', () => {
  it('has a labelled and described field for each parameter, filled with its default', async () => {
    const { root, find, textOf } = await stage();
    const labels = [...root.querySelectorAll('.parameter')].map(
      (field) => (field.querySelector(':scope > label, legend') as HTMLElement).textContent,
    );
    expect(labels.map((label) => label.trim())).toEqual([
      'Days',
      'Deep',
      'level (needed)',
      'Parts',
      'names',
      'Start (UTC)',
    ]);
    expect(find('days').value).toBe('30');
    expect(textOf(find('days').getAttribute('aria-describedby'))).toBe(
      'How far ahead. A whole number of at least 1. Default: 30.',
    );
    expect(root.querySelector(`label[for=${find('days').id}]`)?.textContent).toBe('Days');
    expect(find('at').type).toBe('datetime-local');
    expect([...root.querySelectorAll<HTMLInputElement>('fieldset input')].map(({ checked }) => checked)).toEqual([
      true,
      false,
    ]);
  });

  it('sends what was filled in', async () => {
    const { root, start, find, list, lines, type, choose, submit } = await stage();
    await type(find('days'), '7');
    await choose(list('level'), 'high');
    await act(() => root.querySelectorAll<HTMLInputElement>('fieldset input')[1]!.click());
    await act(() => find('deep').click());
    await type(lines('names'), 'one\ntwo');
    await submit();
    expect(start).toHaveBeenCalledWith('probe', {
      window: expect.stringMatching(/^manual-/) as unknown,
      parameters: { days: 7, deep: true, level: 'high', parts: ['a', 'b'], names: ['one', 'two'] },
    });
  });

  it('looks groups and tags up, says what they mean, and starts for these tenants after another press', async () => {
    const inGroup: readonly string[] = ['id-a', 'id-b'];
    let ids = inGroup;
    const tenantsIn = vi.fn<Api['tenantsIn']>(async () => ({
      tenants: ids.map((tenantId) => ({ ...tenant(tenantId), tenantId })),
      groups: [],
      warnings: [],
      asOf: '2026-11-24T07:07:00.000Z',
    }));
    const { root, start, list, type, choose, submit } = await stage(tenantsIn);
    const button = () => root.querySelector('button[type=submit]')?.textContent;
    const field = (id: string) => root.querySelector<HTMLTextAreaElement>(`#start-${id}`)!;
    await choose(list('level'), 'low');
    expect(button()).toBe('Start for all tenants');
    await type(field('tenants'), 'group:served, contoso.com');
    await type(field('except'), 'tag:regulated');
    expect(button()).toBe('Find these tenants');
    await submit();
    expect(tenantsIn).toHaveBeenCalledWith(['group:served', 'contoso.com'], ['tag:regulated']);
    expect(start).not.toHaveBeenCalled();
    expect([root.querySelector('[role=status]')?.textContent, button()]).toEqual([
      'This means 2 tenants now.',
      'Start for 2 tenants',
    ]);
    // Another choice is looked up again, and an empty one starts nothing.
    ids = [];
    await type(field('except'), 'group:served');
    for (const _ of inGroup) await submit();
    expect(root.querySelector('[role=status]')?.textContent).toBe('No tenant that you may see is in this choice.');
    expect(start).not.toHaveBeenCalled();
    ids = inGroup;
    for (const _ of inGroup) await submit();
    expect(start).toHaveBeenCalledWith(
      'probe',
      expect.objectContaining({
        tenants: ['group:served', 'contoso.com'],
        except: ['group:served'],
      }) as unknown,
    );
  });

  it('sends nothing while a field is wrong, says why beside it, and goes there', async () => {
    const { root, start, find, list, type, choose, submit, textOf } = await stage();
    await type(find('days'), '0');
    await submit();
    expect(start).not.toHaveBeenCalled();
    expect(document.activeElement).toBe(find('days'));
    expect(find('days').getAttribute('aria-invalid')).toBe('true');
    expect(textOf(find('days').getAttribute('aria-describedby'))).toContain('It must be a whole number of at least 1.');
    expect(textOf(find('level').getAttribute('aria-describedby'))).toContain('This parameter is needed.');
    await type(find('days'), '1');
    expect(find('days').getAttribute('aria-invalid')).toBe('false');
    expect(root.querySelectorAll('.problem')).toHaveLength(1);
    await choose(list('level'), 'low');
    await submit();
    expect(start).toHaveBeenCalledOnce();
  });
});
