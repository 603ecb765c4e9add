import { expect, it } from 'vitest';
import { permissionWarnings } from '../../../tools/job-permissions-reporter.ts';

it('warns of the permissions that no test of a job needs', () => {
  const warnings = permissionWarnings([
    { job: 'one', unneeded: ['User.Read.All', 'Mail.Read'] },
    { job: 'two', unneeded: [] },
    { job: 'one', unneeded: ['Mail.Read', 'Group.Read.All'] },
    { job: 'three', unneeded: ['A'] },
    { job: 'three', unneeded: [] },
  ]);
  expect(warnings).toEqual([expect.stringMatching(/^Warning: the job one declares Mail\.Read, which no request/)]);
});

it('says nothing without jobs', () => {
  expect(permissionWarnings([])).toEqual([]);
});
