import type { Method } from 'graph-permissions/permission-map';
import { isRead } from 'graph-permissions/reads';
import type { Part } from '../reading/path.ts';
import type { Location } from '../resolve.ts';
import type { Changed } from '../verdict.ts';

/** Collections whose objects a request may change. A team's id is the id of its group. */
const kinds: Readonly<Record<string, 'user' | 'group'>> = { users: 'user', groups: 'group', teams: 'group' };

/** First segments below which nothing changes a user, a group or a role. What is not listed here may. */
const elsewhere = new Set('chats deviceappmanagement devicemanagement devices drives planner sites'.split(' '));

/** Navigations that lead from an object to another user, group or team, which a request would then change. */
const throughObject = /\/(?:me|users|joinedteams|(?:transitive)?memberof|ownedobjects)\//;

/**
 * The user or group that a request changes. Whatever is below a user belongs to it, such as its authentication methods,
 * licences and mailbox. Everything else that could change users or groups is `unknown`: roles, administrative units, deleted
 * objects, `/me`, and bodies that name users.
 */
export function changedBy(method: Method, { template, path }: Location, parts: readonly Part[]): Changed {
  if (isRead(method, `/${path}`)) return 'none';
  const [root = '', ...below] = template;
  const kind = Object.hasOwn(kinds, root) ? kinds[root] : undefined;
  if (throughObject.test(`/${below.join('/')}/`)) return 'unknown';
  if (kind === undefined) return elsewhere.has(root) ? 'none' : 'unknown';
  // A new object has no roles, and is in no group.
  if (below.length === 0) return method === 'POST' ? 'none' : 'unknown';
  // The template leaves casts out, so the first part that is none is the key.
  const key = parts.slice(1).find((part) => part.kind === 'word' || part.kind === 'key');
  return below[0] === '{}' && key !== undefined ? { kind, key: key.text } : 'unknown';
}
