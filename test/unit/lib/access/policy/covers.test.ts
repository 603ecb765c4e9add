import { expect, it } from 'vitest';
import { createCover, type WrittenSelection } from '../../../../../src/lib/access/policy/policy-warnings.ts';
import {
  selectionOf,
  createSetCompiler,
  parseEntry,
  readGroups,
  type TenantGroups,
} from '../../../../../src/lib/access/tenants/tenant-set.ts';
import { tenant } from '../../../../support/audit-entries.ts';

const one = tenant(1);
const two = tenant(2);

function groupsRead(): TenantGroups {
  const read = readGroups({
    gold: [one, 'group:inner'],
    inner: ['contoso.com', 'tag:managed'],
    regulated: ['tag:hipaa', 'fabrikam.com'],
    empty: [],
  });
  if (!read.ok) throw new Error('The groups are not valid.');
  return read.groups;
}

type Lists = readonly [tenants: readonly string[], except?: readonly string[]];

function covers(wide: Lists, part: Lists): boolean {
  const groups = groupsRead();
  const compile = createSetCompiler(groups);
  const written = ([tenantTexts, exceptTexts = []]: Lists): WrittenSelection => {
    const [tenants = [], except = []] = [tenantTexts, exceptTexts].map((texts) =>
      texts.map((text) => {
        const entry = parseEntry(text);
        if (entry === undefined) throw new Error(`${text} is no entry.`);
        return entry;
      }),
    );
    return { tenants, except, selection: selectionOf(compile(tenants), compile(except)) };
  };
  return createCover(groups)(written(wide), written(part));
}

it.each<[wide: Lists, part: Lists]>([
  [[['*']], [['*']]],
  [[['*']], [['tag:x', one, 'contoso.com', 'group:regulated']]],
  [[[one]], [[one]]],
  [[[one, two]], [[two]]],
  [[['contoso.com', one]], [['contoso.com']]],
  // By an entry of a group, and of a group in a group.
  [[['group:gold']], [[one]]],
  [[['group:gold']], [['contoso.com']]],
  [[['group:gold']], [['tag:managed']]],
  [[['group:gold']], [['group:inner']]],
  // A group whose entries are all there, written one by one.
  [[['contoso.com', 'tag:managed']], [['group:inner']]],
  [[['group:inner', one]], [['group:gold']]],
  // A tag without a value contains all its values.
  [[['tag:tier']], [['tag:tier=gold']]],
  [[['tag:tier=gold', one]], [['tag:tier=gold']]],
  [[[one]], [[]]],
  [[[one]], [['group:empty']]],
  // Whatever the wide selection takes away, the other takes away as well.
  [
    [['*'], ['tag:hipaa']],
    [['*'], ['tag:hipaa', one]],
  ],
  [
    [['*'], ['tag:hipaa']],
    [['*'], ['group:regulated']],
  ],
  [
    [['*'], ['group:regulated']],
    [['*'], ['fabrikam.com', 'tag:hipaa']],
  ],
  [
    [['*'], ['tag:hipaa=yes']],
    [['*'], ['tag:hipaa']],
  ],
  // It takes away only tenants that the other does not name.
  [[['*'], [two]], [[one]]],
  [[['*'], ['fabrikam.com']], [['contoso.com']]],
  [
    [['*'], [one]],
    [[one, two], ['group:gold']],
  ],
])('%j contains every tenant of %j', (wide, part) => {
  expect(covers(wide, part)).toBe(true);
});

it.each<[wide: Lists, part: Lists]>([
  [[[one]], [['*']]],
  [[[one]], [[two]]],
  [[[one]], [[one, two]]],
  [[[one]], [['contoso.com']]],
  [[['contoso.com']], [['fabrikam.com']]],
  [[['contoso.com']], [['tag:managed']]],
  [[['tag:managed']], [[one]]],
  [[[]], [[one]]],
  [[['group:inner']], [['group:gold']]],
  [[['contoso.com']], [['group:inner']]],
  [[['group:inner']], [[one]]],
  [[['tag:tier=gold']], [['tag:tier']]],
  [[['tag:tier=gold']], [['tag:tier=silver']]],
  [[['*'], [one]], [['*']]],
  [
    [['*'], [one, two]],
    [['*'], [one]],
  ],
  [
    [['*'], ['group:regulated']],
    [['*'], ['fabrikam.com']],
  ],
  [
    [['*'], ['tag:hipaa']],
    [['*'], ['tag:hipaa=yes']],
  ],
  // A tenant that it takes away may have the tag, or be named.
  [[['*'], [one]], [['tag:managed']]],
  [[['*'], ['tag:hipaa']], [[one]]],
  [[['*'], [one]], [[one]]],
  [
    [['*'], [one, two]],
    [[one, two], [one]],
  ],
  [[['*'], ['fabrikam.com']], [['group:regulated']]],
])('%j may lack a tenant of %j', (wide, part) => {
  expect(covers(wide, part)).toBe(false);
});
