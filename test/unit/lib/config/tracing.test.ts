import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { globalErrorHandler } from '@opentelemetry/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { hourMs } from '../../../../src/lib/core/clock.ts';
import { createInvocationLog } from '../../../../src/lib/core/invocation-log.ts';
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
let body: string;
let hangs: boolean;
let answer: () => unknown;
const collector = createServer((request, response) => {
  void text(request).then((sent) => {
    received.push(sent);
    answer = () => response.writeHead(answers).end(body);
    if (!hangs) answer();
  });
});

beforeEach(async () => {
  received = [];
  answers = 200;
  body = '{}';
  hangs = false;
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
    answers = 401;
    body = 'The key SECRETKEY of Contoso is wrong.';
    const { clock, logger, tracing } = stage();
    expect(await tracing.run('work', {}, async () => 'done')).toBe('done');
    await tracing.end();
    const details = () => logger.lines.map(({ line }) => (JSON.parse(line) as { detail: string }).detail);
    expect(details()).toEqual(['OTLPExporterError 401']);
    globalErrorHandler(new Error('Request timed out'));
    expect(details()).toHaveLength(1);
    await clock.advance(hourMs);
    globalErrorHandler(new Error('Request timed out'));
    expect(details()).toEqual(['OTLPExporterError 401', 'Error Request timed out']);
    expect(received).toHaveLength(1);
  });

  it('that a collector takes with an answer nobody can read are no failure', async () => {
    body = 'thanks';
    const { logger, tracing } = stage();
    await tracing.run('work', {}, async () => 'done');
    await tracing.end();
    expect([received.length, logger.events()]).toEqual([1, []]);
  });

  it('that a collector does not take in time keep no process from its end', async () => {
    hangs = true;
    vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', String(hourMs));
    const { clock, tracing } = stage();
    await tracing.run('work', {}, async () => 'done');
    const ended = tracing.end();
    await expect.poll(() => received.length).toBe(1);
    await clock.advance(3_000);
    await ended;
    answer();
  });

  it('of work that an invocation leaves behind are not part of its trace', async () => {
    const { tracing } = stage();
    const { outside } = createInvocationLog(() => undefined);
    const left = Promise.withResolvers<void>();
    await tracing.invocation({ functionName: 'tokens' }, async () =>
      outside(() => void tracing.run('renewal', {}, async () => left.resolve())),
    );
    await left.promise;
    await tracing.end();
    const of = (name: string) => spans().find((span) => span.name === name);
    expect(of('renewal')?.parentSpanId ?? '').toBe('');
    expect(of('renewal')?.traceId).not.toBe(of('tokens')?.traceId);
  });
});
