import { describe, expect, it } from 'vitest';
import { judgeSearchedTypes, searchedTypes } from '../../../../../src/lib/judge/rules/judge-query.ts';
import type { Grant } from '../../../../../src/lib/judge/verdict.ts';

const grant = (permissions: readonly string[], more: Partial<Grant> = {}): Grant => ({
  scheme: 'delegated',
  permissions: new Set(permissions),
  signedIn: undefined,
  beta: false,
  me: true,
  host: 'graph.microsoft.com',
  ...more,
});

describe('searchedTypes', () => {
  it.each([
    [[{ entityTypes: ['message'] }], ['message']],
    [
      [{ entityTypes: ['site', 'list'] }, { entityTypes: ['list'] }],
      ['site', 'list'],
    ],
  ])('reads %j', (requests, types) => {
    expect(searchedTypes({ requests })).toEqual(types);
  });

  it.each([
    ['no body', undefined],
    ['no requests', {}],
    ['requests that are no list', { requests: { entityTypes: ['site'] } }],
    ['an empty list of requests', { requests: [] }],
    ['a request that is null', { requests: [null] }],
    ['a request without types', { requests: [{}] }],
    ['an empty list of types', { requests: [{ entityTypes: [] }] }],
    ['types that are no list', { requests: [{ entityTypes: 'site' }] }],
    ['a type that is no text', { requests: [{ entityTypes: ['site', 7] }] }],
    ['one request of two without types', { requests: [{ entityTypes: ['site'] }, {}] }],
  ])('refuses %s, because Graph would then search everything', (_, body) => {
    expect(() => searchedTypes(body)).toThrow('does not name its entityTypes');
  });
});

describe('judgeSearchedTypes', () => {
  it.each([
    ['message', 'Mail.Read'],
    ['message', 'Mail.ReadWrite'],
    ['event', 'Calendars.Read'],
    ['event', 'Calendars.ReadWrite'],
    ['driveItem', 'Files.Read.All'],
    ['driveItem', 'Sites.Read.All'],
    ['drive', 'Files.ReadWrite.All'],
    ['drive', 'Sites.ReadWrite.All'],
    ['list', 'Sites.Read.All'],
    ['listItem', 'Sites.ReadWrite.All'],
    ['site', 'Sites.Read.All'],
    ['externalItem', 'ExternalItem.Read.All'],
    ['acronym', 'Acronym.Read.All'],
    ['bookmark', 'Bookmark.Read.All'],
    ['qna', 'QnA.Read.All'],
  ])('searches %s with %s', (type, permission) => {
    expect(judgeSearchedTypes([type], grant(['User.Read.All', permission]))).toEqual([permission]);
    expect(() => judgeSearchedTypes([type], grant(['User.Read.All']))).toThrow(`The search asks for ${type}; add `);
  });

  it('needs a permission for every type, and names all that would do', () => {
    const needed = () => judgeSearchedTypes(['site', 'message'], grant(['Sites.Read.All']));
    expect(needed).toThrow('The search asks for message; add Mail.Read or Mail.ReadWrite to the rule');
  });

  it.each(['person', 'constructor', ''])('does not know the type "%s"', (type) => {
    expect(() => judgeSearchedTypes([type], grant(['Sites.Read.All']))).toThrow(
      'a type that the gateway does not know',
    );
  });

  it.each(['message', 'event'])('searches %s of the signed-in account only if the rule allows /me', (type) => {
    const held = ['Mail.Read', 'Calendars.Read'];
    expect(() => judgeSearchedTypes([type], grant(held, { me: false }))).toThrow('add a path of /me');
    expect(judgeSearchedTypes([type], grant(held, { me: false, scheme: 'application' }))).toHaveLength(1);
    expect(judgeSearchedTypes(['site'], grant(['Sites.Read.All'], { me: false }))).toEqual(['Sites.Read.All']);
  });
});
