import type { MapNode } from 'graph-permissions/permission-map';
import { partnerMap } from 'graph-permissions/partner-table';
import { loadTypes, type Schema, schemaOf, type TypeInfo } from '../graph/schema/schema.ts';
import { betaTypes, stableTypes } from '../graph/schema/table.ts';
import { roots } from '../graph/schema/roots.ts';

/** Property in lower case → the members of the enumerations that a property of this name has in any type. */
const enumerations = new Map<string, Set<string>>();
const typeNames = new Set<string>();
readTypes(`${stableTypes}\n${betaTypes}`);

function readTypes(text: string): void {
  const lines = text.split('\n').filter(Boolean);
  const members = new Map<string, readonly string[]>();
  for (const line of lines.filter((each) => each.startsWith('#'))) {
    const [name = '', ...more] = line.slice(1).split(' ');
    members.set(name.toLowerCase(), [...(members.get(name.toLowerCase()) ?? []), ...more]);
  }
  for (const line of lines.filter((each) => !each.startsWith('#'))) {
    typeNames.add((line.split(/[ :]/, 1)[0] ?? '').toLowerCase());
    for (const [, name = '', type = ''] of line.matchAll(/ ([^\s=]+)=([^\s*!]+)/g)) {
      const known = enumerations.get(name.toLowerCase()) ?? new Set();
      for (const member of members.get(type.toLowerCase()) ?? []) known.add(member);
      enumerations.set(name.toLowerCase(), known);
    }
  }
}

/** Values of text properties that Microsoft's documentation lists. A filter with another value would find nothing. */
const documentedValues: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    usertype: ['Member', 'Guest'],
    grouptypes: ['Unified', 'DynamicMembership'],
    capabilitystatus: ['Enabled', 'Warning', 'Suspended', 'Deleted', 'LockedOut'],
    appliesto: ['User', 'Company'],
    authenticationtype: ['Managed', 'Federated'],
    serviceprincipaltype: ['Application', 'ManagedIdentity', 'Legacy', 'SocialIdp'],
    // Of `@removed` in delta queries.
    reason: ['changed', 'deleted'],
  }),
);

/** Members of objects that are no properties of the schema: those of errors, batches and delta queries. */
const otherMembers: ReadonlySet<string> = new Set(
  'value error code message innererror date request-id client-request-id details target requests responses method url headers body status dependson reason content-type consistencylevel prefer retry-after'.split(
    ' ',
  ),
);
const annotations: ReadonlySet<string> = new Set(
  '@odata.context @odata.nextlink @odata.deltalink @odata.count @odata.type @odata.id @odata.etag @odata.bind @odata.editlink @odata.navigationlink @odata.associationlink @odata.readlink @odata.mediareadlink @odata.mediaeditlink @odata.mediacontenttype @odata.mediaetag @removed @delta @microsoft.graph.tips @microsoft.graph.downloadurl @microsoft.graph.conflictbehavior'.split(
    ' ',
  ),
);

/** Whether Microsoft's schema has a property of this name, in any type. */
export const isProperty = (name: string): boolean => enumerations.has(name.toLowerCase());

export const isMember = (name: string): boolean => isProperty(name) || otherMembers.has(name.toLowerCase());

export const isAnnotation = (name: string): boolean => annotations.has(name.toLowerCase());

/** `#microsoft.graph.user`, `microsoft.graph.user`, `graph.user`, `#Collection(microsoft.graph.user)`. */
export function isTypeName(text: string): boolean {
  const [, collection, item] = /^#?(?:Collection\(([\w.]{1,120})\)|([\w.]{1,120}))$/.exec(text) ?? [];
  const name = collection ?? item ?? '';
  if (/^(?:Edm\.)?(?:String|Boolean|Int32|Int64|Double|DateTimeOffset|Guid)$/.test(name)) return true;
  const [, short = ''] = /^(?:microsoft\.)?graph\.(.+)$/.exec(name) ?? [];
  return typeNames.has(short.toLowerCase());
}

/** Their values say something of a person, also if the schema lists them. */
const personal: ReadonlySet<string> = new Set(['gender', 'relationship', 'studentagegroup', 'proficiency']);

/** Whether the schema or the documentation lists the value for a property of this name, and it is not personal. */
export const isListedValue = (property: string, value: string): boolean =>
  !personal.has(property.toLowerCase()) &&
  (enumerations.get(property.toLowerCase())?.has(value) === true ||
    documentedValues.get(property.toLowerCase())?.includes(value) === true);

const errorCodes: ReadonlySet<string> = new Set(
  `accessDenied activityLimitReached generalException invalidRange invalidRequest itemNotFound malwareDetected
nameAlreadyExists notAllowed notSupported quotaLimitReached resourceModified resyncRequired serviceNotAvailable
syncStateNotFound unauthenticated BadRequest Conflict Forbidden NotFound NotImplemented Unauthorized UnknownError
InternalServerError InvalidAuthenticationToken InvalidRequest ResourceNotFound ErrorItemNotFound ErrorAccessDenied
ErrorInvalidUser MailboxNotEnabledForRESTAPI MailboxNotSupportedForRESTAPI ExtensionError RequestBroker--ParseUri
Authentication_MSGraphPermissionMissing Authentication_RequestFromNonPremiumTenantOrB2CTenant
Authentication_RequestFromUnsupportedUserRole Authorization_IdentityDisabled Authorization_IdentityNotFound
Authorization_RequestDenied Directory_BindingRedirection Directory_ConcurrencyViolation Directory_ExpiredPageToken
Directory_ObjectNotFound Directory_QuotaExceeded Directory_ResultSizeLimitExceeded KeyCredentialsInvalidCertificate
KeyCredentialsInvalidEndDate PasswordCredentialInvalidEndDate Request_BadRequest Request_DataContractVersionMissing
Request_InvalidDataContractVersion Request_InvalidRequestUrl Request_MultipleObjectsWithSameKeyValue
Request_ResourceNotFound Request_UnsupportedQuery Service_InternalServerError SyncStateNotFound
AadPremiumLicenseRequired 400 404`.split(/\s+/),
);

/** Whether the text is a code that Microsoft's services are known to answer. */
export const isErrorCode = (text: string): boolean => errorCodes.has(text);

await loadTypes();

/** Functions, actions and segments of the permission map: in lower case, without parameters. */
const operations: ReadonlySet<string> = new Set([
  ...'delta root me getbyids checkmembergroups checkmemberobjects getmembergroups getmemberobjects getallsites'.split(
    ' ',
  ),
  ...segmentsOf(partnerMap().root),
]);

function segmentsOf([, children = {}]: MapNode): readonly string[] {
  return Object.entries(children).flatMap(([name, child]) => [
    ...(name === '{}' ? [] : [name.replace(/\(.*$/, '')]),
    ...segmentsOf(child),
  ]);
}

/** Whether the text is the name of a function, an action or another segment of Graph's paths. */
export const isOperation = (name: string): boolean => operations.has(name.toLowerCase());

const fixed: ReadonlySet<string> = new Set(['$batch', '$count', '$ref', '$value', '$entity', '$metadata']);

/** @param hasKeys whether keys or parameters in parentheses follow the segment. */
export type PathReader = (name: string, hasKeys: boolean) => boolean;

/**
 * Tells the names in a path from the keys: each segment is looked up in the type to which the segments before it lead. A
 * property that the schema has elsewhere only is a key, and so is all that stands between two colons: in
 * `root:/Reports/Members:/children` the names of folders. Operations are names everywhere.
 */
export function pathReader(version: string): PathReader {
  const schema: Schema = schemaOf(version === 'beta' ? 'beta' : 'v1.0');
  let at: { readonly type?: TypeInfo | undefined; readonly isList: boolean } | undefined;
  const read = (name: string): boolean => {
    if (fixed.has(name)) return true;
    if (isTypeName(name)) {
      at = { type: schema.type(name), isList: at?.isList === true };
      return true;
    }
    if (at === undefined) {
      const root = roots.get(name.toLowerCase());
      const typeName = name.toLowerCase() === 'me' ? 'user' : root?.typeName;
      at = { type: typeName === undefined ? undefined : schema.type(typeName), isList: root?.isList === true };
      return typeName !== undefined;
    }
    const property = at.isList ? undefined : at.type?.find(name);
    if (property !== undefined) {
      at = { type: schema.type(property.typeName), isList: property.isList };
      return true;
    }
    const isKnown = isOperation(name) && !(at.isList && isProperty(name));
    // A key leads from a list to one of its objects.
    at = { type: at.type, isList: false };
    return isKnown;
  };
  let isByPath = false;
  return (name, hasKeys) => {
    const isKnown = !isByPath && read(name);
    if (name.endsWith(':')) isByPath = !isByPath;
    if (hasKeys) at = { type: at?.type, isList: false };
    return isKnown;
  };
}
