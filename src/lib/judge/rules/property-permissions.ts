import { notPermitted, quoted } from '../refusal.ts';
import type { Grant } from '../verdict.ts';

interface PropertyPermissions {
  /** One of these is needed to name the property in a query. */
  readonly read?: readonly string[];
  /** One of these is needed to set it. */
  readonly write?: readonly string[];
  /** One of these is needed to change it with PATCH; creating an object with it needs none. */
  readonly change?: readonly string[];
}

const conditionalAccess = [
  'Policy.Read.All',
  'Policy.Read.ConditionalAccess',
  'Policy.ReadWrite.ConditionalAccess',
] as const;

/** Properties that need a permission of their own, in lower case ("user resource type", "Update user", "Create group"). */
const properties: Readonly<Record<string, PropertyPermissions>> = {
  signinactivity: { read: ['AuditLog.Read.All'] },
  customsecurityattributes: {
    read: ['CustomSecAttributeAssignment.Read.All', 'CustomSecAttributeAssignment.ReadWrite.All'],
    write: ['CustomSecAttributeAssignment.ReadWrite.All'],
  },
  employeeleavedatetime: {
    read: ['User-LifeCycleInfo.Read.All', 'User-LifeCycleInfo.ReadWrite.All'],
    write: ['User-LifeCycleInfo.ReadWrite.All'],
  },
  passwordprofile: { change: ['User-PasswordProfile.ReadWrite.All', 'Directory.AccessAsUser.All'] },
  isassignabletorole: { write: ['RoleManagement.ReadWrite.Directory'] },
  appliedconditionalaccesspolicies: { read: conditionalAccess },
};

const rulesFor = (name: string): PropertyPermissions => {
  const key = name.toLowerCase();
  return (Object.hasOwn(properties, key) ? properties[key] : undefined) ?? {};
};

/** The permission of the rule that a property needs in addition. @throws Refusal without one. */
function needed(name: string, oneOf: readonly string[] | undefined, grant: Grant): readonly string[] {
  if (oneOf === undefined) return [];
  const held = oneOf.find((permission) => grant.permissions.has(permission));
  if (held !== undefined) return [held];
  throw notPermitted(
    `The property ${quoted(name)} needs a permission of its own; add ${oneOf.join(' or ')} to the rule, or leave the property out.`,
  );
}

/** Checks a property that a query names. @returns the permissions that it needs in addition. */
export const readProperty = (name: string, grant: Grant): readonly string[] => needed(name, rulesFor(name).read, grant);

/** Checks a property that a body sets. @returns the permissions that it needs in addition. */
export function writeProperty(name: string, method: string, grant: Grant): readonly string[] {
  const { write, change } = rulesFor(name);
  return needed(name, write ?? (method === 'POST' ? undefined : change), grant);
}

/** Properties of sign-ins that Graph leaves out of the answer if the token lacks these permissions. */
export const hiddenProperties = (template: readonly string[], grant: Grant): readonly string[] =>
  template[0] === 'auditlogs' && !conditionalAccess.some((permission) => grant.permissions.has(permission))
    ? ['appliedConditionalAccessPolicies']
    : [];
