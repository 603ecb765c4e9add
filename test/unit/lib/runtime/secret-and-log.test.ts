import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { BrokerError } from '../../../../src/lib/model/errors.ts';
import { createLogger, errorFields, scrub, silentLogger } from '../../../../src/lib/runtime/log.ts';
import { Secret } from '../../../../src/lib/model/secret.ts';

const canary = 'canary-7f3a';

describe('a secret', () => {
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
    ['an error with it as cause', () => inspect(new Error('x', { cause: secret }))],
  ])('does not show itself in %s', (_, show) => {
    expect(show()).not.toContain(canary);
  });

  test('tells itself apart by fingerprint, and cannot be empty', () => {
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

  test('is one JSON object with the facts of its logger', () => {
    const line = lineOf((log) =>
      log.child({ caller: 'a' }).log('info', 'token.issued', { count: 1, missing: undefined }),
    );
    expect(JSON.parse(line)).toEqual({ event: 'token.issued', caller: 'a', count: 1 });
  });

  test.each([
    ['a JWT', 'got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0abc.c2ln end'],
    ['a refresh token', `got 0.${'A'.repeat(60)}.xyz end`],
    ['a form field', 'body grant_type=refresh_token&refresh_token=abc123secret&x=1'],
    ['a JSON field', '{"client_secret": "abc123secret"}'],
    ['a header', 'Authorization: Bearer abc123secretabc123secret'],
  ])('loses %s that came in with foreign text', (_, text) => {
    const line = lineOf((log) => log.log('info', 'x', { text }));
    expect(line).toContain('[secret]');
    expect(line).not.toMatch(/abc123secret|eyJhbGci|AAAAAAAA/);
  });

  test('of an error has its code, its facts and its causes, scrubbed', () => {
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

  test('shows a secret among its facts as one, and leaves numbers and truth values as they are', () => {
    const line = lineOf((log) => log.log('info', 'x', { token: new Secret(canary), count: 3, fresh: false }));
    expect(JSON.parse(line)).toEqual({ event: 'x', token: '[secret]', count: 3, fresh: false });
  });

  test('of a thrown value that is no error has its type and nothing of it', () => {
    expect(errorFields(canary)).toEqual({ code: 'internal', cause: 'string' });
    expect(errorFields(new Error('outer', { cause: canary }))).toEqual({
      code: 'internal',
      cause: 'Error: outer <- string',
    });
    expect(errorFields(undefined)).toEqual({ code: 'internal' });
  });

  test('goes five causes deep, for one that is its own cause never ends', () => {
    const circular = new Error('again');
    circular.cause = circular;
    expect(errorFields(circular)).toEqual({ code: 'internal', cause: Array(5).fill('Error: again').join(' <- ') });
  });

  test('of the silent logger is none', () => {
    expect(silentLogger.child({ a: 1 }).log('error', 'x')).toBeUndefined();
  });

  test('leaves ordinary words alone', () => {
    const text = 'HTTP status code: 429, exit code 3, AADSTS65001';
    expect(scrub(text)).toBe(text);
  });
});
