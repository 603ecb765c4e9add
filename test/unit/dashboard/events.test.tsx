// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Api } from '../../../dashboard/app/api.ts';
import { ApiFailure } from '../../../dashboard/app/api-failure.ts';
import { entriesIn, type EventsFilter, eventsLink, parseEventsFilter } from '../../../dashboard/app/view-filter.ts';
import { localTime } from '../../../dashboard/app/format.ts';
import { kindTitle, openOf } from '../../../dashboard/app/event-list.tsx';
import { EventsView } from '../../../dashboard/app/events-view.tsx';
import { TenantEvents } from '../../../dashboard/app/tenant-events.tsx';
import type { EventsAnswer, EventView } from '../../../src/lib/api/answers/tenants.ts';
import { reasonAdvice } from '../../../src/lib/tenants/tenant.ts';
import { adviceForEvent } from '../../../src/lib/tenant-events/create-tenant-events.ts';
import { type EventKind, eventKinds, type TenantEvent } from '../../../src/lib/tenant-events/tenant-event.ts';
import { SignedInContext } from '../../../dashboard/app/context.ts';
import { apiWith, rendered, session } from './rendered.ts';
import { signedIn } from './signed-in.tsx';
import { tenant } from './tenants.ts';

type Query = Readonly<Record<string, string | undefined>>;

const event = (sequence: number, more: Partial<EventView> = {}): EventView => ({
  id: `e${sequence}`,
  sequence,
  at: '2026-11-24T05:00:00.000Z',
  tenantId: 'id-Contoso',
  tenantName: `Customer ${sequence}`,
  kind: 'lost',
  explanation: 'The broker can no longer reach the tenant.',
  ...more,
});
const lookedAt = '2026-11-24T05:03:00.000Z';
const marked = { ...tenant('Contoso', { tags: ['tier=1'] }), groups: ['gold'] };
const tenantsAnswer = { tenants: [marked], groups: ['gold'], warnings: [], asOf: lookedAt };

let cleanUp: () => Promise<void>;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  cleanUp = async () => undefined;
});
afterEach(async () => {
  await cleanUp();
  vi.useRealTimers();
  location.hash = '';
});

/** Lets time pass, and what the answers of the API cause. */
const passed = (ms = 0): Promise<void> =>
  act(async () => {
    await vi.advanceTimersByTimeAsync(ms);
  });

/** The page over a log that a test changes. @returns what was asked for, too. */
async function page(
  log: () => readonly EventView[],
  {
    filter = {},
    pageSize = 100,
    roles = ['Tenants.Read'],
  }: { readonly filter?: EventsFilter; readonly pageSize?: number; readonly roles?: string[] } = {},
) {
  const queries: Query[] = [];
  let failure: ApiFailure | undefined;
  const events: Api['events'] = async (query) => {
    queries.push(query);
    if (failure !== undefined) throw failure;
    const [after, before] = [Number(query['after'] ?? 0), Number(query['continuation'] ?? Number.MAX_SAFE_INTEGER)];
    const found = log().filter(({ sequence }) => sequence > after && sequence < before);
    const shown = found.slice(0, pageSize).filter(({ kind }) => query['kind'] === undefined || kind === query['kind']);
    const more = found.length > pageSize ? { continuation: String(found[pageSize - 1]?.sequence) } : {};
    return { events: shown, ...more, lookedAt } satisfies EventsAnswer;
  };
  const methods = { events, tenants: async () => tenantsAnswer };
  const shown = await rendered(signedIn(methods, <EventsView filter={filter} />, roles));
  cleanUp = shown.unmount;
  await passed();
  const { root, rerender } = shown;
  return {
    root,
    queries,
    fail: (next: ApiFailure | undefined) => {
      failure = next;
    },
    show: (next: Parameters<typeof EventsView>[0]['filter']) =>
      rerender(signedIn(methods, <EventsView filter={next} />, roles)),
    names: () => [...root.querySelectorAll('.event a')].map(({ textContent }) => textContent),
    status: () => root.querySelector('[role=status]')?.textContent,
    press: async (text: string) => {
      const button = [...root.querySelectorAll('button')].find((each) => each.textContent === text);
      if (button === undefined) throw new Error(`There is no button ${text}.`);
      await act(() => button.click());
      await passed();
    },
  };
}

/** Each a minute after the one before: those of the same minute share a row. */
const logOf = (newest: number, oldest = 1): EventView[] =>
  Array.from({ length: newest - oldest + 1 }, (_, index) => {
    const at = new Date(Date.UTC(2026, 10, 24, 5, newest - index)).toISOString();
    return event(newest - index, { at });
  });

describe('the filter of events', () => {
  it('is the same after a link, and has no unknown kind', () => {
    const filter = { show: 'open', kind: 'ending', tenants: 'group:gold,contoso.com' } as const;
    expect(parseEventsFilter(eventsLink(filter).split('?')[1] ?? '')).toEqual(filter);
    expect(parseEventsFilter('kind=nonsense&tenants=&other=1')).toEqual({});
    expect(eventsLink({})).toBe('#/events');
    expect(entriesIn('  contoso.com, tag:a  tag:b,')).toEqual(['contoso.com', 'tag:a', 'tag:b']);
  });

  it('goes into the address when a kind, a group or a tag is chosen', async () => {
    const { root } = await page(() => logOf(1), { filter: { kind: 'lost', tenants: 'id-Contoso' } });
    const [kind, tenants] = root.querySelectorAll('select');
    expect(kind?.value).toBe('lost');
    expect([...(tenants?.options ?? [])].map(({ text }) => text)).toEqual([
      'all',
      'group gold',
      'tag tier',
      'tag tier=1',
      'Contoso',
    ]);
    expect(tenants?.value).toBe('id-Contoso');
    const choose = (select: HTMLSelectElement | undefined, value: string): Promise<void> =>
      act(() => {
        select!.value = value;
        select!.dispatchEvent(new Event('change', { bubbles: true }));
      });
    await choose(tenants, 'tag:tier=1');
    expect(location.hash).toBe('#/events?kind=lost&tenants=tag%3Atier%3D1');
    await choose(kind, '');
    expect(location.hash).toBe('#/events?tenants=id-Contoso');
  });
});

it('has the times of its words in the zone of the reader', async () => {
  const explanation = 'The relationship now ends at 2026-12-13 16:16 UTC.';
  const { root } = await page(() => [event(1, { explanation })]);
  const words = root.querySelector('tbody td:last-child')?.textContent;
  expect(words).toContain(`The relationship now ends at ${localTime('2026-12-13T16:16Z')}.`);
});

it('counts a tenant once that lost its access twice, and nothing that has ended', async () => {
  const tenantId = '5f3a0000-4c1d-4e5f-9a6b-010000000000';
  const without = event(1, { tenantId: 'other', kind: 'ending' });
  const log = [event(3, { tenantId }), event(2, { tenantId }), without];
  const titleOf = async (events: readonly EventView[], filter = {}) => {
    await cleanUp();
    const { root } = await page(() => events, { filter });
    return [root.querySelector('h1')?.textContent, root.querySelector('.lede')?.firstChild?.textContent];
  };
  expect(await titleOf(log)).toEqual(['2 events are still open', '']);
  const back = event(4, { tenantId, kind: 'back' });
  expect(await titleOf([back, ...log])).toEqual(['1 event is still open', '']);
  expect(await titleOf([back])).toEqual(['None of 1 event is still open', '']);
  expect(await titleOf(log, { tenants: 'group:gold' })).toEqual(['2 events are still open', '']);
  // What ended them is missing.
  expect(await titleOf(log, { kind: 'lost' })).toEqual(['2 events', undefined]);
});

it('says how many of those that are open are new, whatever else happened', async () => {
  const at = new Date().toISOString();
  const { root } = await page(() => [
    event(3, { at, tenantId: 'a', kind: 'tags_changed', tagsAdded: ['managed'] }),
    event(2, { at, tenantId: 'b', reason: 'gdap_expired', advice: 'Request a relationship.' }),
    event(1, { tenantId: 'c', reason: 'gdap_expired', advice: 'Request a relationship.' }),
  ]);
  expect(root.querySelector('h1')?.textContent).toBe('2 events are still open');
  expect(root.querySelector('.lede')?.textContent).toBe(
    '1 of them is from the last 24 hours. All tenants, worst first',
  );
  expect([...root.querySelectorAll('.event')].map(({ className }) => className)).toEqual([
    'event',
    'event',
    'event past',
  ]);
  expect(root.querySelector('.group a')?.textContent).toBe(
    'Open Partner Center in a new tab: GDAP relationship expired',
  );
});

it('has the command that helps with what is open in its details', async () => {
  const { root } = await page(() => [event(1, { kind: 'consent_missing', tenantId: 'a' })]);
  await act(() => root.querySelector<HTMLElement>('.event th button')?.click());
  expect(root.querySelector('dialog .cmd code')?.textContent).toBe('ptb tenants consent --tenant a');
});

/** The headings of groups, each with the rows below it. */
const groupsIn = (root: Element) =>
  [...root.querySelectorAll('tbody')].map((group) => [
    group.querySelector('.group b')?.textContent,
    [...group.querySelectorAll('.event')].map((row) =>
      [...row.children].slice(1).map((cell) => {
        cell.querySelector('.sub')?.remove();
        return cell.textContent.trim();
      }),
    ),
  ]);

/** What is open alone. */
const open = { filter: { show: 'open' } } as const;

it('has what is open above the others, which are by day, the newest first', async () => {
  const { root, press } = await page(() => [
    event(4, { kind: 'tags_changed', tenantId: 'd', tagsAdded: ['managed'] }),
    event(3, { reason: 'gdap_expired', tenantId: 'b' }),
    event(2, {
      kind: 'ending',
      days: 1,
      endsAt: '2026-11-24T05:00:00.000Z',
      tenantId: 'b',
      at: '2026-11-23T05:00:00.000Z',
    }),
    event(1, { kind: 'reachable', tenantId: 'b', at: '2026-11-23T05:00:00.000Z' }),
  ]);
  expect(groupsIn(root)).toEqual([
    ['GDAP relationship expired', [['Customer 3', 'Access is lost']]],
    [
      expect.stringMatching(/^(Today|Yesterday|Tuesday, 24 November)/),
      [['Customer 4', 'The tags were changed: +managed']],
    ],
    [
      expect.stringMatching(/^(Yesterday|Monday, 23 November)/),
      [
        ['Customer 2', 'GDAP relationship ends within 1 day, on 24 Nov'],
        ['Customer 1', 'Access for the first time'],
      ],
    ],
  ]);
  // What is over has no sign of an alarm.
  expect([...root.querySelectorAll('.event .badge')].map(({ className }) => className)).toEqual([
    'badge idle',
    'badge idle',
    'badge good',
  ]);
  expect([...root.querySelectorAll('.seg button')].map(({ textContent }) => textContent)).toEqual([
    'All 4',
    'Still open 1',
  ]);
  await press('Still open 1');
  expect(location.hash).toBe('#/events?show=open');
});

it('says that none is open where only these are asked for', async () => {
  const { root } = await page(() => [event(1, { kind: 'tags_changed' })], open);
  expect(root.querySelector('.empty')?.textContent).toBe('None of 1 event is still open.');
});

it('puts what is open under its causes, the worst first', async () => {
  const { root, queries } = await page(
    () => [
      event(8, { kind: 'ending', days: 14, endsAt: '2026-12-13T12:00:00.000Z', tenantId: 'a' }),
      event(7, { kind: 'ending', days: 7, endsAt: '2026-12-08T12:00:00.000Z', tenantId: 'c' }),
      event(6, { reason: 'gdap_expired' }),
      event(5, { kind: 'consent_missing', tenantId: 'b', advice: 'Give the consent in it.' }),
      event(4, { reason: 'not_listed' }),
      event(3, { kind: 'role_missing', tenantId: 'd' }),
      event(2, { kind: 'reachable', at: '2026-11-22T05:00:00.000Z' }),
      event(1, { kind: 'appeared', at: '2026-11-22T05:00:00.000Z' }),
    ],
    open,
  );
  expect(root.querySelector('h1')?.textContent).toBe('5 events are still open');
  // The API does not know what is open.
  expect(queries[0]).not.toHaveProperty('show');
  const words = 'The broker can no longer reach the tenant.';
  expect(groupsIn(root)).toEqual([
    ['GDAP relationship expired', [['Customer 6', 'Access is lost']]],
    ['No consent for the application', [['Customer 5', 'The consent is missing']]],
    // The first to end comes first.
    [
      'GDAP relationship ends soon',
      [
        ['Customer 7', 'Ends on 8 Dec'],
        ['Customer 8', 'Ends on 13 Dec'],
      ],
    ],
    ['A job was refused access', [['Customer 3', words]]],
  ]);
  // As loud as the cause on other pages.
  expect([...root.querySelectorAll('.group .n')].map(({ className }) => className)).toEqual([
    'n bad',
    'n bad',
    'n warn',
    'n warn',
  ]);
  expect(root.querySelector('.event time')?.textContent).toMatch(/^24 Nov, /);
});

it('says once what helps with events alike, with one command for all to copy', async () => {
  const lacks = (sequence: number, tenantId: string) =>
    event(sequence, {
      kind: 'consent_missing',
      tenantId,
      advice: `Consent again: \`ptb tenants consent --tenant ${tenantId}\``,
    });
  const { root } = await page(
    () => [lacks(4, 'a'), event(3, { tenantId: 'b', advice: 'Request a relationship.' }), lacks(2, 'c')],
    open,
  );
  expect([...root.querySelectorAll('.group')].map(({ textContent }) => textContent)).toEqual([
    '2No consent for the application Give the consent, wait about three minutes, then try again. Copy command for No consent for the application',
    '1Access is lost Request a relationship.',
  ]);
  expect(groupsIn(root)[0]?.[1]).toHaveLength(2);
  expect(commandsIn(root)).toEqual(['ptb tenants consent --tenant a c']);
  await cleanUp();
  const many = await page(() => [1, 2, 3, 4, 5, 6, 7].map((n) => lacks(n, `t${n}`)), open);
  expect(commandsIn(many.root)).toEqual(['ptb tenants consent --dry-run']);
  expect(many.root.querySelector('.group')?.textContent).toContain(
    'This lists all customers that would get the consent:',
  );
});

/** What the buttons copy. */
const commandsIn = (root: Element) => [...root.querySelectorAll<HTMLElement>('.copy')].map(({ title }) => title);

it('has one row for what happened to several tenants in the same minute, which opens', async () => {
  const back = (n: number, more: Partial<EventView> = {}) => event(n, { kind: 'back', tenantId: `t${n}`, ...more });
  const { root, press } = await page(() => [
    back(4, { at: '2026-11-24T05:00:40.000Z' }),
    back(3, { explanation: 'Another one.' }),
    back(2),
    back(1, { at: '2026-11-24T04:59:59.000Z' }),
  ]);
  const names = () => groupsIn(root)[0]?.[1];
  const before = [
    ['2 tenants', expect.stringContaining('no longer')],
    ['Customer 3', expect.stringContaining('Another one.')],
    ['Customer 1', expect.stringContaining('no longer')],
  ];
  expect(names()).toEqual(before);
  await press(' 2 tenants');
  expect(names()).toEqual([before[0], ['Customer 4', ''], ['Customer 2', ''], ...before.slice(1)]);
  await press(' 2 tenants');
  expect(names()).toEqual(before);
});

it('has one row for all tags that were changed on one day', async () => {
  const tagged = (n: number, more: Partial<EventView> = {}) =>
    event(n, { kind: 'tags_changed', tenantId: `t${n}`, tagsAdded: ['managed'], ...more });
  const { root, press } = await page(() => [
    tagged(3, { at: '2026-11-24T05:40:00.000Z', tagsAdded: ['trial'] }),
    tagged(2, { at: '2026-11-24T05:30:00.000Z' }),
    tagged(1, { at: '2026-11-22T05:30:00.000Z' }),
  ]);
  const lines = () => groupsIn(root).map(([, rows]) => rows);
  const single = ['Customer 1', 'The tags were changed: +managed'];
  expect(lines()).toEqual([[['2 tenants', 'The tags were changed']], [single]]);
  await press(' 2 tenants');
  expect(lines()).toEqual([
    [
      ['2 tenants', 'The tags were changed'],
      ['Customer 3', '+trial'],
      ['Customer 2', '+managed'],
    ],
    [single],
  ]);
});

it('keeps the tags of two years apart, and gives the time from the first to the last of a line', async () => {
  const tagged = (n: number, at: string) => event(n, { kind: 'tags_changed', tenantId: `t${n}`, at });
  const { root } = await page(() => [
    tagged(3, '2026-11-24T05:40:00.000Z'),
    tagged(2, '2026-11-24T05:30:00.000Z'),
    tagged(1, '2025-11-24T05:30:00.000Z'),
  ]);
  expect(groupsIn(root).map(([, rows]) => rows?.length)).toEqual([1, 1]);
  const [from, to] = [30, 40].map((minute) => localTime(`2026-11-24T05:${minute}:00.000Z`).slice(-5));
  expect(root.querySelector('.events tbody td, .events tbody .event > *')?.textContent).toBe(`${from}–${to}`);
});

it('folds many events of one minute that are still open', async () => {
  const lost = (n: number) => event(n, { tenantId: `t${n}`, reason: 'gdap_expired', advice: 'Request one.' });
  const { root, press } = await page(() => [4, 3, 2, 1].map(lost), open);
  const rows = () => groupsIn(root).map(([, some]) => some?.length);
  expect(rows()).toEqual([1]);
  await press(' 4 tenants');
  expect(rows()).toEqual([5]);
});

it('gives one command for several tenants whose remedy differs in the tenant alone, also for another application', async () => {
  const more = (n: number, kind: EventKind, application?: string): EventView => {
    const advice = adviceForEvent({ kind, tenantId: `t${n}`, application } as TenantEvent)!;
    return event(n, { kind, tenantId: `t${n}`, advice, ...(application === undefined ? {} : { application }) });
  };
  const { root } = await page(
    () => [
      more(4, 'consent_missing', 'second'),
      more(3, 'consent_missing', 'second'),
      more(2, 'consent_differs'),
      more(1, 'consent_missing'),
    ],
    open,
  );
  expect(commandsIn(root)).toEqual([
    'ptb tenants consent --tenant t4 t3 --application second',
    'ptb tenants consent --tenant t1',
    'ptb tenants consent --renew --tenant t2',
  ]);
  expect([...root.querySelectorAll('.copy')].map(({ textContent }) => textContent.trim())).toEqual([
    'Copy command for Customer 4, Customer 3',
    'Copy command for No consent for the application',
    'Copy command for Customer 2',
  ]);
});

const failed = { code: 'consent_required', detail: '', nextStep: 'See `ptb health`.' } as const;
it.each<[Partial<TenantEvent>, string, string | undefined]>([
  [
    { kind: 'consent_missing' },
    'Give the consent, wait about three minutes, then try again.',
    'ptb tenants consent --tenant id-t1',
  ],
  [
    { kind: 'consent_missing', application: 'second' },
    'Consent again:',
    'ptb tenants consent --tenant id-t1 --application second',
  ],
  [{ kind: 'consent_differs' }, 'Add the permissions:', 'ptb tenants consent --renew --tenant id-t1'],
  // It has two commands, and ends with one of them.
  [
    { kind: 'auto_consent_failed', failure: failed },
    'See ptb health. To consent:',
    'ptb tenants consent --tenant id-t1',
  ],
  [{ kind: 'role_missing' }, 'See which roles the relationship gives and to whom:', 'ptb doctor'],
  [{ kind: 'lost', reason: 'not_listed' }, 'Find out in Partner Center whether the customer has left.', undefined],
  [{ kind: 'ending' }, reasonAdvice.gdap_expiring, undefined],
])('shows for %j what to do: %s, and to copy %s', async (more, words, command) => {
  const told = { tenantId: 'id-t1', ...more } as TenantEvent;
  const { kind, application } = told;
  const advice = adviceForEvent(told)!;
  const { root } = await page(
    () => [event(1, { kind, tenantId: 'id-t1', advice, ...(application === undefined ? {} : { application }) })],
    open,
  );
  expect(root.querySelector('.group span.cut')?.textContent.trim()).toBe(words);
  expect(root.querySelector<HTMLElement>('.copy')?.title).toBe(command);
});

it('keeps the condition under which a new tenant needs the consent', async () => {
  const advice = adviceForEvent({ kind: 'reachable', tenantId: 't1' } as TenantEvent)!;
  const { root } = await page(() => [event(1, { kind: 'reachable', tenantId: 't1', advice })]);
  await act(() => root.querySelector<HTMLButtonElement>('tbody .link')?.click());
  expect(document.querySelector('dialog')?.textContent).toContain(
    'If the application has no consent there yet, and AUTO_CONSENT is off: ptb tenants consent --tenant t1',
  );
});

it.each<[string, EventView['kind'][], EventView['kind'][]]>([
  ['nothing ended', ['lost'], ['lost']],
  ['something ended', ['back', 'lost'], []],
  ['came back after its end', ['lost', 'back', 'lost'], ['lost']],
  ['a later one replaced', ['ending', 'ending'], ['ending']],
  ['a loss hides', ['lost', 'ending', 'consent_missing', 'role_missing'], ['lost']],
  ['a loss hid until it was over', ['back', 'lost', 'ending', 'consent_missing'], ['consent_missing']],
  ['an exclusion hides', ['excluded', 'lost'], []],
  ['an exclusion hid until it was over', ['included', 'excluded', 'role_missing', 'lost'], ['lost']],
  ['ended while the tenant was excluded', ['included', 'consent_given', 'excluded', 'consent_missing'], []],
  ['another one replaced', ['consent_differs', 'consent_missing'], ['consent_differs']],
  ['was there before', ['consent_missing', 'consent_differs'], ['consent_missing']],
  ['a consent ended', ['auto_consented', 'consent_missing', 'consent_differs', 'auto_consent_failed'], []],
  ['is no trouble', ['tags_changed', 'appeared'], []],
])('of troubles, one that %s: of %j open are %j', (_, kinds, expected) => {
  const log = kinds.map((kind, at) => event(kinds.length - at, { kind }));
  const other = event(0, { kind: 'role_missing', tenantId: 'other' });
  expect([...openOf([...log, other])].map(({ kind }) => kind)).toEqual([...expected, 'role_missing']);
});

describe('the list of events', () => {
  it('shows what happened and what to do, with the words of each kind', async () => {
    const log = [
      event(2, { advice: 'Find out: `ptb doctor`.' }),
      event(1, { kind: 'tags_changed', tagsAdded: ['a'], tagsRemoved: ['b'] }),
    ];
    const { root, names, status } = await page(() => log);
    const [lost, tags] = [...root.querySelectorAll('.event')];
    expect(names()).toEqual(['Customer 2', 'Customer 1']);
    expect(lost?.textContent).toContain('The broker can no longer reach the tenant.');
    const details = async (row: Element | undefined): Promise<string> => {
      await act(() => row?.querySelector('button')?.click());
      return root.querySelector('dialog .in')?.textContent ?? '';
    };
    expect(await details(lost)).toBe(
      'The broker can no longer reach the tenant.Find out:ptb doctor Copy the command for Customer 2',
    );
    expect(root.querySelector('dialog code')?.textContent).toBe('ptb doctor');
    expect(await details(tags)).toContain('+a −b');
    expect(status()).toBe('2 events. ');
    expect(root.textContent).toContain('The broker last looked at the tenants at ');
    expect(eventKinds.map((kind) => kindTitle(kind))).not.toContain(undefined);
    expect(kindTitle('of a later version')).toBe('Of a later version');
  });

  it('asks for later events only, and puts them on top', async () => {
    let log = logOf(3);
    const { names, queries } = await page(() => log);
    log = logOf(5);
    await passed(30_000);
    expect(names()).toEqual([5, 4, 3, 2, 1].map((each) => `Customer ${each}`));
    expect(queries).toEqual([{ limit: '100' }, { after: '3', limit: '100' }]);
    await passed(30_000);
    expect(queries.at(-1)).toEqual({ after: '5', limit: '100' });
    expect(names()).toHaveLength(5);
  });

  it('reads older pages on demand, and keeps them when later events come', async () => {
    let log = logOf(9);
    const { names, status, press, root } = await page(() => log, { pageSize: 4 });
    expect([names().length, status()]).toEqual([4, '4 events so far. ']);
    const titles = () => [root.querySelector('h1')?.textContent, root.querySelector('.panel h2')?.textContent];
    // What has been open for longer was not read.
    expect(titles()).toEqual(['1 of the newest 4 events is still open', 'Still open among the newest 4 events']);
    await press('Show older events');
    expect(names()).toHaveLength(8);
    log = logOf(10);
    await passed(30_000);
    await press('Show older events');
    expect(names()).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1].map((each) => `Customer ${each}`));
    expect(status()).toBe('10 events. ');
    expect(root.textContent).toContain('There are no older events.');
    expect(document.activeElement?.textContent).toBe('There are no older events.');
  });

  it('begins again if more has come than it reads at once', async () => {
    let log = logOf(9);
    const { names, press } = await page(() => log, { pageSize: 4 });
    await press('Show older events');
    expect(names()).toHaveLength(8);
    log = logOf(40);
    await passed(30_000);
    expect(names()).toEqual([40, 39, 38, 37].map((each) => `Customer ${each}`));
    await press('Show older events');
    expect(names()).toHaveLength(8);
  });

  it('has no gap after it is opened again while more has come', async () => {
    let log = logOf(9);
    let isHeld: Promise<void> | undefined;
    const events: Api['events'] = async ({ continuation }) => {
      if (continuation === undefined) await isHeld;
      const found = log.filter(({ sequence }) => sequence < Number(continuation ?? 99));
      return { events: found.slice(0, 4), ...(found.length > 4 ? { continuation: String(found[3]?.sequence) } : {}) };
    };
    const api = apiWith({ events, tenants: async () => tenantsAnswer });
    const open = async () => {
      const value = { session: { ...session, roles: ['Tenants.Read'] }, api };
      const child = <EventsView filter={{}} />;
      const shown = await rendered(<SignedInContext.Provider value={value}>{child}</SignedInContext.Provider>);
      await passed();
      return shown;
    };
    await (await open()).unmount();
    log = logOf(11);
    let release = (): void => undefined;
    isHeld = new Promise((resolve) => {
      release = resolve;
    });
    const { root, unmount } = await open();
    cleanUp = unmount;
    const names = () => [...root.querySelectorAll('.event a')].map(({ textContent }) => textContent);
    const older = [...root.querySelectorAll('button')].find(({ textContent }) => textContent === 'Show older events');
    await act(() => older?.click());
    await passed();
    expect(names()).toEqual([9, 8, 7, 6, 5, 4, 3, 2].map((each) => `Customer ${each}`));
    // As if some time had passed since it was opened first.
    vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 1_000);
    release();
    await passed();
    expect(names()).toEqual([11, 10, 9, 8].map((each) => `Customer ${each}`));
  });

  it('looks past empty pages, at most five, and asks for one page only when it looks again', async () => {
    const log = [...logOf(80, 3), event(2, { kind: 'back' }), event(1)];
    const shown = await page(() => log, { filter: { kind: 'back' }, pageSize: 10 });
    expect([shown.queries.length, shown.names()]).toEqual([5, []]);
    expect(shown.root.textContent).toContain('None of the newest events matches.');
    await passed(30_000);
    expect(shown.queries).toHaveLength(6);
    await shown.press('Show older events');
    expect(shown.names()).toEqual(['Customer 2']);
    log.unshift(event(81, { kind: 'back' }));
    await passed(30_000);
    expect(shown.names()).toEqual(['Customer 81']);
  });

  it('keeps what it had while the broker does not answer, and shows a failed page with another try', async () => {
    const shown = await page(() => logOf(9), { pageSize: 4 });
    shown.fail(
      new ApiFailure({ title: 'Away', detail: 'The broker does not answer.', advice: 'Wait.', transient: true }),
    );
    await shown.press('Show older events');
    await passed(30_000);
    expect(shown.names()).toHaveLength(4);
    expect(shown.root.querySelectorAll('[role=alert]')).toHaveLength(2);
    shown.fail(undefined);
    await shown.press('Show older events');
    await passed(60_000);
    expect(shown.names()).toHaveLength(8);
    expect(shown.root.querySelectorAll('[role=alert]')).toHaveLength(0);
  });

  it('drops what belongs to another filter', async () => {
    const { names, show, press } = await page(() => [...logOf(9, 2), event(1, { kind: 'back' })], { pageSize: 4 });
    await press('Show older events');
    await show({ kind: 'back' });
    await passed();
    expect(names()).toEqual(['Customer 1']);
  });

  it('says why it is empty, and who may see it', async () => {
    const empty = await page(() => []);
    expect(empty.root.querySelector('.empty')?.textContent).toContain('Nothing has happened yet.');
    await cleanUp();
    const filtered = await page(() => [], { filter: { kind: 'lost' } });
    expect(filtered.root.querySelector('.empty')?.textContent).toBe('No event matches the filter.Show all events');
    await cleanUp();
    const stranger = await page(() => logOf(1), { roles: ['Runs.Read'] });
    expect(stranger.root.textContent).toContain('Tenants.Read');
    expect(stranger.queries).toEqual([]);
  });
});

const contoso = { ...tenant('Contoso'), codes: [], warnings: [], asOf: '' };

describe('the events on the page of a tenant', () => {
  it('are the newest eight, with a link to all', async () => {
    const queries: Query[] = [];
    const events: Api['events'] = async (query) => {
      queries.push(query);
      return { events: logOf(11, 3), continuation: '3', lookedAt };
    };
    const { root, unmount } = await rendered(signedIn({ events }, <TenantEvents tenant={contoso} />, ['Tenants.Read']));
    cleanUp = unmount;
    await passed();
    expect(queries).toEqual([{ tenants: 'id-Contoso', limit: '8' }]);
    expect(root.querySelectorAll('.event')).toHaveLength(8);
    expect(root.querySelectorAll('.event a')).toHaveLength(0);
    expect(root.querySelector('a')?.getAttribute('href')).toBe('#/events?tenants=id-Contoso');
  });

  it('have no panel if there are none', async () => {
    const events: Api['events'] = async () => ({ events: [], lookedAt });
    const { root, unmount } = await rendered(signedIn({ events }, <TenantEvents tenant={contoso} />, ['Tenants.Read']));
    cleanUp = unmount;
    await passed();
    expect(root.textContent).toBe('');
  });
});
