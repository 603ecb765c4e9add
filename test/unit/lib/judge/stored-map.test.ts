import { describe, expect, it } from 'vitest';
import { partnerMap } from 'graph-permissions/partner-table';
import {
  loadPermissionMap,
  maximumStoredLength,
  readStoredMap,
  writeStoredMap,
} from '../../../../src/lib/judge/stored-map.ts';

const origin = {
  source: 'https://raw.example/permissions.json',
  retrievedAt: '2026-11-25T00:00:00.000Z',
  sha256: 'a'.repeat(64),
};
const text = writeStoredMap({ origin, map: partnerMap() });
const [first = '', second = ''] = text.split('\n');
const withOrigin = (change: Record<string, unknown>): string =>
  `${JSON.stringify({ ...(JSON.parse(first) as object), ...change })}\n${second}`;

describe('a stored permission map', () => {
  it('has its origin in the first line and the map in the second', () => {
    expect(readStoredMap(text)).toEqual({ origin, map: partnerMap() });
    expect(text.split('\n')).toHaveLength(2);
  });

  it.each([
    ['nothing', ''],
    ['one line', first],
    ['a first line that is no JSON', `x\n${second}`],
    ['no source', withOrigin({ source: '' })],
    ['another time', withOrigin({ retrievedAt: 'yesterday' })],
    ['a short digest', withOrigin({ sha256: 'a'.repeat(63) })],
    ['a long digest', withOrigin({ sha256: 'a'.repeat(65) })],
    ['a digest in capitals', withOrigin({ sha256: 'A'.repeat(64) })],
    ['no digest of the map', withOrigin({ mapSha256: undefined })],
    ['too much text', withOrigin({ source: 'x'.repeat(maximumStoredLength) })],
  ])('with %s has another format', (_, stored) => {
    expect(() => readStoredMap(stored)).toThrow(/has another format/);
  });

  it('may have eight million characters', () => {
    const more = maximumStoredLength - withOrigin({ source: '' }).length;
    expect(readStoredMap(withOrigin({ source: 'x'.repeat(more) })).origin.source).toHaveLength(more);
    expect(() => readStoredMap(withOrigin({ source: 'x'.repeat(more + 1) }))).toThrow(/has another format/);
  });

  it.each([
    ['changed', text.replace('User.Read.All', 'User.Read.Any')],
    ['cut off', text.slice(0, -1)],
    ['continued', `${text} `],
  ])('that was %s is not read', (_, stored) => {
    expect(() => readStoredMap(stored)).toThrow(/was changed or cut off/);
  });

  it.each(['{}', '{"format":2,"root":[]}', '{"format":1}', '{"format":1,"root":{}}'])(
    'of another form is not read: %s',
    (json) => {
      expect(() => loadPermissionMap(json)).toThrow(/has another format/);
    },
  );
});
