import { type Method, methods, type Opening } from 'graph-permissions/permission-map';
import type { LedgerEntry } from '../../ledger.ts';
import { neededPermissions } from '../../resource/needed-permissions.ts';
import type { ServiceName } from '../../web/http.ts';
import type { World } from '../../world.ts';

/** How many permissions are named. Some paths open with thirty. */
const maxNames = 3;

const ofService: Partial<Record<ServiceName, readonly [delegated: string, application: string]>> = {
  aadGraph: ['Directory.Read.All', 'Directory.Read.All'],
  partnerCenter: ['user_impersonation', 'an application of the partner'],
  exchange: ['Exchange.Manage', 'Exchange.ManageAsApp'],
  arm: ['user_impersonation', 'a role in the subscription'],
  keyVault: ['a role in the vault', 'a role in the vault'],
};

/** The permission that a request needed, whether its caller had it or not. Empty for a request that needs none. */
export function permissionNeeded(world: World, entry: LedgerEntry): string {
  const isApplication = entry.account === undefined;
  if (entry.service !== 'graph') return ofService[entry.service]?.[isApplication ? 1 : 0] ?? '';
  const needed = (entry.reads ?? []).map((read) => neededForRead(world, read, isApplication));
  return [...new Set(needed)].join('; ');
}

/** @param read `GET /v1.0/users?%24top=5`. */
function neededForRead(world: World, read: string, isApplication: boolean): string {
  const [method = '', target = ''] = read.split(' ', 2);
  const path = decoded(target.split('?', 1)[0] ?? '').replace(/^\/(?:v1\.0|beta)(?=\/)/i, '');
  const found = isMethod(method) ? neededPermissions(world, method, path) : undefined;
  if (found === undefined) return 'unknown: not in the permission map';
  const openings = isApplication ? found.application : found.delegated;
  if (openings.length === 0) return isApplication ? 'no application permission' : 'no delegated permission';
  const names = openings.slice(0, maxNames).map(nameOf);
  const others = openings.length - names.length;
  return [...names, ...(others === 0 ? [] : [`${others} other${others === 1 ? '' : 's'}`])].join(' or ');
}

const isMethod = (method: string): method is Method => (methods as readonly string[]).includes(method);

const nameOf = ({ permission, alsoOneOf }: Opening): string =>
  alsoOneOf.length === 0 ? permission : `${permission} with ${alsoOneOf.join(' or ')}`;

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
