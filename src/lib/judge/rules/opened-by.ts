import { openings } from 'graph-permissions/permission-map';
import type { PermissionRule, Question } from '../question.ts';
import { basicOnly, singlePropertiesOnly } from './basic-properties.ts';
import {
  agentObjects,
  appRoles,
  cloudPcArea,
  createdMembers,
  intuneArea,
  secrets,
  singleObject,
  typeOfObject,
} from './narrow-permissions.ts';
import { ownObjects } from './own-objects.ts';
import { readCeiling } from './read-ceiling.ts';

/** What the rule's permissions do at a place. */
export interface OpenedBy {
  /** Permissions that open it, with the ones that they also need; empty if none does. */
  readonly permissions: readonly string[];
  /** Why listed permissions of the rule do not: "User.Read covers only …". */
  readonly limits: readonly string[];
}

const rules: readonly PermissionRule[] = [
  singleObject,
  readCeiling,
  intuneArea,
  cloudPcArea,
  agentObjects,
  appRoles,
  createdMembers,
  typeOfObject,
  secrets,
  singlePropertiesOnly,
  basicOnly,
];

/** The permissions of the grant that open a place: listed in the map for the method, and not limited by a rule. */
export function openedBy(question: Question): OpenedBy {
  const { map, grant, location, method } = question;
  const permissions = new Set<string>();
  const limits = new Set<string>();
  for (const node of location.nodes) {
    for (const { permission, alsoOneOf, own } of openings(map, node, {
      method,
      scheme: grant.scheme,
      held: grant.permissions,
    })) {
      const also = alsoOneOf.find((name) => grant.permissions.has(name));
      const limit =
        alsoOneOf.length > 0 && also === undefined
          ? `also needs ${alsoOneOf.join(' or ')}`
          : limitOf(permission, own, question);
      if (limit !== undefined) {
        limits.add(`${permission} ${limit}`);
        continue;
      }
      permissions.add(permission);
      if (also !== undefined) permissions.add(also);
    }
  }
  return { permissions: [...permissions], limits: [...limits] };
}

function limitOf(permission: string, own: boolean, question: Question): string | undefined {
  for (const rule of rules) {
    const limit = rule(permission, question);
    if (limit !== undefined) return limit;
  }
  return ownObjects(own)(permission, question);
}
