import { expect, test } from 'vitest';
import blockUserConsent from '../../../src/jobs/block-user-consent.ts';
import { loadNewChange } from '../../support/docs-example.ts';
import { tryChange } from '../../support/try-change.ts';

test('a change is planned, applied and taken back in the simulated cloud', async () => {
  const { plan, applied, left, undone, again, unneeded } = await tryChange(blockUserConsent);
  expect(plan).toMatchObject([{ action: 'update', target: '/policies/authorizationPolicy', undo: 'yes' }]);
  expect(applied).toEqual(plan.map((row) => expect.objectContaining({ ...row, outcome: 'applied' })));
  expect(left).toEqual([]);
  expect(undone).toMatchObject([{ before: plan[0]?.after, after: plan[0]?.before, outcome: 'applied' }]);
  expect([again, unneeded]).toEqual([plan, []]);
});

test('the change of ptb jobs new keeps users from creating groups, and only that', async () => {
  const { plan, applied, left, again } = await tryChange(await loadNewChange());
  const state = (may: boolean) =>
    JSON.stringify({ defaultUserRolePermissions: { allowedToCreateSecurityGroups: may } });
  expect(plan).toMatchObject([{ before: state(true), after: state(false) }]);
  expect([applied.map(({ outcome }) => outcome), left, again]).toEqual([['applied'], [], plan]);
});

test('the tenant is prepared before, and what Microsoft refuses is told with its reason', async () => {
  const path = '/v1.0/policies/authorizationPolicy';
  const permissionGrantPoliciesAssigned: readonly string[] = [];
  const prepare = async (graph: (...request: [string, string, object]) => Promise<unknown>): Promise<void> => {
    await graph('PATCH', path, { defaultUserRolePermissions: { permissionGrantPoliciesAssigned } });
  };
  expect((await tryChange(blockUserConsent, { prepare })).plan).toEqual([]);
  const { applied, undone } = await tryChange({ ...blockUserConsent, directoryRoles: [] });
  expect(applied).toMatchObject([{ outcome: 'refused', detail: expect.stringContaining('403') }]);
  expect(undone).toEqual([]);
});
