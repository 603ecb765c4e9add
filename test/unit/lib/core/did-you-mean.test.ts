import { expect, it } from 'vitest';
import { didYouMean, meantTime } from '../../../../src/lib/core/text.ts';

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

it.each([
  ['2026-13-01', '2026-01-13'],
  ['2026-02-31', '2026-02-28'],
  ['2028-2-30', '2028-02-29'],
  ['24.11.2026', '2026-11-24'],
  ['11/24/2026', '2026-11-24'],
  ['2026/11/24', '2026-11-24'],
  ['2026-11-24 9:30', '2026-11-24T09:30:00Z'],
  ['yesterday', undefined],
  ['2026-14-15', undefined],
  ['2026-00-10', undefined],
  ['24.11.26', undefined],
])('reads %s as the time %s', (written, expected) => {
  expect(meantTime(written)).toBe(expected);
});
