import { afterEach, expect, it, vi } from 'vitest';
import { registerTenants } from '../../../../src/cli/commands/tenants.ts';
import { systemClock } from '../../../../src/lib/core/clock.ts';
import { runCommand } from './command-stage.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const event = (sequence: number, kind: string, advice?: string) => ({
  id: `id-${sequence}`,
  sequence,
  at: `2026-11-24T05:00:0${sequence}.000Z`,
  tenantId: 'aaaaaaaa-0000-4000-8000-000000000001',
  tenantName: 'One Ltd',
  kind,
  explanation: `It was ${kind}.`,
  ...(advice === undefined ? {} : { advice }),
});
const events = (answers: readonly unknown[], ...words: string[]) =>
  runCommand(registerTenants, ['tenants', 'events', ...words], answers);

it('lists events of all tenants, and of one, over several pages', async () => {
  const pages = [{ events: [event(3, 'lost')], continuation: '3' }, { events: [event(2, 'back')] }];
  const { exit, out, requests } = await events(pages, '--kind', 'lost', '--since', '2026-11-24');
  expect(requests.map(({ path }) => path)).toEqual([
    '/events?kind=lost&since=2026-11-24&limit=100',
    '/events?kind=lost&since=2026-11-24&limit=99&continuation=3',
  ]);
  expect([exit, out]).toEqual([0, expect.stringMatching(/One Ltd\s+lost\s+It was lost[^]*One Ltd\s+back/)]);
  const one = await events([{ events: [] }], '--tenant', 'one.example');
  expect(one.requests.map(({ path }) => path)).toEqual(['/tenants/one.example/events?limit=100']);
  expect(one.out).toBe('There are no such events.\n');
  const { out: json } = await events([{ events: [event(1, 'back')] }], '--json');
  expect(JSON.parse(json)).toEqual({ events: [event(1, 'back')] });
});

it('lists events of groups, tags and several tenants, and leaves tenants out', async () => {
  const pathOf = async (...words: string[]) => (await events([{ events: [] }], ...words)).requests.at(-1)?.path;
  expect(await pathOf('--tenant', 'tag:managed', '--except', 'group:gold', 'b.example')).toBe(
    '/events?tenants=tag%3Amanaged&except=group%3Agold%2Cb.example&limit=100',
  );
  expect(await pathOf('--tenant', 'group:gold')).toBe('/events?tenants=group%3Agold&limit=100');
  expect(await pathOf('--tenant', 'a.example', 'b.example')).toBe('/events?tenants=a.example%2Cb.example&limit=100');
  expect(await pathOf('--tenant', 'a.example,b.example')).toBe('/events?tenants=a.example%2Cb.example&limit=100');
  expect(await pathOf('--except', 'a.example')).toBe('/events?except=a.example&limit=100');
});

it('reads no more events than were asked for', async () => {
  const page = { events: [event(3, 'lost'), event(2, 'back')], continuation: '2' };
  expect((await events([page], '--limit', '2')).requests).toHaveLength(1);
});

it('follows events in their order, each once, while the broker is away too, until Ctrl+C', async () => {
  const answers = [
    { events: [event(2, 'back'), event(1, 'lost', 'Ask the customer.')] },
    Response.json({ code: 'storage_unavailable', detail: 'Away.' }, { status: 503 }),
    { events: [event(4, 'extended'), event(3, 'ending')] },
    { events: [] },
  ];
  let sleeps = 0;
  vi.spyOn(systemClock, 'sleep').mockImplementation(async (_ms, signal) => {
    sleeps += 1;
    if (sleeps === 20) process.emit('SIGINT');
    signal?.throwIfAborted();
  });
  const { exit, out, requests } = await events(answers, '--watch', '--json');
  expect(exit).toBe(130);
  expect(
    out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { sequence: number }).sequence),
  ).toEqual([1, 2, 3, 4]);
  expect(requests.map(({ path }) => path).slice(0, 4)).toEqual([
    '/events?limit=100',
    ...['2', '2', '4'].map((after) => `/events?after=${after}&limit=500`),
  ]);
});

it('shows a person what to do', async () => {
  vi.spyOn(systemClock, 'sleep').mockImplementation(async (_ms, signal) => {
    process.emit('SIGINT');
    signal?.throwIfAborted();
  });
  const { out } = await events([{ events: [event(1, 'lost', 'Ask the customer.')] }], '--watch');
  expect(out).toBe('2026-11-24T05:00:01.000Z  One Ltd: lost. It was lost. Ask the customer.\n');
});
