import type { Method } from 'graph-permissions/permission-map';
import { notPermitted } from '../refusal.ts';
import type { Location } from '../resolve.ts';
import { isDirectoryNavigation } from './directory-types.ts';

/** Objects of education that belong to several classes and schools. */
const educationNavigation =
  /^education\/(?:[a-z]+\/\{\}|me)\/(?:members|teachers|schools|classes|users|taughtclasses)(?:\/\{\})?$/;

/** Whether a request creates a member of an administrative unit, rather than adding one that exists. */
export const createsMember = (method: Method, { path, suffix }: Location): boolean =>
  method === 'POST' && path === 'directory/administrativeunits/{}/members' && suffix !== '$ref';

/**
 * Refuses to change an object through a navigation that only refers to it. Without `/$ref`, `DELETE /groups/{id}/members/{id}`
 * deletes the member itself if the token may do so ("Remove member"), and the broker's token may do more than the rule.
 */
export function refuseWriteThroughNavigation(method: Method, location: Location): void {
  const { template, path, suffix } = location;
  if (method === 'GET' || suffix === '$ref' || template.at(-1) === '$ref') return;
  if (createsMember(method, location)) return;
  if (!isDirectoryNavigation(template) && !educationNavigation.test(path)) return;
  throw notPermitted(
    `${method} ${location.written} would change the object itself; append /$ref to change the reference, or request the object on its own path.`,
  );
}
