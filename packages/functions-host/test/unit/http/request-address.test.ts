import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { addressOf } from '../../../src/http/request-address.ts';

// The addresses are those that Microsoft's host 4.1037 (Kestrel of .NET 10) makes of the same requests.

const request = (target: string, ...hosts: readonly string[]): IncomingMessage =>
  ({
    url: target,
    headers: { host: hosts[0] },
    rawHeaders: hosts.flatMap((host) => ['Host', host]),
  }) as unknown as IncomingMessage;

/** The decoded path, and what the app gets after the host. */
function read(target: string): readonly string[] | undefined {
  const address = addressOf(request(target, 'h:1'));
  return address && [address.path, address.href.replace('http://h:1', '')];
}

describe('a path', () => {
  it.each([
    ['/a/%252e%252e/b', '/a/%2e%2e/b', '/a/%2e%2e/b'],
    ['/users/%2541lice', '/users/%41lice', '/users/%41lice'],
    ['/a%2523b', '/a%23b', '/a%23b'],
    ['/%2525', '/%25', '/%25'],
    ['/a%2500', '/a%00', '/a%00'],
    ['/%24batch', '/$batch', '/$batch'],
    ['/%41%20%C3%BC', '/A ü', '/A%20%C3%BC'],
    ['/%F0%9F%98%80', '/😀', '/%F0%9F%98%80'],
  ])('%s is decoded once, and the app gets what is left to decode again', (target, path, href) => {
    expect(read(target)).toEqual([path, href]);
  });

  it.each([
    ['/a%2fb', '/a%2fb', '/a%2fb'],
    ['/a%252Fb', '/a%2Fb', '/a%2Fb'],
    ['/%zz', '/%zz', '/%25zz'],
    ['/a%', '/a%', '/a%25'],
    ['/%ff', '/%ff', '/%ff'],
    ['/%c3A', '/%c3A', '/%c3A'],
    ['/%c0%ae%c0%ae', '/%c0%ae%c0%ae', '/%c0%ae%c0%ae'],
    ['/%E0%A4%A', '/%E0%A4%A', '/%E0%A4%25A'],
    ['/%ED%A0%80', '/%ED%A0%80', '/%ED%A0%80'],
  ])('%s keeps an encoded slash and what is not UTF-8', (target, path, href) => {
    expect(read(target)).toEqual([path, href]);
  });

  it.each([
    [String.raw`/a\b`, String.raw`/a\b`, '/a%5Cb'],
    ['/a%5cb', String.raw`/a\b`, '/a%5Cb'],
    ['/a;b[c]|{d}"<>^`', '/a;b[c]|{d}"<>^`', '/a;b%5Bc%5D%7C%7Bd%7D%22%3C%3E%5E%60'],
    ['/a+b', '/a+b', '/a+b'],
    ['/a%3Fb', '/a?b', '/a%3Fb'],
    ['/#x?y=#z', '/#x', '/%23x?y=%23z'],
    ["/!$&'()*,-._~:@=", "/!$&'()*,-._~:@=", "/!$&'()*,-._~:@="],
  ])('%s keeps backslashes and other characters', (target, path, href) => {
    expect(read(target)).toEqual([path, href]);
  });

  it.each([
    ['/a/../b', '/b'],
    ['/a/%2e%2E/b', '/b'],
    ['/a/./b', '/a/b'],
    ['/a/.', '/a/'],
    ['/a/..', '/'],
    ['/../..', '/'],
    ['/a//../b', '/a/b'],
    ['/a/.../.b', '/a/.../.b'],
    ['/a/..%2fb', '/a/..%2fb'],
    ['//x', '//x'],
  ])('%s is without dot segments', (target, path) => {
    expect(read(target)).toEqual([path, path]);
  });

  it.each(['/%00', '/a%00b', '/ü', '*', 'x', ''])('%s is refused', (target) => {
    expect(read(target)).toBeUndefined();
  });
});

it('the query stays as it is written', () => {
  const address = addressOf(request('/a%20b?x=%41&y=a+b&z=%zz', 'h:1'));
  expect(address?.href).toBe('http://h:1/a%20b?x=%41&y=a+b&z=%zz');
  expect([...(address?.searchParams ?? [])]).toEqual([
    ['x', 'A'],
    ['y', 'a b'],
    ['z', '%zz'],
  ]);
});

it('a server behind the host decodes the forwarded path to the same one', () => {
  const forwarded = (target: string): string | undefined => addressOf(request(target, 'h:1'))?.forwarded;
  expect(forwarded('/users/%2541lice%20a?b=%41')).toBe('/users/%2541lice%20a?b=%41');
  expect(forwarded('/%zz/%2e%2e/a')).toBe('/a');
});

describe('an absolute target', () => {
  it.each([
    ['http://h:1/a%2Fb', '/a/b'],
    [String.raw`http://h:1/a/%2e%2e/b\%252e?q=%41`, '/b/%2e'],
    ['http://h:1', '/'],
    ['http://h:1/%ff%C3%BC', '/%ffü'],
  ])('%s is decoded with its slashes', (target, path) => {
    expect(addressOf(request(target, 'h:1'))?.path).toBe(path);
  });

  it.each([
    ['http://h/x', 'h'],
    ['http://h/x', 'h:80'],
    ['http://h:80/x', 'h'],
    ['https://h/x', 'h:443'],
  ])('%s goes with the host %s', (target, host) => {
    expect(addressOf(request(target, host))?.href).toBe(`http://${host}/x`);
  });

  it.each([
    ['http://other/x', 'h:1'],
    ['http://h/x', 'h:1'],
    ['http://H:1/x', 'H:1'],
    ['ftp://h:1/x', 'h:1'],
    ['http:/x', 'h:1'],
    ['http://', 'h:1'],
  ])('%s does not go with the host %s', (target, host) => {
    expect(addressOf(request(target, host))).toBeUndefined();
  });
});

it('a request has one host at most', () => {
  expect(addressOf(request('/', 'h', 'h'))).toBeUndefined();
  expect(addressOf(request('/'))?.href).toBe('http://localhost/');
});
