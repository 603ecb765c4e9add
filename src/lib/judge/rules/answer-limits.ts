import { type Location, locationOf, type Question, readOf } from '../resolve.ts';
import { type AnswerLimits, type Grant, notPermitted, quoted } from '../verdict.ts';
import { answersMixedTypes, directoryTypes, typeNames } from './directory-types.ts';
import { openedBy } from './opened-by.ts';
import { hiddenAddresses } from './special-endpoints.ts';

/** The permissions that read every object of a directory type; empty if the rule does not, or the type is unknown. */
export function readableType(type: string, question: Question): readonly string[] {
  const template = Object.hasOwn(directoryTypes, type) ? directoryTypes[type] : undefined;
  if (template === undefined) return [];
  const location = locationOf(question.map, template);
  if (location === undefined) return [];
  return openedBy({ ...readOf(question, location), own: false }).permissions;
}

/** The directory types that the rule may read, as `@odata.type` spells them. */
const readableTypes = (question: Question): readonly string[] =>
  Object.keys(directoryTypes)
    .filter((type) => readableType(type, question).length > 0)
    .map((type) => typeNames[type] ?? type);

/**
 * Conditions on objects of several types tell properties of objects that the answer hides. The id is shown for every type.
 * @throws Refusal unless the rule may read every type, or the path casts to one that it reads.
 */
export function refuseHiddenConditions(question: Question): void {
  const { location, query } = question;
  if (!answersMixedTypes(location.template) || location.casts.length > 0) return;
  if (query.conditions.every(({ names }) => names.length === 1 && names[0]?.toLowerCase() === 'id')) return;
  if (readableTypes(question).length === Object.keys(directoryTypes).length) return;
  throw notPermitted(
    'A filter, search or order on objects of several types shows properties of types that the rule may not read; leave it out, or cast to one type, such as /microsoft.graph.user.',
  );
}

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
const hiddenProperties = (template: readonly string[], grant: Grant): readonly string[] =>
  template[0] === 'auditlogs' && !conditionalAccess.some((permission) => grant.permissions.has(permission))
    ? ['appliedConditionalAccessPolicies']
    : [];

/**
 * What the caller may not see of the answer.
 * @param locations What the query expands.
 * @param csv The query asks for CSV.
 * @returns the limits, and the permissions that the path's casts need.
 * @throws Refusal for a cast to a type that the rule may not read, and for conditions on objects that it may not see.
 */
export function answerLimits(
  question: Question,
  { locations, csv }: { locations: readonly Location[]; csv: boolean },
): { answer: AnswerLimits; permissions: readonly string[] } {
  const { location, grant, method, query } = question;
  const anyFormat = hasOtherFormat(location, csv);
  refuseHiddenConditions(question);
  const remove = [...hiddenAddresses(location, query), ...hiddenProperties(location.template, grant)];
  if (location.suffix === '$value' && answersMixedTypes(location.template)) {
    throw notPermitted('The value of an object does not show its type, which the rule may not read; leave $value out.');
  }
  const permissions = location.casts.flatMap((type) => castPermissions(type, question));
  const mixed = method === 'GET' && answersMixedTypes(location.template) && location.suffix === undefined;
  if (!mixed && !locations.some(({ template }) => answersMixedTypes(template))) {
    return { answer: { remove, readableTypes: undefined, anyFormat }, permissions };
  }
  const typedMembers = [...(mixed && !isCast(location) ? [''] : []), ...locations.flatMap(mixedMember)];
  return { answer: { remove, readableTypes: readableTypes(question), typedMembers, anyFormat }, permissions };
}

/** Graph leaves the type out of the objects that a cast returns: all have it. The map may list a cast as a segment. */
const isCast = ({ casts, template }: Location): boolean =>
  casts.length > 0 || lastName(template).startsWith('microsoft.graph.');

const lastName = (template: readonly string[]): string => template.findLast((segment) => segment !== '{}') ?? '';

/** The member that holds the objects of a location, if they have several types. */
const mixedMember = ({ template }: Location): readonly string[] =>
  answersMixedTypes(template) ? [lastName(template)] : [];

/** A picture or property (`$value`), a number (`$count`), or a report in CSV. */
const hasOtherFormat = ({ template, suffix }: Location, csv: boolean): boolean =>
  csv || ['$value', '$count'].includes(suffix ?? template.at(-1) ?? '');

/** A cast answer carries no types, so the sender could not hide objects. @throws Refusal for an unreadable type. */
function castPermissions(type: string, question: Question): readonly string[] {
  const found = readableType(type, question);
  if (found.length > 0) return found;
  throw notPermitted(
    `The path casts to the type ${type}, which the rule may not read; add a permission that reads it, or leave the cast out.`,
  );
}
