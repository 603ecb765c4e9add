import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { LeakScan } from '../../support/leak-scan.ts';

const value = 'S3cr~t+va/lue"9';
const encodings: [string, Buffer | string][] = [
  ['raw', `x${value}y`],
  ['JSON', JSON.stringify({ nested: JSON.stringify({ value }) })],
  ['a form', new URLSearchParams({ value }).toString()],
  ['a URL', `https://x/?q=${encodeURIComponent(value)}`],
  ['base64', Buffer.from(value).toString('base64')],
  ['base64 of a longer text', Buffer.from(`ab${value}cd`).toString('base64')],
  ['base64url of a longer text', Buffer.from(`a${value}cd`).toString('base64url')],
  ['hexadecimal', Buffer.from(value).toString('hex')],
  ['UTF-16', Buffer.from(value, 'utf16le')],
  ['gzip among other bytes', Buffer.concat([Buffer.from('head'), gzipSync(JSON.stringify({ value }))])],
];

describe('LeakScan', () => {
  test.each(encodings)('finds a secret in %s', (_, content) => {
    const scan = new LeakScan([{ name: 'canary', value }]);
    scan.scan({ where: 'here', content });
    expect(scan.leaks).not.toEqual([]);
  });

  test('finds tokens that are not on its list, and reports nothing for clean content', () => {
    const token = `eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.${Buffer.from('{"aud":"https://graph.microsoft.com"}').toString('base64url')}.sig`;
    const scan = new LeakScan([{ name: 'canary', value }]);
    scan.scan({ where: 'clean', content: 'nothing to see, eyJ included' });
    expect(scan.leaks).toEqual([]);
    scan.scan({ where: 'log', content: `authorization: Bearer ${token}` });
    expect(scan.leaks).toEqual([{ where: 'log', what: 'something that looks like a token' }]);
  });

  test('passes a checkpoint of the audit log, and finds a token beside it', () => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const payload = part({ number: 1, hash: 'a'.repeat(64) });
    const checkpoint = `${part({ alg: 'ES256', kid: 'key', typ: 'ptb-audit-checkpoint+jws' })}.${payload}.sig`;
    const scan = new LeakScan([]);
    scan.scan({ where: 'blob', content: `${checkpoint}\n${checkpoint}` });
    expect(scan.leaks).toEqual([]);
    scan.scan({ where: 'blob', content: `${checkpoint}\n${part({ alg: 'ES256', typ: 'JWT' })}.${payload}.sig` });
    expect(scan.leaks).toHaveLength(1);
  });

  const token = `eyJ0eXAiOiJKV1QifQ.${Buffer.from(JSON.stringify({ aud: 'x', claims: '0123456789'.repeat(60) })).toString('base64url')}.${'s'.repeat(342)}`;

  test.each([
    ['its first hundred characters after the header', token.slice(19, 119)],
    ['its last hundred characters', token.slice(-100)],
    ['a beginning in base64', Buffer.from(`a${token.slice(0, 200)}`).toString('base64')],
  ])('finds a part of a token: %s', (_, content) => {
    const scan = new LeakScan([{ name: 'canary', value: token }]);
    scan.scan({ where: 'here', content: `before ${content} after` });
    expect(scan.leaks).not.toEqual([]);
  });

  test('finds half of a client secret', () => {
    const secret = 'q2W8Q~9fJx.Zt7bV_kLmNp3rS5uYwX1aBcDeFgHi';
    const scan = new LeakScan([{ name: 'canary', value: secret }]);
    scan.scan({ where: 'here', content: `${secret.slice(0, 25)}…` });
    expect(scan.leaks).not.toEqual([]);
  });
});
