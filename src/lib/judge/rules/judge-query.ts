import type { JsonObject } from '../../core/objects.ts';
import type { PropertyPath } from '../reading/filter.ts';
import { type Expansion, noQuery, type QueryUse } from '../reading/query.ts';
import { type Location, locationOf, navigate, type Question, readOf } from '../resolve.ts';
import { type Grant, notPermitted, quoted, unreadable } from '../verdict.ts';
import { readProperty, refuseHiddenConditions } from './answer-limits.ts';
import { openedBy } from './opened-by.ts';
import { refuseAddressNames, refuseSpecialEndpoints } from './special-endpoints.ts';

/**
 * Navigations of directory objects, in lower case. Where the permission map does not list one below a path, a query or
 * body that names it is refused; other unknown names are properties.
 */
export const navigationNames: ReadonlySet<string> = new Set(
  (
    'mailboxsettings insights presence employeeexperience members transitivemembers memberof transitivememberof owners ownedobjects createdobjects registeredowners registeredusers ' +
    'owneddevices registereddevices manager directreports transitivereports acceptedsenders rejectedsenders sponsors ' +
    'approleassignments approleassignedto oauth2permissiongrants scopedrolememberof scopedmembers licensedetails messages ' +
    'mailfolders calendars calendar events calendarview contacts contactfolders drive drives onenote planner photo photos ' +
    'authentication extensions joinedteams chats teamwork todo memberswithlicenseerrors delegatedpermissionclassifications ' +
    'federatedidentitycredentials claimsmappingpolicies homerealmdiscoverypolicies tokenlifetimepolicies tokenissuancepolicies'
  ).split(' '),
);

/**
 * Complex and collection properties, in lower case: the only names that a query may use with a slash, `any` or `$count`
 * although they are no navigation of the path.
 */
const complexProperties: ReadonlySet<string> = new Set(
  (
    'identities assignedlicenses assignedplans provisionedplans proxyaddresses businessphones othermails imaddresses interests ' +
    'onpremisesextensionattributes employeeorgdata signinactivity grouptypes infocatalogs resourceprovisioningoptions ' +
    'creationoptions resourcebehavioroptions physicalids alternativesecurityids extensionattributes hostnames tags ' +
    'serviceprincipalnames replyurls keycredentials passwordcredentials identifieruris api web spa publicclient ' +
    'verifiedpublisher optionalclaims requiredresourceaccess alternativenames addins info approles oauth2permissionscopes ' +
    'status location devicedetail initiatedby targetresources modifiedproperties additionaldetails appliedconditionalaccesspolicies ' +
    'userstates hoststates vendorinformation evidence conditions grantcontrols sessioncontrols prepaidunits serviceplans ' +
    'from sender torecipients ccrecipients bccrecipients replyto body start end organizer attendees flag emailaddresses ' +
    'createdby lastmodifiedby parentreference file folder fields methodsregistered systempreferredauthenticationmethods ' +
    'scheduleinfo principalscope accessdetails customer detail details licenseassignmentstates verifieddomains ' +
    'assignmentfiltertype target deviceactionresults configurationmanagerclientenabledfeatures userexperienceanalytics ' +
    'signineventtypes'
  ).split(' '),
);

/** Properties of schema and directory extensions. */
const extensionProperty = /^ext(?:[a-z0-9]{8}_\w+|ension_[0-9a-f]{32}_\w+)$/i;

const principals = [
  ['users', '{}'],
  ['groups', '{}'],
  ['serviceprincipals', '{}'],
] as const;
const roleDefinition = [['rolemanagement', 'directory', 'roledefinitions', '{}']] as const;
const contained: readonly (readonly string[])[] = [];

const roleNavigations = { principal: principals, roledefinition: roleDefinition };

/**
 * Navigations that the permission map lacks, by collection and name: the templates that the rule must be able to read, none
 * for an object that is part of its entity. Reviewed one by one against the documentation of the entity.
 */
const navigations: Readonly<Record<string, Readonly<Record<string, readonly (readonly string[])[]>>>> = {
  'rolemanagement/directory/roleassignments': roleNavigations,
  'rolemanagement/directory/roleassignmentschedules': roleNavigations,
  'rolemanagement/directory/roleassignmentscheduleinstances': roleNavigations,
  'rolemanagement/directory/roleeligibilityschedules': roleNavigations,
  'rolemanagement/directory/roleeligibilityscheduleinstances': roleNavigations,
  'policies/rolemanagementpolicyassignments': {
    policy: [['policies', 'rolemanagementpolicies', '{}']],
    'policy/rules': [
      ['policies', 'rolemanagementpolicies', '{}'],
      ['policies', 'rolemanagementpolicies', '{}', 'rules'],
    ],
  },
  'sites/{}/lists/{}/items': { fields: contained },
};

/** The templates that an expanded navigation reads, or undefined for one that is not listed. */
function supplementedNavigation(
  template: readonly string[],
  names: readonly string[],
): readonly (readonly string[])[] | undefined {
  const collection = (template.at(-1) === '{}' ? template.slice(0, -1) : template).join('/');
  const listed = Object.hasOwn(navigations, collection) ? navigations[collection] : undefined;
  const name = names.join('/').toLowerCase();
  return listed !== undefined && Object.hasOwn(listed, name) ? listed[name] : undefined;
}

/** Types of the account's own data: their permissions cover nothing else, so the rule must allow /me. */
const ownTypes: ReadonlySet<unknown> = new Set(['message', 'event']);

/** Permissions that search a type of objects, one of which is needed ("Use the Microsoft Search API", "entityTypes"). */
const permissionsByType: Readonly<Record<string, readonly string[]>> = {
  message: ['Mail.Read', 'Mail.ReadWrite'],
  event: ['Calendars.Read', 'Calendars.ReadWrite'],
  driveItem: ['Files.Read.All', 'Files.ReadWrite.All', 'Sites.Read.All', 'Sites.ReadWrite.All'],
  drive: ['Files.Read.All', 'Files.ReadWrite.All', 'Sites.Read.All', 'Sites.ReadWrite.All'],
  list: ['Sites.Read.All', 'Sites.ReadWrite.All'],
  listItem: ['Sites.Read.All', 'Sites.ReadWrite.All'],
  site: ['Sites.Read.All', 'Sites.ReadWrite.All'],
  externalItem: ['ExternalItem.Read.All'],
  acronym: ['Acronym.Read.All'],
  bookmark: ['Bookmark.Read.All'],
  qna: ['QnA.Read.All'],
};

/** The types that the body of POST /search/query asks for. @throws Refusal for a body that does not say. */
export function searchedTypes(body: JsonObject | undefined): readonly string[] {
  const requests: unknown = body?.['requests'];
  const types = (Array.isArray(requests) ? requests : []).flatMap((request: unknown): unknown[] => {
    const requested: unknown = (request as { entityTypes?: unknown } | null)?.entityTypes;
    return Array.isArray(requested) && requested.length > 0 ? requested : [undefined];
  });
  if (types.length > 0 && types.every((type) => typeof type === 'string')) return [...new Set(types)];
  throw unreadable('The search does not name its entityTypes; list them in every request of the body.');
}

/** @returns the permissions that search these types. @throws Refusal for a type that the rule may not search. */
export const judgeSearchedTypes = (types: readonly string[], grant: Grant): readonly string[] =>
  types.map((type) => {
    const oneOf = Object.hasOwn(permissionsByType, type) ? (permissionsByType[type] ?? []) : [];
    const held = oneOf.find((permission) => grant.permissions.has(permission));
    if (held !== undefined && ownTypes.has(type) && grant.scheme === 'delegated' && !grant.me) {
      throw notPermitted(
        `The search asks for ${type}, which are objects of the signed-in account; add a path of /me to the rule, or leave the type out.`,
      );
    }
    if (held !== undefined) return held;
    throw notPermitted(
      oneOf.length === 0
        ? 'The search asks for a type that the gateway does not know; search for message, event, driveItem, list, listItem or site.'
        : `The search asks for ${type}; add ${oneOf.join(' or ')} to the rule, or leave the type out.`,
    );
  });

/**
 * Judges every navigation and property that a query names, as a GET of its own. The path itself is judged elsewhere.
 * @returns the permissions that they need, and the locations whose objects are in the answer: expanded navigations, and those
 * that `$select` names.
 * @throws Refusal for the first one that the rule's permissions do not open.
 */
export function judgeQuery(question: Question): Navigated {
  const { query } = question;
  const answered = [
    ...(query.select ?? []).map((path) => judgePath(path, true, question)),
    ...query.expand.map((expansion) => judgeExpansion(expansion, question)),
  ];
  const conditions = query.conditions.map((path) => judgePath(path, false, question));
  return {
    permissions: [...answered, ...conditions].flatMap(({ permissions }) => permissions),
    locations: answered.flatMap(({ locations }) => locations),
  };
}

/** What names in a query need and lead to. */
interface Navigated {
  readonly permissions: readonly string[];
  readonly locations: readonly Location[];
}

/** A property path of `$select`, `$filter`, `$orderby` or `$search`. */
function judgePath({ names, collection }: PropertyPath, selected: boolean, question: Question): Navigated {
  refuseAddressNames(names);
  const [name = '', ...rest] = names;
  const own = readProperty(name, question.grant);
  const locations = navigate(question.location, name);
  if (locations.length > 0) {
    const found = judgeLocations(locations, useOf({ names: rest, collection }, selected), question);
    return { permissions: [...own, ...found.permissions], locations: [...locations, ...found.locations] };
  }
  if (navigationNames.has(name.toLowerCase())) throw unknownNavigation(name, question);
  const complex = rest.length > 0 || collection;
  if (complex && !complexProperties.has(name.toLowerCase()) && !extensionProperty.test(name)) {
    throw unreadable(
      `The query uses ${quoted(name)} with a path, and the gateway knows it neither as a navigation of ${question.location.written} nor as a complex property; leave it out.`,
    );
  }
  return { permissions: own, locations: [] };
}

/** What a path reads of the navigation that it starts with. */
function useOf(path: PropertyPath, selected: boolean): QueryUse {
  // In a delta answer, a navigation in $select returns all of it.
  if (path.names.length === 0 && selected) return noQuery;
  const read = path.names.length === 0 ? { names: ['id'], collection: false } : path;
  return { ...noQuery, select: [read], conditions: selected ? [] : [read] };
}

function judgeExpansion({ names, query }: Expansion, question: Question): Navigated {
  refuseAddressNames(names);
  const [name = '', ...rest] = names;
  const own = readProperty(name, question.grant);
  const use: QueryUse = rest.length === 0 ? query : { ...noQuery, expand: [{ names: rest, query }] };
  const locations = navigate(question.location, name);
  if (locations.length > 0) {
    const found = judgeLocations(locations, use, question);
    return { permissions: [...own, ...found.permissions], locations: [...locations, ...found.locations] };
  }
  const supplemented = supplementedNavigation(question.location.template, names);
  if (supplemented === undefined) throw unknownNavigation(name, question);
  // Contained objects: whoever reads the entity reads them.
  const permissions = supplemented.flatMap((template) => judgeTemplate(template, query, question));
  return { permissions: [...own, ...permissions], locations: [] };
}

function judgeLocations(locations: readonly Location[], query: QueryUse, question: Question): Navigated {
  const permissions: string[] = [];
  const further: Location[] = [];
  for (const location of locations) {
    const next = readOf(question, location, query);
    refuseSpecialEndpoints('GET', location, false);
    permissions.push(...requireOpened(next));
    refuseHiddenConditions(next);
    const found = judgeQuery(next);
    permissions.push(...found.permissions);
    further.push(...found.locations);
  }
  return { permissions, locations: further };
}

function judgeTemplate(template: readonly string[], query: QueryUse, question: Question): readonly string[] {
  const location = locationOf(question.map, template);
  if (location === undefined) throw unknownNavigation(template.join('/'), question);
  return judgeLocations([location], query, { ...question, own: false }).permissions;
}

/** @returns the permissions that open the location. @throws Refusal if none of the rule's does. */
function requireOpened(question: Question): readonly string[] {
  const { permissions, limits } = openedBy(question);
  if (permissions.length > 0) return permissions;
  const { written } = question.location;
  throw notPermitted(
    limits.length > 0
      ? `The query reads ${written}, and ${limits[0]}; add a permission that reads it, or leave it out.`
      : `The query reads ${written}, which none of the rule's permissions opens; add one that does, or leave it out.`,
  );
}

const unknownNavigation = (name: string, { location }: Question): Error =>
  unreadable(
    `The permission map does not contain the navigation ${quoted(name)} of ${location.written}; leave it out, or request it on its own.`,
  );
