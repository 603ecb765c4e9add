import type { InvocationContext } from '@azure/functions';
import { afterEach, expect, it, vi } from 'vitest';

afterEach(() => {
  vi.doUnmock('../../src/tracing.ts');
  vi.resetModules();
});

it.each(['collector.example:4317', 'collector:4318'])(
  'serves invocations although %s is no address',
  async (address) => {
    vi.resetModules();
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', address);
    const { withInvocation } = await import('../../src/composition.ts');
    const lines: string[] = [];
    const context = { functionName: 'tokens', warn: (line: string) => lines.push(line) };
    expect(await withInvocation(context as unknown as InvocationContext, async () => 'answer')).toBe('answer');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('OTEL_EXPORTER_OTLP_ENDPOINT is no http or https address.');
  },
);

it('serves invocations although the export of traces cannot start, and logs it once', async () => {
  vi.resetModules();
  vi.doMock('../../src/tracing.ts', () => ({
    createTracing: () => {
      throw new TypeError('no such header');
    },
  }));
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://127.0.0.1:9');
  const { withInvocation, endTracing } = await import('../../src/composition.ts');
  const lines: string[] = [];
  const context = { functionName: 'tokens', warn: (line: string) => lines.push(line) };
  for (const answer of ['first', 'second'])
    expect(await withInvocation(context as unknown as InvocationContext, async () => answer)).toBe(answer);
  await endTracing();
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { event: 'trace.not_exported', level: 'warn', cause: 'TypeError: no such header' },
  ]);
});
