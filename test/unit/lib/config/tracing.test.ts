import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { createTracing } from '../../../../src/tracing.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly status: object;
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
}

let received: string[];
let answers: number;
const collector = createServer((request, response) => {
  void text(request).then((body) => {
    received.push(body);
    response.writeHead(answers).end('{}');
  });
});

beforeEach(async () => {
  received = [];
  answers = 200;
  collector.listen(0, '127.0.0.1');
  await once(collector, 'listening');
  const { port } = collector.address() as AddressInfo;
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `http://127.0.0.1:${port}`);
});
afterEach(() => {
  collector.close();
  collector.closeAllConnections();
});

const spans = (): readonly Span[] =>
  received.flatMap((body) =>
    (JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] }).resourceSpans.flatMap(
      ({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans),
    ),
  );

const stage = () => {
  const clock = new FakeClock();
  const logger = recordingLogger();
  return { clock, logger, tracing: createTracing({ clock, log: logger.log }) };
};

describe('exported traces', () => {
  it('name a failure by its code or kind, without its message', async () => {
    const { tracing } = stage();
    const fail = (thrown: Error) => tracing.run('work', {}, () => Promise.reject(thrown)).catch(() => undefined);
    await fail(new BrokerError('tenant_excluded', 'Contoso is excluded.'));
    await fail(new TypeError('Contoso failed'));
    await tracing.run(
      'GET',
      { 'http.request.method': 'GET' },
      async () => 0,
      () => ({ 'http.response.status_code': 404 }),
    );
    await tracing.end();
    expect(spans().map(({ status, attributes }) => [status, attributes.at(-1)?.value])).toEqual([
      [{ code: 2 }, { stringValue: 'tenant_excluded' }],
      [{ code: 2 }, { stringValue: 'TypeError' }],
      [{ code: 2 }, { intValue: 404 }],
    ]);
    expect(received.join('')).not.toContain('Contoso');
  });

  it('start anew where the host names no trace, and keep work that runs at the same time apart', async () => {
    const { tracing } = stage();
    const invoke = (functionName: string) =>
      tracing.invocation({ functionName, traceContext: { traceParent: 'no trace' } }, () =>
        tracing.run(`in ${functionName}`, {}, async () => new Promise((resolve) => setImmediate(resolve))),
      );
    await Promise.all([invoke('one'), invoke('two')]);
    await tracing.end();
    const of = (name: string) => spans().find((span) => span.name === name);
    expect(of('one')?.parentSpanId ?? '').toBe('');
    expect(of('in one')?.traceId).toBe(of('one')?.traceId);
    expect(of('in two')?.traceId).toBe(of('two')?.traceId);
    expect(of('two')?.traceId).not.toBe(of('one')?.traceId);
  });

  it('that a collector refuses disturb nothing, and are logged once an hour', async () => {
    answers = 400;
    const { logger, tracing } = stage();
    expect(await tracing.run('work', {}, async () => 'done')).toBe('done');
    await expect.poll(() => logger.events()).toEqual(['trace.not_exported']);
    await tracing.run('work', {}, async () => 'done');
    await tracing.end();
    expect(received).toHaveLength(2);
    expect(logger.events()).toEqual(['trace.not_exported']);
  });
});
