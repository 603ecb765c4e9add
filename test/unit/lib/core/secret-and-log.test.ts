import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { createLogger, errorFields, scrub, scrubReply, silentLogger } from '../../../../src/lib/core/log.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { seededRandom } from '../../../fakes/fake-clock.ts';

const canary = 'canary-7f3a';

describe('Secret', () => {
  const secret = new Secret(canary);
  test.each([
    ['String()', () => String(secret)],
    ['a template', () => `${secret}`],
    ['toString()', () => secret.toString()],
    ['concatenation', () => `x${secret as unknown as string}`],
    ['JSON', () => JSON.stringify({ secret })],
    ['inspect', () => inspect({ nested: { secret } }, { depth: 9, showHidden: true })],
    ['keys and values', () => JSON.stringify([Object.entries(secret), Object.getOwnPropertyNames(secret)])],
    ['a clone', () => inspect({ ...secret })],
    ['the cause of an error', () => inspect(new Error('x', { cause: secret }))],
  ])('does not reveal its value in %s', (_, show) => {
    expect(show()).not.toContain(canary);
  });

  test('has a fingerprint, equals a secret with the same value, and cannot be empty', () => {
    expect(secret.fingerprint()).toMatch(/^[0-9a-f]{64}$/);
    expect(secret.equals(new Secret(canary))).toBe(true);
    expect(() => new Secret('')).toThrow(TypeError);
  });
});

describe('a log line', () => {
  const lineOf = (write: (log: ReturnType<typeof createLogger>) => void): string => {
    const lines: string[] = [];
    write(createLogger((_, line) => lines.push(line)));
    return lines.join('\n');
  };

  test('is one JSON object with the fields of its logger', () => {
    const line = lineOf((log) =>
      log.child({ caller: 'a' }).log('info', 'token.issued', { count: 1, missing: undefined }),
    );
    expect(JSON.parse(line)).toEqual({ event: 'token.issued', level: 'info', caller: 'a', count: 1 });
  });

  test.each(['debug', 'info', 'warn', 'error'] as const)('starts with its event and its level %s', (level) => {
    const line = lineOf((log) => log.child({ caller: 'a' }).log(level, 'token.issued', { count: 1 }));
    expect(line).toBe(`{"event":"token.issued","level":"${level}","caller":"a","count":1}`);
  });

  test.each([
    ['a JWT', 'got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0abc.c2ln end'],
    ['a refresh token', `got 0.${'A'.repeat(60)}.xyz end`],
    ['a form field', 'body grant_type=refresh_token&refresh_token=abc123secret&x=1'],
    ['a JSON field', '{"client_secret": "abc123secret"}'],
    ['a client secret of Entra', 'got abc8Q~abc123secret~abc123secret.abc12345 end'],
    ['a header', 'Authorization: Bearer abc123secretabc123secret'],
  ])('has [secret] in place of %s in foreign text', (_, text) => {
    const line = lineOf((log) => log.log('info', 'x', { text }));
    expect(line).toContain('[secret]');
    expect(line).not.toMatch(/abc123secret|eyJhbGci|AAAAAAAA/);
  });

  test('of an error has its code, its log fields and its causes, scrubbed', () => {
    const error = new BrokerError('entra_unavailable', 'Entra stumbled.', {
      cause: new Error('outer', { cause: new Error('client_secret=abc123secret') }),
      logFields: { aadsts: 50000 },
    });
    const line = lineOf((log) => log.log('error', 'x', errorFields(error)));
    expect(JSON.parse(line)).toMatchObject({
      code: 'entra_unavailable',
      aadsts: 50000,
      cause: 'Error: outer <- Error: client_secret=[secret]',
    });
  });

  test('has [secret] in place of a Secret, and keeps numbers and booleans', () => {
    const line = lineOf((log) => log.log('info', 'x', { token: new Secret(canary), count: 3, fresh: false }));
    expect(JSON.parse(line)).toEqual({ event: 'x', level: 'info', token: '[secret]', count: 3, fresh: false });
  });

  test('of a thrown value that is not an error has only its type', () => {
    expect(errorFields(canary)).toEqual({ code: 'internal', cause: 'string' });
    expect(errorFields(new Error('outer', { cause: canary }))).toEqual({
      code: 'internal',
      cause: 'Error: outer <- string',
    });
    expect(errorFields(undefined)).toEqual({ code: 'internal' });
  });

  test('has at most five causes, because an error may be its own cause', () => {
    const circular = new Error('again');
    circular.cause = circular;
    expect(errorFields(circular)).toEqual({ code: 'internal', cause: Array(5).fill('Error: again').join(' <- ') });
  });

  test('is not written by the silent logger', () => {
    expect(silentLogger.child({ a: 1 }).log('error', 'x')).toBeUndefined();
  });

  test('keeps ordinary words', () => {
    const text = 'HTTP status code: 429, exit code 3, AADSTS65001';
    expect(scrub(text)).toBe(text);
  });

  test('cuts a long text, and all texts once the line is long, after they were scrubbed', () => {
    const long = `${'x'.repeat(3_990)} client_secret=${'s'.repeat(50)} ${'y'.repeat(100_000)}`;
    const line = lineOf((log) =>
      log.log('info', 'x', { ...Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`f${n}`, long])), last: 7 }),
    );
    expect(line.length).toBeLessThan(17_000);
    expect(line).not.toContain('sss');
    const fields = JSON.parse(line) as Record<string, unknown>;
    expect(fields['f0']).toBe(`${'x'.repeat(3_990)} client_se…`);
    expect(fields['last']).toBe(7);
  });

  test('of an error is scrubbed before its causes are cut', () => {
    const fields = errorFields(new Error(`${'x'.repeat(1_960)} 0.A${'B'.repeat(60)}`));
    expect(String(fields['cause'])).not.toContain('BBB');
  });
});

describe('scrub', () => {
  const jwt = `eyJ${'a'.repeat(8)}.${'b'.repeat(8)}`;

  test.each([
    ['a client secret', `abc8Q~${'d'.repeat(31)}`, '[secret]'],
    ['a header', `the Bearer ${'a'.repeat(16)} of it`, 'the Bearer [secret] of it'],
    ['a JWT', `a eyJ${'a'.repeat(8)}.${'b'.repeat(8)}.c d`, 'a [secret] d'],
    ['a JWT after other characters', `%22eyJ${'a'.repeat(8)}.${'b'.repeat(8)}`, '%22[secret]'],
    ['a JWE of five parts', `eyJ${'a'.repeat(8)}.${'b'.repeat(8)}.c.d.e.rest`, '[secret].rest'],
    [
      'two JWTs in one run',
      `x.eyJ${'a'.repeat(8)}.${'b'.repeat(8)}.c.d.e.eyJ${'a'.repeat(8)}.${'b'.repeat(8)}`,
      'x.[secret].[secret]',
    ],
    [
      'a field behind two JWTs in one run',
      `${jwt}.c.${jwt}.client_secret=${'d'.repeat(20)}`,
      '[secret].client_secret=[secret]',
    ],
    ['a JWE behind two JWTs', `${jwt}.c.${jwt}.c.${jwt}.c.d.e`, '[secret].c.[secret]'],
    ['no JWT', `eyJ${'a'.repeat(7)}.${'b'.repeat(20)} eyJ${'a'.repeat(20)}.${'b'.repeat(7)}`, undefined],
  ])('finds %s', (_, text, scrubbed = text) => {
    expect(scrub(text)).toBe(scrubbed);
  });

  test('removes tokens as a reader does who splits at the dots', () => {
    const random = seededRandom(7);
    const below = (count: number): number => Math.floor(random() * count);
    const part = (): string => (random() < 0.5 ? 'eyJ' : '') + 'a'.repeat(below(12));
    for (let count = 0; count < 20_000; count += 1) {
      const parts = Array.from({ length: 1 + below(16) }, part);
      const kept: string[] = [];
      for (let at = 0; at < parts.length; at += 1) {
        const isToken = /^eyJ.{8}/.test(parts[at] ?? '') && (parts[at + 1] ?? '').length >= 8;
        kept.push(isToken ? '[secret]' : (parts[at] ?? ''));
        if (isToken) at += 4;
      }
      expect(scrub(parts.join('.'))).toBe(kept.join('.'));
    }
  });

  // Quadratic time would be minutes for each of these.
  test.each([
    'eyJ',
    'eyJaaaaaaaa.',
    'eyJaaaaaaaa.b.',
    '0.A',
    '0.AAAA.',
    'assertion',
    'assertion=',
    'assertion: ',
    '?code=',
    '"code":',
    'Bearer ',
    ' ',
    '\n',
    '.',
    '-',
    '_',
  ])('takes linear time for 1 MB of %j', (unit) => {
    const startMs = performance.now();
    scrub(`Bearer assertion "code": ${unit.repeat(1_000_000 / unit.length)}`);
    expect(performance.now() - startMs).toBeLessThan(10_000);
  });
});

describe('scrubReply', () => {
  test('leaves no long part of a token that was damaged on its way', () => {
    const signature = 'c2lnbmF0dXJl'.repeat(20);
    const damaged = `eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL2dyYX<BoIn0.${signature}`;
    expect(scrubReply(`Bearer ${damaged}`, 300)).not.toContain('c2lnbmF0dXJl');
  });

  test('keeps the id of a delegated relationship, and cuts after scrubbing', () => {
    const id = '7c4f7d9a-5a3e-4a44-9a53-0f6a2f1f9b11-0d6a3a2e-3f61-4c0e-8b0d-8a1f4a7f5c22';
    expect(scrubReply(`The relationship ${id} has ended.`, 300)).toBe(`The relationship ${id} has ended.`);
    expect(scrubReply('word '.repeat(100), 12)).toBe('word word wo');
  });
});
