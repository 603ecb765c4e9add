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
import { eventKinds } from '../../../src/lib/tenant-events/tenant-event.ts';
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
    names: () => [...root.querySelectorAll('.event td:nth-child(2) a')].map(({ textContent }) => textContent),
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
  const words = root.querySelector('tbody td:nth-child(3)')?.textContent;
  expect(words).toContain(`The relationship now ends at ${localTime('2026-12-13T16:16Z')}.`);
});

it('counts all events, and of a tenant that lost its access twice one as still open', async () => {
  const tenantId = '5f3a0000-4c1d-4e5f-9a6b-010000000000';
  const without = event(1, { tenantId: 'other', kind: 'ending' });
  const log = [event(3, { tenantId }), event(2, { tenantId }), without];
  const titleOf = async (events: readonly EventView[], filter = {}) => {
    await cleanUp();
    const { root } = await page(() => events, { filter });
    return root.querySelector('h1')?.textContent;
  };
  expect(await titleOf(log)).toBe('3 events, 2 still open');
  const back = event(4, { tenantId, kind: 'back' });
  expect(await titleOf([back, ...log])).toBe('4 events, 1 still open');
  expect(await titleOf([back])).toBe('1 event, none still open');
  expect(await titleOf(log, { tenants: 'group:gold' })).toBe('3 events, 2 still open');
  // What ended them is missing.
  expect(await titleOf(log, { kind: 'lost' })).toBe('2 events');
});

/** Day, tenant, what happened, and how long it lasted, as a wide screen has them. */
const rowsIn = (root: Element) =>
  [...root.querySelectorAll('.event')].map((row) => {
    const seen = row.cloneNode(true) as Element;
    for (const hidden of seen.querySelectorAll('.sub, .visually-hidden')) hidden.remove();
    return [seen.querySelector('th b'), ...[...seen.children].slice(1)].map((cell) => cell?.textContent.trim() ?? '');
  });

/** What is open alone. */
const open = { filter: { show: 'open' } } as const;

it('tells by day what happened to whom, how long it lasted, and what ended it', async () => {
  vi.spyOn(Date, 'now').mockReturnValue(Date.parse('2026-12-03T05:00:00.000Z'));
  const { root, press } = await page(() => [
    event(6, { kind: 'tags_changed', tenantId: 'd', tagsAdded: ['managed'] }),
    event(5, { reason: 'gdap_expired', tenantId: 'b' }),
    event(4, { kind: 'back', tenantId: 'c', explanation: 'Yes.', at: '2026-11-23T08:00:00.000Z' }),
    event(3, { reason: 'gdap_expired', tenantId: 'c', at: '2026-11-23T05:00:00.000Z' }),
    event(2, {
      kind: 'ending',
      days: 1,
      endsAt: '2026-11-24T05:00:00.000Z',
      tenantId: 'b',
      at: '2026-11-23T05:00:00.000Z',
    }),
    event(1, { kind: 'appeared', reason: 'gdap_active' as never, tenantId: 'b', at: '2026-11-23T04:00:00.000Z' }),
  ]);
  expect(rowsIn(root)).toEqual([
    ['Tue, 24 Nov', 'Customer 6', 'The tags were changed +managed', ''],
    ['', 'Customer 5', 'GDAP relationship expired', 'still open, 9 days'],
    ['Mon, 23 Nov', 'Customer 4', 'Access is back Yes.', ''],
    ['', 'Customer 3', 'GDAP relationship expired', '3 hours, then access is back'],
    ['', 'Customer 2', 'GDAP relationship ends within 1 day, on 24 Nov', '24 hours, then GDAP relationship expired'],
    ['', 'Customer 1', expect.stringMatching(/^New customer tenant/), ''],
  ]);
  expect([...root.querySelectorAll('.event .badge')].map(({ className }) => className.split(' ').at(-1))).toEqual([
    'idle',
    'bad',
    'good',
    'idle',
    'idle',
    'idle',
  ]);
  expect(root.querySelector('.event td:last-child a')?.getAttribute('href')).toBe('#/tenants/b');
  expect([...root.querySelectorAll('.seg button')].map(({ textContent }) => textContent)).toEqual([
    'All 6',
    'Still open 1',
  ]);
  await press('Still open 1');
  expect(location.hash).toBe('#/events?show=open');
  vi.restoreAllMocks();
});

it('leads from a row to its tenant, and has no remedy of its own', async () => {
  const { root, queries } = await page(() => [event(2, { tenantId: 'a', advice: 'Run `ptb doctor`.' })], open);
  expect(rowsIn(root).map(([, name]) => name)).toEqual(['Customer 2']);
  // The API does not know what is open.
  expect(queries[0]).not.toHaveProperty('show');
  expect(root.textContent).not.toContain('ptb doctor');
  await act(() => root.querySelector<HTMLElement>('.event th')?.click());
  expect(location.hash).toBe('#/tenants/a');
});

it('says that none is open where only these are asked for', async () => {
  const { root } = await page(() => [event(1, { kind: 'tags_changed' })], open);
  expect(root.querySelector('.empty')?.textContent).toBe('None of 1 event is still open.');
});

it('has one row for what happened to several tenants in the same minute, which opens', async () => {
  const back = (n: number, more: Partial<EventView> = {}) => event(n, { kind: 'back', tenantId: `t${n}`, ...more });
  const { root, press } = await page(() => [
    back(4, { at: '2026-11-24T05:00:40.000Z' }),
    back(3, { explanation: 'Another one.' }),
    back(2),
    back(1, { at: '2026-11-24T04:59:59.000Z' }),
  ]);
  const names = () => rowsIn(root).map(([, ...cells]) => cells.slice(0, 2));
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
  const lines = () => rowsIn(root).map(([, ...cells]) => cells.slice(0, 2));
  const single = ['Customer 1', 'The tags were changed +managed'];
  expect(lines()).toEqual([['2 tenants', 'The tags were changed'], single]);
  await press(' 2 tenants');
  expect(lines()).toEqual([
    ['2 tenants', 'The tags were changed'],
    ['Customer 3', '+trial'],
    ['Customer 2', '+managed'],
    single,
  ]);
});

it('keeps the tags of two years apart, and gives the time from the first to the last of a line', async () => {
  const tagged = (n: number, at: string) => event(n, { kind: 'tags_changed', tenantId: `t${n}`, at });
  const { root } = await page(() => [
    tagged(3, '2026-11-24T05:40:00.000Z'),
    tagged(2, '2026-11-24T05:30:00.000Z'),
    tagged(1, '2025-11-24T05:30:00.000Z'),
  ]);
  expect(rowsIn(root).map(([, tenants]) => tenants)).toEqual(['2 tenants', 'Customer 1']);
  const [from, to] = [30, 40].map((minute) => localTime(`2026-11-24T05:${minute}:00.000Z`).slice(-5));
  expect(root.querySelector('.event th')?.textContent).toMatch(new RegExp(` ${from}–${to}$`));
});

it('folds many events of one minute that are still open', async () => {
  const lost = (n: number) => event(n, { tenantId: `t${n}`, reason: 'gdap_expired', advice: 'Request one.' });
  const { root, press } = await page(() => [4, 3, 2, 1].map(lost), open);
  expect(rowsIn(root)).toHaveLength(1);
  expect(root.querySelector('.event td:last-child a')?.textContent).toBe('still open');
  await press(' 4 tenants');
  expect(rowsIn(root)).toHaveLength(5);
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
  it('shows what happened, with the words of each kind', async () => {
    const log = [
      event(2, { advice: 'Find out: `ptb doctor`.' }),
      event(1, { kind: 'tags_changed', tagsAdded: ['a'], tagsRemoved: ['b'] }),
    ];
    const { root, names, status } = await page(() => log);
    const [lost, tags] = [...root.querySelectorAll('.event')];
    expect(names()).toEqual(['Customer 2', 'Customer 1']);
    expect(lost?.textContent).toContain('The broker can no longer reach the tenant.');
    expect(tags?.textContent).toContain('+a −b');
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
    // What has been open for longer was not read.
    expect(root.querySelector('h1')?.textContent).toBe('4 events so far, 1 still open');
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
    const names = () => [...root.querySelectorAll('.event td:nth-child(2) a')].map(({ textContent }) => textContent);
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
