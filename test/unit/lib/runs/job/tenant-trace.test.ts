import { describe, expect, it } from 'vitest';
import { Secret } from '../../../../../src/lib/core/secrets.ts';
import { type TenantTrace, TraceRecorder } from '../../../../../src/lib/runs/job/tenant-trace.ts';
import { tenantColumns } from '../../../../../src/lib/runs/store/run-entity.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';

const traceProperties = (trace: TenantTrace | undefined) => tenantColumns.change({ trace });
const readTrace = (row: object): TenantTrace | undefined => tenantColumns.require({ ...row }).trace;

const token = new Secret('opaque-token-of-one-resource-0123456789');
const started = () => {
  const clock = new FakeClock();
  const logger = recordingLogger();
  const trace = new TraceRecorder({ clock, jobPositions: (stack) => stack }, [token]);
  return { clock, trace, events: () => logger.events(), log: trace.logger(logger.log.child({ job: 'probe' })) };
};

describe('TraceRecorder', () => {
  it('has no result if the job logged nothing and threw nothing', () => {
    expect(started().trace.result()).toBeUndefined();
  });

  it('keeps the lines with their times, and passes them on', () => {
    const { clock, trace, log, events } = started();
    const startedMs = clock.nowMs();
    log.log('info', 'users.read', { users: 3 });
    log.child({ page: 2 }).log('warn', 'users.slow');
    expect(trace.result()).toEqual({
      log: [
        { atMs: startedMs, level: 'info', event: 'users.read', fields: { users: 3 } },
        { atMs: startedMs, level: 'warn', event: 'users.slow', fields: { page: 2 } },
      ],
      droppedLines: 0,
    });
    expect(events()).toEqual(['users.read', 'users.slow']);
  });

  it('keeps text, stack and causes of what the job threw', () => {
    const { trace } = started();
    trace.threw(new TypeError('no sku', { cause: new RangeError('empty page') }));
    const { error = '' } = trace.result() ?? {};
    expect(error).toMatch(/^TypeError: no sku\n {4}at .*tenant-trace\.test\.ts/);
    expect(error).toMatch(/\nCaused by: RangeError: empty page\n {4}at /);
  });

  it.each([
    ['a text', 'a text'],
    ['{"code":3}', { code: 3 }],
    ['undefined', undefined],
    ['null', null],
  ])('describes a thrown value that is no error: %s', (text, thrown) => {
    const { trace } = started();
    trace.threw(thrown);
    expect(trace.result()?.error).toBe(`The job threw a value that is no error: ${text}`);
  });

  it.each([
    ['itself', (text: string) => text],
    ['base64', (text: string) => Buffer.from(`Bearer ${text}`).toString('base64')],
  ])('removes the tokens of the job from the error and from the lines: %s', (_form, encode) => {
    const { trace, log } = started();
    const quoted = encode(token.reveal());
    log.log('info', 'request.sent', { authorization: quoted, [`x-${quoted}`]: true });
    trace.threw(new Error(`refused ${quoted}`, { cause: new Error(quoted) }));
    const text = JSON.stringify(trace.result());
    expect(text.match(/\[secret\]/g)?.length).toBeGreaterThanOrEqual(4);
    expect(text).not.toContain(quoted);
    expect(text).not.toContain(quoted.slice(4, -8));
  });

  it('removes texts that look like secrets, even if the job did not get them from the broker', () => {
    const { trace, log } = started();
    log.log('info', 'sent', { body: 'client_secret=abc.defghijklmnop&x=1' });
    trace.threw(new Error('Bearer abcdefghijklmnopqrstuvwxyz'));
    expect(JSON.stringify(trace.result())).not.toMatch(/defghijklmnop/);
  });

  it.each([
    { client_secret: 2 },
    { assertion: true },
    { text: 'curl -d "client_secret=abcdefgh" https://login' },
    { text: 'x client_secret="abcdefgh", y' },
    { ratio: Number.NaN, share: Number.POSITIVE_INFINITY },
    { event: 4, level: 'x' },
  ])('keeps a line with the fields %j, whatever they contain', (fields) => {
    const { trace, log } = started();
    log.log('info', 'odd', fields);
    const kept = trace.result();
    expect(kept?.log).toHaveLength(1);
    expect(Object.keys(kept?.log[0]?.fields ?? {})).toEqual(Object.keys(fields));
    expect(JSON.stringify(kept)).not.toContain('abcdefgh');
    expect(readTrace({ ...traceProperties(kept) })).toEqual(kept);
  });

  it('removes a token before it cuts a text, wherever the token is', () => {
    for (const before of [3_970, 3_990, 7_970]) {
      const { trace, log } = started();
      log.log('info', 'sent', { body: 'x'.repeat(before) + token.reveal() });
      trace.threw(new Error('x'.repeat(before) + token.reveal()));
      expect(JSON.stringify(trace.result())).not.toContain(token.reveal().slice(0, 8));
    }
  });

  it('keeps a long line without its fields, and never loses the lines before it', () => {
    const { trace, log } = started();
    log.log('info', 'small');
    log.log('info', 'long', Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, '"'.repeat(4_000)])));
    expect(trace.result()?.log).toMatchObject([{ event: 'small' }, { event: 'long', fields: { shortened: true } }]);
  });

  it('keeps the last lines that fit, and counts the others', () => {
    const { trace, log } = started();
    for (let line = 0; line < 1_000; line += 1) log.log('info', 'line', { line, text: 'x'.repeat(100) });
    const { log: lines, droppedLines } = trace.result() ?? { log: [], droppedLines: 0 };
    expect(lines.length).toBeGreaterThan(50);
    expect(lines.length + droppedLines).toBe(1_000);
    expect(lines.at(-1)?.fields['line']).toBe(999);
    expect(JSON.stringify(lines).length).toBeLessThan(21_000);
    trace.threw(new Error('y'.repeat(50_000)));
    expect(trace.result()?.error).toHaveLength(8_000);
  });
});

describe('the stored trace', () => {
  it('is read as it was written', () => {
    const { trace, log } = started();
    log.log('error', 'broken', { page: 1, last: false, text: 'x' });
    trace.threw(new Error('broken'));
    const written = trace.result();
    expect(readTrace({ name: 'Contoso', ...traceProperties(written) })).toEqual(written);
    expect(traceProperties(undefined)).toEqual({});
    expect(readTrace({ name: 'Contoso' })).toBeUndefined();
  });

  it.each(['', 'x', '{}', '[{"event":1}]'])('has no lines if somebody changed them: %j', (log) => {
    expect(readTrace({ error: 'Error: x', log, droppedLines: 0 })).toEqual({
      error: 'Error: x',
      log: [],
      droppedLines: 0,
    });
  });
});
