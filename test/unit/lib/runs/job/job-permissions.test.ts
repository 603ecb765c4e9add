import { partnerMap } from 'graph-permissions/partner-table';
import { expect, test } from 'vitest';
import { jobs } from '../../../../../src/jobs/index.ts';
import { createPermissionWarnings } from '../../../../../src/lib/runs/job/job.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';

test('a declared permission that the map does not contain is told once', () => {
  const warn = createPermissionWarnings([
    { name: 'misspelt', resources: ['graph'], permissions: ['User.Read.All', 'Users.Read.All', 'Grup.Read.All'] },
    { name: 'right', resources: ['graph'], permissions: ['User.Read.All'] },
    { name: 'none', resources: ['graph'] },
    // Permissions of other resources are for documentation.
    { name: 'other', resources: ['graph', 'exchange'], permissions: ['Exchange.Manage'] },
  ]);
  const { log, lines } = recordingLogger();
  warn(partnerMap(), log);
  warn(partnerMap(), log);
  expect(lines.map(({ level, line }) => [level, JSON.parse(line)])).toEqual([
    [
      'warn',
      expect.objectContaining({
        event: 'job.permissions_open_nothing',
        job: 'misspelt',
        permissions: 'Users.Read.All Grup.Read.All',
      }),
    ],
  ]);
});

test('the jobs of this app declare permissions that exist', () => {
  const { log, lines } = recordingLogger();
  createPermissionWarnings(jobs)(partnerMap(), log);
  expect(lines).toEqual([]);
});
