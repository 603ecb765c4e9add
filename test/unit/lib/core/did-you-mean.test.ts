import { expect, it } from 'vitest';
import { didYouMean } from '../../../../src/lib/core/text.ts';

it.each([
  ['tenant', ['tenants', 'resources', 'name'], '; did you mean "tenants"?'],
  ['RESOURCE', ['tenants', 'resources'], '; did you mean "resources"?'],
  ['reosurces', ['tenants', 'resources'], '; did you mean "resources"?'],
  ['nmae', ['name', 'grants'], '; did you mean "name"?'],
  ['users', ['applications', 'roles'], ''],
  ['x', [], ''],
])('returns the closest candidate for %s among %j', (written, candidates, expected) => {
  expect(didYouMean(written, candidates)).toBe(expected);
});
