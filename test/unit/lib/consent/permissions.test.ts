import { expect, it } from 'vitest';
import { jobs } from '../../../../src/jobs/index.ts';
import { profileNames, profiles, requiredResourceAccess } from '../../../../src/lib/consent/permissions.ts';

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

it('requests in the legacy profile exactly the permissions of the published script', () => {
  expect(requiredResourceAccess(profiles.legacy)).toEqual([
    {
      resourceAppId: '00000002-0000-0000-c000-000000000000',
      resourceAccess: [
        { id: '5778995a-e1bf-45b8-affa-663a9f3f4d04', type: 'Role' },
        { id: 'a42657d6-7f20-40e3-b6f0-cee03008a62a', type: 'Scope' },
        { id: '311a71cc-e848-46a1-bdf8-97ff7156d8e6', type: 'Scope' },
      ],
    },
    {
      resourceAppId: '00000003-0000-0000-c000-000000000000',
      resourceAccess: [
        { id: 'bf394140-e372-4bf9-a898-299cfc7564e5', type: 'Role' },
        { id: '7ab1d382-f21e-4acd-a863-ba3e13f7da61', type: 'Role' },
      ],
    },
    {
      resourceAppId: 'fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd',
      resourceAccess: [{ id: '1cebfa2a-fb4d-419e-b5f9-839b4383e05a', type: 'Scope' }],
    },
  ]);
});

const keys = (name: keyof typeof profiles): readonly string[] =>
  requiredResourceAccess(profiles[name]).flatMap(({ resourceAppId, resourceAccess }) =>
    resourceAccess.map(({ id, type }) => `${resourceAppId} ${type} ${id}`),
  );

it('requests Azure AD Graph in the legacy profile alone', () => {
  const aadGraph = '00000002-0000-0000-c000-000000000000';
  expect(profileNames.filter((name) => keys(name).some((key) => key.startsWith(aadGraph)))).toEqual(['legacy']);
  const values = Object.values(profiles).flatMap(({ name, resources }) =>
    resources.flatMap(({ scopes }) => scopes.map(({ value }) => `${name} ${value}`)),
  );
  expect(values.filter((value) => value.includes('AccessAsUser'))).toEqual(['legacy Directory.AccessAsUser.All']);
});

it('lists every permission of a profile once', () => {
  for (const name of profileNames) expect(new Set(keys(name)).size).toBe(keys(name).length);
});

it('includes in the reader profile what the built-in reports need, and nothing that writes', () => {
  const scopes = profiles.reader.resources.flatMap((each) => each.scopes.map(({ value }) => value));
  const needed = jobs
    // A job of one's own has no topic, and its permissions are those of its author.
    .filter(
      ({ topic, changes, resources }) =>
        topic !== undefined && changes !== true && resources.every((resource) => resource === 'graph'),
    )
    .flatMap(({ permissions = [] }) => permissions);
  expect(needed.length).toBeGreaterThan(0);
  expect(scopes).toEqual(expect.arrayContaining([...needed]));
  expect(scopes.filter((scope) => /Write|Manage(?!ment|d)|AccessAsUser/.test(scope))).toEqual([]);
  expect(profiles.reader.resources.flatMap(({ roles }) => roles)).toEqual([]);
  // The rest is for signing in and for the consent through Partner Center.
  expect(scopes.filter((scope) => !needed.includes(scope))).toEqual(['User.Read', 'user_impersonation']);
});

it('includes in the profile for changes what the built-in change jobs need', () => {
  const scopes = profiles.changes.resources.flatMap((each) => each.scopes.map(({ value }) => value));
  const needed = jobs.flatMap(({ changes, permissions = [] }) => (changes === true ? permissions : []));
  expect(scopes).toEqual(expect.arrayContaining([...needed]));
  const added = scopes.filter(
    (scope) => !profiles.gdap.resources.some((each) => each.scopes.some(({ value }) => value === scope)),
  );
  expect(added.filter((scope) => !needed.includes(scope))).toEqual([]);
});

it('gives every permission a reason and a GUID', () => {
  const resources = Object.values(profiles).flatMap((profile) => profile.resources);
  expect(resources.flatMap(({ scopes, roles }) => [...scopes, ...roles]).length).toBeGreaterThan(10);
  for (const { appId, scopes, roles } of resources) {
    expect(appId).toMatch(guid);
    for (const { id, reason } of [...scopes, ...roles]) {
      expect(id).toMatch(guid);
      expect(reason).toMatch(/^[A-Za-z].+\.$/);
    }
  }
});
