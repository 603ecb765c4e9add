import type { Question } from '../question.ts';
import { encode, type Part } from '../reading/part.ts';
import type { LookUp } from '../verdict.ts';

/** Requests that change a group, its members or owners. A team's id is the id of its group. */
const changesGroup =
  /^(?:groups\/\{\}(?:\/(?:members|owners)(?:\/\{\})?(?:\/\$ref)?|\/team)?|teams\/\{\}(?:\/members(?:\/(?:\{\}|add|remove))?)?)$/;

/**
 * A group to which directory roles can be assigned changes only with RoleManagement.ReadWrite.Directory ("Use Microsoft
 * Entra groups to manage role assignments"). The token behind the gateway may carry it, so a rule without it needs a look
 * at the group.
 */
export function lookUpsFor(
  { method, location, grant }: Question,
  base: string,
  parts: readonly Part[],
): readonly LookUp[] {
  if (method === 'GET' || grant.permissions.has('RoleManagement.ReadWrite.Directory')) return [];
  if (!changesGroup.test(location.path)) return [];
  const url = `${base}/groups/${encode(parts[1]?.text ?? '')}?$select=isAssignableToRole`;
  return [{ condition: 'group-is-not-role-assignable', url }];
}
