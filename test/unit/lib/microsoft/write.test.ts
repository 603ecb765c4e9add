import { describe, expect, it } from 'vitest';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { createGraphWriter, graphStatus } from '../../../../src/lib/microsoft/graph.ts';
import { Limiter } from '../../../../src/lib/core/limiter.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { inTurn, problem, type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';

function writerOn(answer: (request: SeenRequest, count: number) => Scripted, signal?: AbortSignal) {
  const clock = new FakeClock();
  const { fetch, seen } = scriptedFetch(answer);
  const deps = { fetch, clock, random: () => 0.5, limiter: new Limiter(2) };
  const binding = { baseUrl: 'https://graph.test', token: async () => new Secret('t'), correlationId: 'id', signal };
  return { writer: createGraphWriter(deps, binding), seen, clock };
}
const noContent = (): Response => new Response(null, { status: 204 });
const throttled = (seconds?: number): Response =>
  problem(429, 'TooManyRequests', '', seconds === undefined ? {} : { 'retry-after': `${seconds}` });

describe('post', () => {
  it('sends the token and returns the reply', async () => {
    const { writer, seen } = writerOn(() => ({ id: 'made' }));
    expect(await writer.post('/applications', { displayName: 'x' })).toEqual({ id: 'made' });
    const [request] = seen;
    expect([request?.method, request?.url.pathname, request?.body]).toEqual([
      'POST',
      '/v1.0/applications',
      '{"displayName":"x"}',
    ]);
    expect(request?.headers.get('authorization')).toBe('Bearer t');
  });

  it.each([
    ['a reply without content', noContent],
    ['a list', () => Response.json([])],
  ])('returns an empty object for %s', async (_, answer) => {
    expect(await writerOn(answer).writer.post('/x', {})).toEqual({});
  });

  it('does not retry a request that may have been carried out', async () => {
    const failing = writerOn(() => problem(503, 'Busy'));
    await expect(failing.writer.post('/x', {})).rejects.toMatchObject({ code: 'resource_error' });
    const broken = writerOn(() => {
      throw new TypeError('socket hang up');
    });
    await expect(broken.writer.post('/x', {})).rejects.toMatchObject({ code: 'resource_error' });
    expect([failing.seen.length, broken.seen.length]).toEqual([1, 1]);
  });

  it('retries after a 429, which was not carried out, once the delay has passed', async () => {
    const { writer, seen, clock } = writerOn(
      inTurn(
        () => throttled(7),
        () => throttled(),
        () => ({ id: 'made' }),
      ),
    );
    const made = writer.post('/x', {});
    await clock.advance(7_499);
    expect(seen).toHaveLength(1);
    await clock.advance(1);
    expect(seen).toHaveLength(2);
    await clock.advance(4_500);
    expect(await made).toEqual({ id: 'made' });
  });

  it('gives up after four 429 replies, and at once when the delay exceeds 30 seconds', async () => {
    const patient = writerOn(() => throttled(1));
    const failed = patient.writer.post('/x', {});
    failed.catch(() => undefined);
    await patient.clock.advance(60_000);
    await expect(failed).rejects.toMatchObject({ code: 'throttled' });
    expect(patient.seen).toHaveLength(4);
    const long = writerOn(() => throttled(31));
    await expect(long.writer.post('/x', {})).rejects.toMatchObject({ retryAfterSeconds: 31 });
    expect(long.seen).toHaveLength(1);
  });

  it('ends when its signal aborts', async () => {
    const ending = new AbortController();
    const { writer } = writerOn(() => {
      ending.abort(new Error('too late'));
      throw new TypeError('aborted');
    }, ending.signal);
    await expect(writer.post('/x', {})).rejects.toThrow('too late');
  });
});

describe('patch and remove', () => {
  it('treat a missing object as success for remove only', async () => {
    await expect(writerOn(() => problem(404, 'NotFound')).writer.remove('/x')).resolves.toBeUndefined();
    await expect(writerOn(noContent).writer.remove('/x')).resolves.toBeUndefined();
    await expect(writerOn(() => problem(403, 'Denied')).writer.remove('/x')).rejects.toMatchObject({
      code: 'access_denied',
    });
    await expect(writerOn(() => problem(404, 'NotFound')).writer.patch('/x', {})).rejects.toMatchObject({
      code: 'job_failed',
    });
  });

  it('send a change as JSON', async () => {
    const { writer, seen } = writerOn(noContent);
    await writer.patch('/x', { a: 1 });
    expect([seen[0]?.method, seen[0]?.body]).toEqual(['PATCH', '{"a":1}']);
  });
});

it('graphStatus returns the status of a failure that Graph answered', () => {
  expect(graphStatus(new BrokerError('job_failed', '', { logFields: { status: 404 } }))).toBe(404);
  expect([graphStatus(new BrokerError('job_failed', '')), graphStatus(new Error('x'))]).toEqual([undefined, undefined]);
});
