import { describe, expect, it } from 'vitest';
import type { MapEntry } from 'graph-permissions/build-map';
import { partnerEntries, partnerMap } from 'graph-permissions/partner-table';
import { childOf, type MapNode, openings } from 'graph-permissions/permission-map';
import { supplement } from 'graph-permissions/supplement';
import { parsePublishedFile } from '../../../../src/cli/permissions/published-file.ts';
import { loadPermissionMap, storePermissionMap } from '../../../../src/lib/judge/stored-map.ts';
import { noPublishedPermissions, publishedPermissions } from '../../../support/published-permissions.ts';
import { publishedFile } from '../../../support/published-file.ts';
import { skippedBecause } from '../../../support/skipped.ts';
import { factsOf } from '../../../fuzz/judge/facts.ts';
import { templateOf } from '../../../fuzz/judge/oracle-map.ts';

describe('parsePublishedFile', () => {
  it('refuses a file that lists a permission twice', () => {
    const listed = publishedFile();
    expect(parsePublishedFile(listed).permissions).toBeGreaterThan(50);
    const twice = listed.replace('"User.Read.All":', '"User.Read.All":{"authorizationType":"RSC","pathSets":[]},$&');
    expect(() => parsePublishedFile(twice)).toThrow('An object contains the key "User.Read.All" twice.');
  });
});

describe('the stored map', () => {
  it('is the same after it was stored and loaded', () => {
    expect(loadPermissionMap(storePermissionMap(partnerMap()))).toEqual(partnerMap());
  });

  it.each(['{"format":2,"root":[0]}', '{}', 'null'])('of another format is refused: %s', (json) => {
    expect(() => loadPermissionMap(json)).toThrow();
  });
});

const json = publishedPermissions();
describe(
  "beside Microsoft's published permission file",
  skippedBecause(json === undefined ? noPublishedPermissions : undefined),
  () => {
    const facts = json === undefined ? [] : factsOf(json);
    const known = new Set(
      facts.map(
        ({ method, path, scheme, permission }) =>
          `${method} ${templateOf(path)?.join('/').replaceAll('*', '{}')} ${scheme} ${permission}`,
      ),
    );

    it('lists in its own table nothing that the file does not list', () => {
      const reviewed = new Set(supplement().map((entry) => JSON.stringify(entry)));
      const unknown = partnerEntries()
        .filter((entry) => !reviewed.has(JSON.stringify(entry)))
        .map(({ method, segments, scheme, permission }) => `${method} ${segments.join('/')} ${scheme} ${permission}`)
        .filter((text) => !known.has(text));
      expect(unknown).toEqual([]);
    });

    it('marks in its own table what the file calls the least privileged permission', () => {
      const published = parsePublishedFile(json ?? '').map;
      const wayOf = ({ permission, alsoOneOf }: Pick<MapEntry, 'permission' | 'alsoOneOf'>): string =>
        [permission, ...alsoOneOf.toSorted()].join('+');
      const isLeast = (entry: MapEntry): boolean => {
        const { segments, method, scheme } = entry;
        const node = segments.reduce<MapNode>((at, segment) => childOf(at, segment) ?? [0], published.root);
        const found = openings(published, node, { method, scheme, held: undefined });
        return found.some((each) => each.least && wayOf(each) === wayOf(entry));
      };
      const lists = Map.groupBy(partnerEntries(), ({ segments, method, scheme }) =>
        [method, segments.join('/'), scheme].join(' '),
      );
      const wrong = [...lists].flatMap(([list, entries]) =>
        entries
          .filter((entry) => entries.length > 1 && entry.least !== isLeast(entry))
          .map((entry) => `${list} ${wayOf(entry)}`),
      );
      expect(wrong).toEqual([]);
    });

    it('supplements only what the file lacks', () => {
      const listed = new Set(
        facts.map(({ method, path }) => `${method} ${templateOf(path)?.join('/').replaceAll('*', '{}')}`),
      );
      expect(supplement().filter(({ method, segments }) => listed.has(`${method} ${segments.join('/')}`))).toEqual([]);
    });

    it('leaves out only broken templates and files by path', () => {
      const { permissions, skippedPaths } = parsePublishedFile(json ?? '');
      expect(permissions).toBeGreaterThan(500);
      expect(skippedPaths.filter((path) => !path.includes(':')).length).toBeLessThan(40);
    });
  },
);
