import type { PermissionMap } from 'graph-permissions/permission-map';
import type { Logger } from '../../core/log.ts';
import type { Job } from './job.ts';

/**
 * Returns a function that warns, once for each job, of declared permissions that open nothing, because the map does not
 * contain them: they are misspelt, or new. Of a job with other resources than Graph nothing is known, because the map does
 * not contain the permissions of those either.
 */
export function createPermissionWarnings(
  jobs: readonly Pick<Job, 'name' | 'permissions' | 'resources'>[],
): (map: Pick<PermissionMap, 'permissions'>, log: Logger) => void {
  const told = new Set<string>();
  return (map, log) => {
    for (const { name, permissions = [], resources } of jobs) {
      if (told.has(name) || resources.some((alias) => alias !== 'graph')) continue;
      told.add(name);
      const unknown = permissions.filter((permission) => !map.permissions.includes(permission));
      if (unknown.length > 0) {
        log.log('warn', 'job.permissions_open_nothing', { job: name, permissions: unknown.join(' ') });
      }
    }
  };
}
