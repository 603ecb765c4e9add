import { beforeAll, describe, expect, it } from 'vitest';
import type { Declaration } from '../../src/graph/declaration.ts';
import { loadTypes, schemaOf } from '../../src/graph/schema/schema.ts';
import { applicationSets } from '../../src/graph/sets/applications.ts';
import { directorySets } from '../../src/graph/sets/directory.ts';
import { relationshipSets } from '../../src/graph/sets/relationships.ts';
import { declarations } from '../../src/population/graph/declarations.ts';

const every: readonly Declaration[] = [...applicationSets, ...relationshipSets, ...directorySets, ...declarations];
const paths = every.map(({ path }) => path);

beforeAll(loadTypes);

describe('the declarations', () => {
  it('declare each path once', () => {
    expect(paths.filter((path, at) => paths.indexOf(path) !== at)).toEqual([]);
  });

  it('refer to declared paths only', () => {
    const referred = every.flatMap((each) => {
      if (each.kind === 'references') return each.targets;
      return each.kind === 'inverse' ? each.of : [];
    });
    expect(referred.filter((path) => !paths.includes(path))).toEqual([]);
  });

  it('have a path for the owner of each navigation', () => {
    const owners = paths
      .filter((path) => path.includes('/{id}'))
      .map((path) => path.slice(0, path.lastIndexOf('/{id}')));
    expect(owners.filter((path) => !paths.includes(path))).toEqual([]);
  });

  it.each(every.filter(({ kind }) => kind !== 'report'))('$path has a known type, and properties of it', (each) => {
    if (each.kind === 'report') return;
    const type = schemaOf('beta').type(each.type);
    expect(type).toBeDefined();
    const names = [
      ...Object.keys(each.properties ?? {}),
      ...(each.kind === 'set' ? [...(each.writes?.required ?? []), ...(each.writes?.unique ?? [])] : []),
      ...(each.kind === 'singleton' ? [] : [...(each.byDefault ?? []), ...(each.searched ?? [])]),
    ];
    expect(names.filter((name) => type?.find(name) === undefined)).toEqual([]);
  });
});
