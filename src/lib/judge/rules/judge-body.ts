import { type Method, methods, opens } from 'graph-permissions/permission-map';
import { notPermitted, quoted, unreadable } from '../verdict.ts';
import type { JsonObject } from '../../core/objects.ts';
import { readPath } from '../reading/path.ts';
import { readTarget } from '../reading/target.ts';
import { type Location, navigate, type Question, readOf, resolve } from '../resolve.ts';
import { createsMember, openedBy } from './opened-by.ts';
import { directoryTypes, leadsToDirectoryObjects } from './directory-types.ts';
import { readableType, writeProperty } from './answer-limits.ts';
import { navigationNames } from './judge-query.ts';

interface Binding {
  /** The paths where the bound object is what the request is about. */
  readonly paths: RegExp;
  /** The collection of the bound object, in lower case. */
  readonly collection: string;
}

/** Names in a body that bind objects by reference. */
const bindings: Readonly<Record<string, Binding>> = {
  // "Create team"
  'template@odata.bind': { paths: /^teams$/, collection: 'teamstemplates' },
  // "Add member to team", "Add members in bulk to team", "Create chat", "Create team"
  'user@odata.bind': {
    paths:
      /^(?:teams|chats|teams\/\{\}\/(?:channels\/\{\}\/)?members|teams\/\{\}\/members\/(?:add|remove)|chats\/\{\}\/members)$/,
    collection: 'users',
  },
};
const harmlessAnnotations = /^(?:[A-Za-z_]\w*)?@odata\.(?:type|etag|context)$|^@microsoft\.graph\.conflictBehavior$/;
const callbacks = /^(?:notificationUrl|lifecycleNotificationUrl|callbackUri)$/i;

/**
 * Judges what a JSON body does beyond the path.
 * @returns the permissions that it needs in addition.
 * @throws Refusal if the rule does not have them, or the body binds objects or names an address to send data to.
 */
export function judgeBody(body: JsonObject, question: Question): readonly string[] {
  const { location, method, grant } = question;
  if (location.suffix === '$ref' || location.template.at(-1) === '$ref') return judgeReference(body, question);
  const path = location.path;
  for (const [key, values] of question.bodyNames ?? []) {
    if (callbacks.test(key)) {
      throw notPermitted(`The body names an address in ${quoted(key)}; use a token for requests that call back.`);
    }
    const binding = Object.hasOwn(bindings, key) ? bindings[key] : undefined;
    if (binding?.paths.test(path) === true) {
      for (const value of values) refuseOtherObject(key, value, { ...binding, host: grant.host });
      continue;
    }
    if (key.includes('@') && !harmlessAnnotations.test(key)) {
      throw notPermitted(`The body contains ${quoted(key)}; set references with a request of their own.`);
    }
  }
  return [
    ...Object.keys(body).flatMap((key) => [...writeProperty(key, method, grant), ...judgeNavigation(key, question)]),
    ...judgeTypes(body, question),
    ...judgeCreatedMember(body, question),
  ];
}

/**
 * A bound object must be one of its collection in this tenant. No permission to read it is asked for, because the
 * documentation of these requests asks for none: TeamMember.ReadWrite.All alone adds a member.
 */
function refuseOtherObject(key: string, url: unknown, { collection, host }: Binding & { host: string }): void {
  const isHere = typeof url === 'string' && url.toLowerCase().startsWith(`https://${host}/`.toLowerCase());
  const target = isHere ? readTarget(url, host) : undefined;
  const [first, second, ...more] = target === undefined ? [] : readPath(target.path).parts;
  const object = second?.kind === 'word' || second?.kind === 'key';
  if (first?.kind === 'word' && first.text.toLowerCase() === collection && object && more.length === 0) {
    if (target?.query === '') return;
  }
  throw unreadable(
    `The value of ${quoted(key)} is not the absolute URL of one object of /${collection} on ${host}; send that.`,
  );
}

/** The documentation describes the creation of groups in an administrative unit, and of nothing else. */
function judgeCreatedMember(body: JsonObject, { method, location, grant }: Question): readonly string[] {
  if (!createsMember(method, location)) return [];
  if (body['@odata.type'] !== '#microsoft.graph.group' || location.casts.length > 0) {
    throw notPermitted(
      'The request creates an object in the administrative unit; send "@odata.type": "#microsoft.graph.group", or append /$ref to add one that exists.',
    );
  }
  if (grant.permissions.has('Directory.ReadWrite.All')) return ['Directory.ReadWrite.All'];
  const oneOf = ['AdministrativeUnit.Read.All', 'AdministrativeUnit.ReadWrite.All'];
  const held = oneOf.find((permission) => grant.permissions.has(permission));
  if (held !== undefined) return [held];
  throw notPermitted(
    `Creating a group in an administrative unit also needs ${oneOf.join(' or ')}; add it to the rule.`,
  );
}

/** Roots of directory objects. */
const directoryEntity =
  /^(?:users|me|groups|devices|applications|serviceprincipals|contacts|directoryroles|directory|administrativeunits)$/;
const writes: readonly Method[] = methods.filter((method) => method !== 'GET' && method !== 'DELETE');

/** A navigation inside a body is written as well, so a permission must open it for a write. */
function judgeNavigation(key: string, question: Question): readonly string[] {
  const { map, grant, location } = question;
  const locations = navigate(location, key);
  const written = (target: Location): readonly Method[] =>
    writes.filter((method) => target.nodes.some((node) => opens(map, node, method, grant.scheme)));
  const relevant = locations.filter((target) => written(target).length > 0);
  const reference = leadsToDirectoryObjects(key) && directoryEntity.test(location.template[0] ?? '');
  if (reference || (relevant.length === 0 && navigationNames.has(key.toLowerCase()) && locations.length > 0)) {
    throw notPermitted(`The body sets the navigation ${quoted(key)}; change it with a request of its own.`);
  }
  return relevant.flatMap((target) => {
    for (const method of written(target)) {
      const found = openedBy({ ...readOf(question, target), method });
      if (found.permissions.length > 0) return found.permissions;
    }
    throw notPermitted(
      `The body sets ${quoted(key)}, and none of the rule's permissions changes ${target.written}; leave it out.`,
    );
  });
}

/** `@odata.id` names the object that a `$ref` request adds. The rule must be able to read that object. */
function judgeReference(body: JsonObject, question: Question): readonly string[] {
  const { map, grant } = question;
  const [[key, url] = ['', undefined], ...more] = Object.entries(body);
  if (key !== '@odata.id' || typeof url !== 'string' || more.length > 0) {
    throw unreadable('The body of a reference is not {"@odata.id": "https://…"}; send exactly that.');
  }
  const target = readTarget(url, grant.host);
  if (!url.toLowerCase().startsWith('https://') || target.query !== '') {
    throw unreadable(`The reference is not the absolute URL of an object on ${grant.host}; send that.`);
  }
  const location = resolve(map, readPath(target.path).parts, { method: 'GET', scheme: grant.scheme });
  if (!location.entity || location.casts.length > 0 || location.suffix !== undefined) {
    throw unreadable(
      'The reference does not name one object; send the URL of a single object, such as /v1.0/users/{id}.',
    );
  }
  const found = openedBy({ ...readOf(question, location), own: false });
  if (found.permissions.length > 0) return found.permissions;
  throw notPermitted(
    `The reference names an object of ${location.written}, which the rule may not read; add a permission that reads it.`,
  );
}

/** Bodies that name the types of the objects to return. */
function judgeTypes(body: JsonObject, question: Question): readonly string[] {
  if (question.location.template.at(-1) !== 'getbyids') return [];
  const { types } = body;
  const requested = Array.isArray(types) && types.length > 0 ? types : Object.keys(directoryTypes);
  return requested.flatMap((type: unknown) => {
    const found = readableType(String(type).toLowerCase(), question);
    if (found.length > 0) return found;
    throw notPermitted(
      `getByIds asks for objects that the rule may not read; list in "types" only types that its permissions read.`,
    );
  });
}
