// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Api } from '../../../dashboard/app/api.ts';
import { StartDialog } from '../../../dashboard/app/start-dialog.tsx';
import type { RunAnswer, RunSummaryAnswer } from '../../../src/lib/api/answers/runs.ts';
import type { JobsAnswer } from '../../../src/lib/api/answers/jobs.ts';
import type { TenantsAnswer } from '../../../src/lib/api/answers/tenants.ts';
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

const noTenants: Partial<Api> = { tenants: () => new Promise(() => undefined) };

async function stage(
  methods: Partial<Api> = noTenants,
  more: Partial<typeof job> = {},
  given?: RunAnswer['parameters'],
) {
  const start = vi.fn<Api['start']>(async () => ({ runId: 'probe@x', status: 'pending', location: '/x' }));
  const { root, unmount } = await rendered(
    signedIn(
      { start, ...methods },
      <StartDialog job={{ ...job, ...more }} parameters={given} onClose={() => undefined} />,
    ),
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

  it('begins with the parameters of another run, and keeps those that it had', async () => {
    const { find, list, choose, submit, start } = await stage(noTenants, {}, { days: 90, deep: true });
    expect([find('days').value, find('deep').checked, list('level').value]).toEqual(['90', true, '']);
    await choose(list('level'), 'low');
    await submit();
    expect(start.mock.calls[0]?.[1].parameters).toEqual({ days: 90, deep: true, level: 'low' });
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

  it('says what the job does, what it reads, and how long its last run took', async () => {
    const run = {
      runId: 'probe@a',
      job: 'probe',
      window: 'a',
      status: 'completed',
      startedAt: '2026-11-24T07:07:00.000Z',
      finishedAt: '2026-11-24T07:08:10.000Z',
      durationMs: 70_000,
      tenants: { total: 25, succeeded: 25, failed: 0, skipped: 0, waiting: 0, retrying: 0 },
      rows: 25,
    } as unknown as RunSummaryAnswer;
    // Neither an apply nor a run that is under way says it.
    const { finishedAt: _, ...underWay } = run;
    const runs = vi.fn<Api['runs']>(async () => ({
      runs: [underWay, { ...run, window: `apply-${'a'.repeat(32)}`, durationMs: 5 }, run],
    }));
    const about = async (more: Partial<typeof job>) => {
      const { root } = await stage(
        { ...noTenants, runs },
        { description: 'What is there. More.', resources: ['graph', 'exchange'], ...more },
      );
      return [...root.querySelectorAll('dialog header p')].map(({ textContent }) => textContent);
    };
    expect(await about({})).toEqual([
      'What is there.',
      'Reads Microsoft Graph and Exchange Online. The last run took 1 min 10 s for 25 tenants.',
    ]);
    await cleanUp();
    expect((await about({ changes: true }))[1]).toBe(
      'Reads Microsoft Graph and Exchange Online, and changes nothing. The last plan took 1 min 10 s for 25 tenants.',
    );
    expect(runs).toHaveBeenCalledWith(5, 'probe');
    await cleanUp();
    const resources = { type: 'array', items: { type: 'string', enum: ['graph'] }, default: ['graph'] };
    const parameters = { type: 'object' as const, properties: { resources }, additionalProperties: false as const };
    expect((await about({ parameters }))[1]).toBe('The last run took 1 min 10 s for 25 tenants.');
  });

  describe('its tenants', () => {
    const listed = [
      tenant('Ashford', { groups: ['served'], tags: ['regulated'] }),
      tenant('Cedar', { groups: ['served'], tags: [] }),
      tenant('Maple Dental', { groups: [], tags: ['tier=gold'] }),
    ];
    const stageTenants = async (
      tenants = listed,
      more: Partial<typeof job> = {},
      answer: Pick<TenantsAnswer, 'limited'> = {},
    ) => {
      const asOf = '2026-11-24T07:07:00.000Z';
      const staged = await stage(
        { tenants: async () => ({ tenants, groups: ['served'], ...answer, warnings: [], asOf }) },
        more,
      );
      const { root, list, choose } = staged;
      await choose(list('level'), 'low');
      const field = (id: string) => root.querySelector<HTMLInputElement>(`#start-${id}`)!;
      return {
        ...staged,
        field,
        button: () => root.querySelector('button[type=submit]')?.textContent,
        options: () => [...root.querySelectorAll('.options:not([hidden]) [role=option]')].map((one) => one.textContent),
        chips: () => [...root.querySelectorAll('.picker .tag')].map((one) => one.textContent.trim()),
        /** Returns whether the browser goes on: Enter would submit the form. */
        press: async (id: string, key: string, repeat = false) => {
          const event = new KeyboardEvent('keydown', { key, repeat, bubbles: true, cancelable: true });
          await act(() => {
            field(id).dispatchEvent(event);
          });
          return !event.defaultPrevented;
        },
        paste: async (id: string, text: string) => {
          const event = new Event('paste', { bubbles: true, cancelable: true });
          Object.assign(event, { clipboardData: { getData: () => text } });
          await act(() => {
            field(id).dispatchEvent(event);
          });
        },
      };
    };

    it('are found by name, group or tag, chosen by keyboard, and counted on the button', async () => {
      const { start, field, type, press, button, options, chips, submit } = await stageTenants();
      expect(button()).toBe('Start for all 3 tenants');
      await type(field('tenants'), 'serv');
      expect(options()).toEqual(['Group served2 tenants']);
      await press('tenants', 'Enter');
      expect([chips(), field('tenants').value, button()]).toEqual([['Remove Group served'], '', 'Start for 2 tenants']);
      await type(field('tenants'), 'map');
      await press('tenants', 'Enter');
      await press('except', 'ArrowDown');
      expect(options()).toHaveLength(7);
      expect(field('except').getAttribute('aria-activedescendant')).not.toBeNull();
      await type(field('except'), 'regul');
      await press('except', 'Enter');
      expect(button()).toBe('Start for 2 tenants');
      await submit();
      expect(start).toHaveBeenCalledWith(
        'probe',
        expect.objectContaining({
          tenants: ['group:served', 'id-Maple Dental'],
          except: ['tag:regulated'],
        }) as unknown,
      );
    });

    it('may be typed or pasted as ids, domains and names', async () => {
      const { field, type, press, paste, button, chips } = await stageTenants();
      await type(field('tenants'), 'cedar.example, other.example');
      expect(button()).toBe('Start for 2 tenants');
      await press('tenants', 'Enter');
      await paste('tenants', 'Maple Dental\r\nASHFORD.example\nNobody');
      expect(chips()).toEqual(['Remove Cedar', 'Remove other.example', 'Remove Maple Dental', 'Remove Ashford']);
      expect([field('tenants').value, button()]).toEqual(['Nobody', 'Start for 4 tenants']);
      await press('tenants', 'Escape');
      await type(field('tenants'), '');
      await press('tenants', 'Backspace');
      expect(button()).toBe('Start for 3 tenants');
    });

    it('are not started for by Enter, which may come before the list does', async () => {
      const { press, field, type } = await stageTenants();
      expect(await press('tenants', 'Enter')).toBe(false);
      await type(field('tenants'), 'nothing like it');
      expect(await press('tenants', 'Enter')).toBe(false);
      expect(await press('tenants', 'Tab')).toBe(true);
    });

    it('are read by names that have commas', async () => {
      const names = ['Contoso', 'Contoso, Inc.', 'Acme', 'Bolt, Inc.', 'Inc.'];
      const { field, type, press, paste, chips } = await stageTenants(names.map((name) => tenant(name)));
      await type(field('tenants'), 'Contoso, Inc.');
      await press('tenants', 'Enter');
      expect(chips()).toEqual(['Remove Contoso, Inc.']);
      await paste('tenants', 'Acme, LLC\nBolt, Inc.\tbolt.example\nNobody, Inc.');
      expect(chips()).toEqual(['Remove Contoso, Inc.', 'Remove Bolt, Inc.', 'Remove bolt.example']);
      expect(field('tenants').value).toBe('Acme, LLC; Nobody, Inc.');
      // A list as it is typed, also one that the field still has when the button is pressed.
      await type(field('tenants'), 'Acme, bolt.example');
      await act(() => void field('tenants').dispatchEvent(new Event('blur')));
      expect([field('tenants').value, chips().length]).toEqual(['Acme, bolt.example', 3]);
      await press('tenants', 'Enter');
      expect(chips().at(-1)).toBe('Remove Acme');
    });

    it('are sent with the prefixes that the API takes', async () => {
      const { start, field, type, press, submit } = await stageTenants();
      await type(field('tenants'), 'Group:served');
      await press('tenants', 'Enter');
      await submit();
      expect(start).toHaveBeenCalledWith('probe', expect.objectContaining({ tenants: ['group:served'] }) as unknown);
    });

    it('lose by Backspace only one that is in sight, and none while the key is held down', async () => {
      const { press, paste, chips } = await stageTenants();
      await paste('tenants', Array.from({ length: 10 }, (_, n) => `tenant-${n}.example`).join('\n'));
      expect(chips()).toHaveLength(8);
      await press('tenants', 'Backspace');
      expect(chips()).toHaveLength(10);
      await press('tenants', 'Backspace', true);
      expect(chips()).toHaveLength(10);
      await press('tenants', 'Backspace');
      expect(chips()).toHaveLength(9);
    });

    it('are counted without those that the settings leave out', async () => {
      const out = tenant('Out', { reason: 'not_included', groups: ['served'], tags: [] });
      const { field, type, press, button, options } = await stageTenants([...listed, out]);
      expect(button()).toBe('Start for all 3 tenants');
      await type(field('tenants'), 'served');
      expect(options()).toEqual(['Group served2 tenants']);
      await press('tenants', 'Enter');
      expect(button()).toBe('Start for 2 tenants');
    });

    it('are all named for a reader whom the policy limits to some', async () => {
      const out = tenant('Out', { reason: 'not_included' });
      const { start, field, type, press, button, submit } = await stageTenants([...listed, out], {}, { limited: true });
      expect(button()).toBe('Start for the 3 tenants you may see');
      expect(field('tenants').placeholder).toBe('The tenants you may see');
      await submit();
      const named = { tenants: ['id-Ashford', 'id-Cedar', 'id-Maple Dental'] };
      expect(start).toHaveBeenLastCalledWith('probe', expect.objectContaining(named) as unknown);
      await type(field('except'), 'cedar');
      await press('except', 'Enter');
      expect(button()).toBe('Start for 2 tenants');
      await submit();
      const less = { ...named, except: ['id-Cedar'] };
      expect(start).toHaveBeenLastCalledWith('probe', expect.objectContaining(less) as unknown);
    });

    it('are not counted if the job is for some tenants only', async () => {
      const { field, type, press, button } = await stageTenants(listed, { except: ['tag:regulated'] });
      expect(button()).toBe('Start for all tenants of the job');
      await type(field('except'), 'cedar');
      await press('except', 'Enter');
      expect(button()).toBe('Start for these tenants');
    });

    it('are not started for while a text means none of them', async () => {
      const { root, start, field, type, press, submit } = await stageTenants();
      await type(field('tenants'), 'Nobody');
      await submit();
      expect(root.querySelector('#start-problem')?.textContent).toContain('Choose what “Nobody” means');
      expect(document.activeElement).toBe(field('tenants'));
      await type(field('tenants'), 'tag:none');
      await press('tenants', 'Enter');
      await submit();
      expect(root.querySelector('#start-problem')?.textContent).toBe('This choice has no tenant that can be visited.');
      expect(start).not.toHaveBeenCalled();
    });
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
