import { describe, expect, it } from 'vitest';
import {
  cmdletRefusal,
  graphPaths,
  namesSegment,
  opensMethod,
  opensPath,
  otherPaths,
  requestLimitOf,
} from '../../../../../src/lib/access/policy/policy.ts';
import type { PathSegment } from '../../../../../src/lib/judge/verdict.ts';

const segmentsOf = (path: string, isKey = (_text: string): boolean => true): readonly PathSegment[] =>
  path
    .slice(1)
    .split('/')
    .map((text) => ({ text, isKey: isKey(text) }));

const opens = (pattern: string, path: string, comparison = graphPaths): boolean =>
  opensPath(requestLimitOf({ paths: pattern.split(' ') }), segmentsOf(path), comparison);

describe('a pattern of paths', () => {
  it.each([
    ['/v1.0/users', '/v1.0/users', true],
    ['/v1.0/users', '/v1.0/users/a', false],
    ['/v1.0/users', '/v1.0', false],
    ['/v1.0/users/*', '/v1.0/users/a', true],
    ['/v1.0/users/*', '/v1.0/users', false],
    ['/v1.0/users/*', '/v1.0/users/a/b', false],
    ['/v1.0/users/*/manager', '/v1.0/users/a/manager', true],
    ['/v1.0/users/**', '/v1.0/users', true],
    ['/v1.0/users/**', '/v1.0/users/a/b/c', true],
    ['/v1.0/users/**', '/v1.0/usersx', false],
    ['/**', '/v1.0/anything', true],
    ['/*', '/v1.0/anything', false],
    ['/v1.0/Users', '/V1.0/uSERS', true],
  ])('%s on %s: %s', (pattern, path, expected) => {
    expect(opens(pattern, path)).toBe(expected);
  });

  it.each([
    ['/v1.0/me /v1.0/*/messages', '/v1.0/me/messages', false],
    ['/v1.0/me /v1.0/*/messages', '/v1.0/me', true],
    ['/v1.0/*/messages', '/v1.0/users/messages', true],
    ['/v1.0/*/messages /v1.0/ME/**', '/v1.0/Me/messages', true],
    ['/beta/users /**', '/beta/groups', false],
    ['/beta/users /**', '/BETA/users', true],
    ['/beta/users /**', '/v1.0/groups', true],
    ['/beta/* /v1.0/me', '/beta/me', false],
    ['/*/me', '/beta/me', false],
    ['/*/me', '/v1.0/me', true],
    ['/v1.0/users/*', '/v1.0/users/me', true],
  ])('%s on %s: %s, because /beta and /me must be named by the pattern that matches', (patterns, path, expected) => {
    expect(opens(patterns, path)).toBe(expected);
  });

  it('has * for a key, and names everything else', () => {
    const opensKeys = (pattern: string): boolean =>
      opensPath(
        requestLimitOf({ paths: [pattern] }),
        segmentsOf('/users/0a1b/delta', /\d/.test.bind(/\d/)),
        graphPaths,
      );
    expect(['/users/*/delta', '/users/*/*', '/*/*/delta', '/users/**'].map(opensKeys)).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  it('minds case where the resource may', () => {
    expect(opens('/api/Users', '/api/users', otherPaths)).toBe(false);
    expect(opens('/api/Users', '/api/Users', otherPaths)).toBe(true);
  });

  it('may match every name of another resource', () => {
    expect(opens('/**', '/beta/me', otherPaths)).toBe(true);
  });

  it('that is absent opens every path, and one of several suffices', () => {
    expect(opensPath(requestLimitOf({}), segmentsOf('/x'), otherPaths)).toBe(true);
    expect(opensPath(requestLimitOf({ paths: ['/a', '/b'] }), segmentsOf('/b'), otherPaths)).toBe(true);
  });

  it('names a segment only if it is written in it', () => {
    const limit = requestLimitOf({ paths: ['/*/users', '/beta/*', '/v1.0/ME/**'] });
    expect([namesSegment(limit, 0, 'beta'), namesSegment(limit, 1, 'me'), namesSegment(limit, 1, 'groups')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(namesSegment(requestLimitOf({ paths: ['/**', '/*/*'] }), 0, 'beta')).toBe(false);
    expect(namesSegment(undefined, 0, 'beta')).toBe(false);
  });
});

it('methods limit only if they are listed', () => {
  expect(opensMethod(requestLimitOf({}), 'DELETE')).toBe(true);
  expect(opensMethod(requestLimitOf({ methods: ['GET'] }), 'DELETE')).toBe(false);
});

describe('a cmdlet', () => {
  const limit = requestLimitOf({ cmdlets: { 'Get-Mailbox': ['Identity'], 'Get-User': ['*'], 'Get-Group': [] } });

  it.each([
    ['get-mailbox', ['IDENTITY'], undefined],
    ['Get-Mailbox', [], undefined],
    ['Get-Mailbox', ['Identity', 'Filter'], /parameters Filter of Get-Mailbox/],
    ['Get-User', ['Anything'], undefined],
    ['Get-Group', [], undefined],
    ['Get-Group', ['Identity'], /parameters Identity/],
    ['Remove-Mailbox', [], /does not list the cmdlet Remove-Mailbox/],
  ])('%s with %j', (cmdlet, parameters, expected) => {
    const refusal = cmdletRefusal(limit, cmdlet, parameters);
    if (expected === undefined) expect(refusal).toBeUndefined();
    else expect(refusal).toMatch(expected);
  });

  it('is refused by a rule without cmdlets', () => {
    expect(cmdletRefusal(requestLimitOf({ paths: ['/**'] }), 'Get-Mailbox', [])).toMatch(/does not list/);
  });
});
