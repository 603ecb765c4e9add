import { describe, expect, expectTypeOf, it } from 'vitest';
import { type TenantEvent, tenantEvents, type TenantEventsFilter } from '../../../../clients/typescript/src/index.ts';
import type { EventView } from '../../../../src/lib/api/answers/tenants.ts';
import { answering, problem } from './fake-broker.ts';

const event = (sequence: number): TenantEvent => ({
  id: `e${sequence}`,
  sequence,
  at: '2026-11-24T05:00:00.000Z',
  tenantId: 't',
  tenantName: 'Contoso',
  kind: 'lost',
  explanation: 'The broker can no longer reach the tenant.',
});
const page = (sequences: readonly number[], continuation?: string): Response =>
  Response.json({ events: sequences.map(event), ...(continuation === undefined ? {} : { continuation }) });

/** Reads the events that a broker with these answers returns. */
function reading(answers: (() => Response)[], filter?: TenantEventsFilter) {
  const { clock, urls, options } = answering(...answers);
  const events = tenantEvents(options, filter);
  return { clock, urls, events };
}

const placesOf = async (events: AsyncIterable<TenantEvent>): Promise<number[]> => {
  const places: number[] = [];
  for await (const { sequence } of events) places.push(sequence);
  return places;
};

describe('tenantEvents', () => {
  it('yields the events of all pages, also after an empty one', async () => {
    const { urls, events } = reading([() => page([9, 8], '8'), () => page([], '3'), () => page([2])]);
    expect(await placesOf(events)).toEqual([9, 8, 2]);
    expect(urls).toEqual(
      ['', '&continuation=8', '&continuation=3'].map((more) => `https://broker.example/api/events?limit=500${more}`),
    );
  });

  it('requests a page only when the events before it have been used', async () => {
    const { urls, events } = reading([() => page([9, 8], '8'), () => page([7])]);
    expect([(await events.next()).value, (await events.next()).value]).toEqual([event(9), event(8)]);
    expect(urls).toHaveLength(1);
    expect((await events.next()).value).toEqual(event(7));
  });

  it('sends the filters, also with further pages', async () => {
    const filter = {
      tenants: ['group:gold', 'contoso.com'],
      except: ['tag:trial'],
      kind: 'lost',
      since: new Date(0),
      after: 5,
    };
    const { urls, events } = reading([() => page([9], '9'), () => page([])], filter);
    await placesOf(events);
    const query = 'tenants=group%3Agold%2Ccontoso.com&except=tag%3Atrial&kind=lost&since=1970-01-01T00%3A00%3A00.000Z';
    expect(urls.map((url) => url.split('limit=500&')[1])).toEqual([
      `${query}&after=5`,
      `${query}&after=5&continuation=9`,
    ]);
  });

  it.each([[{ tenants: [] }], [{ except: [] }], [{ since: new Date(Number.NaN) }]])(
    'refuses a filter that would name other events than the caller means: %j',
    (filter) => {
      expect(() => reading([], filter)).toThrow(TypeError);
    },
  );

  it('repeats a page while the broker is not available, and yields each event once', async () => {
    const busy = (): Response => problem(503, 'storage_unavailable');
    const { clock, events } = reading([() => page([9], '9'), busy, () => page([8])]);
    const places = placesOf(events);
    await clock.advance(1_000);
    expect(await places).toEqual([9, 8]);
  });

  it('fails with the code of the broker, and for what is no page of events', async () => {
    const forbidden = reading([() => problem(403, 'caller_forbidden')]);
    await expect(forbidden.events.next()).rejects.toMatchObject({ code: 'caller_forbidden' });
    const stranger = reading([() => Response.json({ events: 'none' })]);
    await expect(stranger.events.next()).rejects.toMatchObject({ code: 'unexpected' });
  });

  it('describes the events that the broker returns', () => {
    expectTypeOf<EventView>().toExtend<TenantEvent>();
    expectTypeOf<keyof TenantEvent>().toEqualTypeOf<keyof EventView>();
  });
});
