/** Types of directory objects, in lower case, with the template of the path that reads one. */
export const directoryTypes: Readonly<Record<string, readonly string[]>> = {
  user: ['users', '{}'],
  group: ['groups', '{}'],
  device: ['devices', '{}'],
  serviceprincipal: ['serviceprincipals', '{}'],
  application: ['applications', '{}'],
  orgcontact: ['contacts', '{}'],
  directoryrole: ['directoryroles', '{}'],
  administrativeunit: ['directory', 'administrativeunits', '{}'],
};

/** Their names as `@odata.type` spells them. */
export const typeNames: Readonly<Record<string, string>> = Object.fromEntries(
  'user group device servicePrincipal application orgContact directoryRole administrativeUnit'
    .split(' ')
    .map((name) => [name.toLowerCase(), name]),
);

/**
 * Types that a path may cast to. Any other qualified name is read as a function or action: in Graph, no function or action
 * has the name of one of these types.
 */
export const knownTypes: ReadonlySet<string> = new Set([...Object.keys(directoryTypes), 'directoryobject']);

/**
 * Navigations that lead to directory objects of several types. Graph shows only `@odata.type` and `id` of an object whose
 * type the token may not read ("Microsoft Graph permissions overview", "Limited information returned for inaccessible
 * member objects"). The broker's token may read more than the rule, so the sender does the same.
 */
const mixedNavigations = new Set(
  (
    'members transitivemembers memberof transitivememberof owners ownedobjects createdobjects registeredowners registeredusers ' +
    'owneddevices registereddevices manager directreports transitivereports acceptedsenders rejectedsenders sponsors sponsorof ' +
    'memberswithlicenseerrors assignedto principal appliesto createdonbehalfof invitedby'
  ).split(' '),
);

/** Roots under which these navigations lead to directory objects. */
const directoryRoots = new Set(
  (
    'users me groups devices applications serviceprincipals contacts directoryroles directory directoryobjects ' +
    'administrativeunits rolemanagement policies'
  ).split(' '),
);

/** Whether a navigation leads to other objects of the directory. */
export const leadsToDirectoryObjects = (name: string): boolean => mixedNavigations.has(name.toLowerCase());

/** Whether a path ends with a navigation to directory objects, or with one of its objects. */
export function isDirectoryNavigation(template: readonly string[]): boolean {
  const last = template.at(-1) === '{}' ? template.at(-2) : template.at(-1);
  return template.length > 1 && directoryRoots.has(template[0] ?? '') && mixedNavigations.has(last ?? '');
}

/** Whether a path answers with directory objects of several types. */
export const answersMixedTypes = (template: readonly string[]): boolean =>
  template[0] === 'directoryobjects' ||
  (template[0] === 'directory' && template[1] === 'deleteditems') ||
  isDirectoryNavigation(template);

/**
 * Collections whose keys are names. The permission map lists some of the keys as literals, with fewer permissions than
 * `{id}`, so both are united.
 */
const namedKeyCollections = new Set(['policies/authenticationmethodspolicy/authenticationmethodconfigurations']);

export const hasNamedKeys = (path: string): boolean => namedKeyCollections.has(path);

/** Keys of letters only that Microsoft documents, by the collection's name. */
const wellKnownNames: Readonly<Record<string, readonly string[]>> = {
  // "mailFolder resource type", well-known folder names
  mailfolders: (
    'archive clutter conflicts conversationhistory deleteditems drafts inbox junkemail localfailures msgfolderroot outbox ' +
    'recoverableitemsdeletions scheduled searchfolders sentitems serverfailures syncissues'
  ).split(' '),
  // "driveItem resource type"
  items: ['root'],
  // "Get a special folder by name"
  special: ['documents', 'photos', 'cameraroll', 'approot', 'music'],
  // "authenticationMethodConfiguration resource type"
  includetargets: ['all_users'],
  excludetargets: ['all_users'],
  // "organizationalBrandingLocalization resource type"
  localizations: ['default'],
  authenticationmethodconfigurations:
    'fido2 microsoftauthenticator sms softwareoath hardwareoath temporaryaccesspass email voice x509certificate qrcodepin'.split(
      ' ',
    ),
};

/** Whether a word of letters only is a documented key of the collection. */
export const isWellKnownName = (template: readonly string[], name: string): boolean =>
  wellKnownNames[template.at(-1) ?? '']?.includes(name.toLowerCase()) === true;
