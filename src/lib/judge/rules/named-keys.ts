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
