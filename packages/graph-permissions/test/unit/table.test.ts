import { describe, expect, it } from 'vitest';
import { tableEntries } from '../../src/table.ts';

describe('tableEntries', () => {
  it('reads methods, path, and delegated and application permissions', () => {
    expect(tableEntries('PATCH,DELETE /users/{id}: A.Write.All+B.Read.All+C.Read.All | D.Write.All')).toEqual(
      ['PATCH', 'DELETE']
        .map((method) => ({
          segments: ['users', '{}'],
          method,
          scheme: 'delegated',
          permission: 'A.Write.All',
          alsoOneOf: ['B.Read.All', 'C.Read.All'],
          least: false,
        }))
        .concat(
          ['PATCH', 'DELETE'].map((method) => ({
            segments: ['users', '{}'],
            method,
            scheme: 'application',
            permission: 'D.Write.All',
            alsoOneOf: [],
            least: false,
          })),
        ),
    );
  });

  it.each([
    [
      'without a bar, the same for both',
      'GET /a: A.Read.All  B.Read.All',
      ['A.Read.All', 'B.Read.All'],
      ['A.Read.All', 'B.Read.All'],
    ],
    ['nothing after the bar', 'GET /a: A.Read.All |', ['A.Read.All'], []],
    ['more after the bar', 'GET /a: A.Read.All | B.Read.All C.Read.All', ['A.Read.All'], ['B.Read.All', 'C.Read.All']],
  ])('reads %s', (_what, line, delegated, application) => {
    const entries = tableEntries(line);
    const names = (of: string): string[] =>
      entries.filter(({ scheme }) => scheme === of).map(({ permission }) => permission);
    expect([names('delegated'), names('application')]).toEqual([delegated, application]);
  });

  it('reads which permission is the least privileged', () => {
    const entries = tableEntries('GET /a: A.Read.All B.Read.All+C.Read.All* | D.Read.All*');
    expect(entries.map(({ permission, alsoOneOf, least }) => [permission, alsoOneOf, least])).toEqual([
      ['A.Read.All', [], false],
      ['B.Read.All', ['C.Read.All'], true],
      ['D.Read.All', [], true],
    ]);
  });

  it('leaves out blank lines and comments, and blanks around a line', () => {
    expect(tableEntries('\n# GET /no: A.Read.All\n   GET /a: A.Read.All |  \n\n  # more')).toHaveLength(1);
    expect(tableEntries('')).toEqual([]);
  });

  it.each([
    'users: User.Read.All',
    'GETS /users: User.Read.All',
    'GET,GETS /users: User.Read.All',
    'GET, /users: User.Read.All',
    'get /users: User.Read.All',
    'GET users: User.Read.All',
    'GET /a:/b: User.Read.All',
    'GET /a b: User.Read.All',
    'GET /users',
    'GET /users: ',
    'x GET /users: User.Read.All',
  ])('refuses the line "%s"', (line) => {
    expect(() => tableEntries(line)).toThrow(`The line "${line.trim()}" of a permission table is broken.`);
  });
});
