/*
 * What a request did, in the words of whoever owns the tenant. The request itself is always beside it, so a request that is not
 * listed here loses nothing but its words.
 */

/** What a record says about a request. */
export interface Request {
  readonly resource?: string | undefined;
  readonly method?: string | undefined;
  readonly path?: string | undefined;
  /** The path with `*` for each key. */
  readonly template?: string | undefined;
  readonly cmdlet?: string | undefined;
  readonly bodyNames?: string | undefined;
}

/** POST requests that change nothing, and the commands of PowerShell that do not. What is not listed counts as a change. */
const reading =
  /\/(microsoft\.graph\.)?(getByIds|checkMember(Groups|Objects)|getMember(Groups|Objects)|getMailTips|findMeetingTimes|getSchedule|validateProperties|security\/(microsoft\.graph\.security\.)?runHuntingQuery|search\/query|conditionalAccess\/evaluate|directory\/estimateAccess|\$query)$/i;
const readingCommand =
  /^(get-\w+|search-(AdminAuditLog|MailboxAuditLog|UnifiedAuditLog)|export-MailboxDiagnosticLogs|test-(ApplicationAccessPolicy|MigrationServerAvailability|OAuthConnectivity))$/i;

/** Whether a request was made to change something. */
export function isChange({ method = 'GET', template = '', cmdlet }: Request): boolean {
  if (cmdlet !== undefined) return !readingCommand.test(cmdlet);
  return method !== 'GET' && method !== 'HEAD' && !(method === 'POST' && reading.test(template));
}

/** A kind of data, by the paths and permissions of Microsoft Graph that open it. The first that fits counts. */
const kindsOfData: readonly (readonly [RegExp, string])[] = [
  [/signIns\b/i, 'Sign-in logs'],
  [/^auditLogs|^AuditLog|directoryAudits/i, 'Directory audit logs'],
  [/authentication\/|authenticationMethods|^UserAuthenticationMethod/i, 'Sign-in methods of users'],
  [/messages|mailFolders|mailboxSettings|inferenceClassification|^(Mail|MailboxSettings|SMTP|IMAP|POP)\b/i, 'E-mail'],
  [/calendars?\b|calendarView|events\b|^Calendars/i, 'Calendars'],
  [/contacts\b|contactFolders|^Contacts/i, 'Contacts'],
  [/chats\b|channels\b|^teams\b|joinedTeams|^(Chat|Channel|Team)/i, 'Teams and chats'],
  [/drives?\b|^sites\b|^shares\b|onenote|^(Files|Sites|Notes)/i, 'Files and sites'],
  [/conditionalAccess|^policies\b|^Policy/i, 'Security policies'],
  [/^security\b|identityProtection|^(Security|Identity(Risk|Protection)|ThreatHunting)/i, 'Security alerts and risks'],
  [/roleManagement|directoryRoles?|^RoleManagement|^PrivilegedAccess/i, 'Administrator roles'],
  [/subscribedSkus|licenseDetails|assignLicense|^(License|Organization\.Licen)/i, 'Licences'],
  [
    /applications\b|servicePrincipals|oauth2PermissionGrants|appRoleAss|^(Application|AppRole|DelegatedPermissionGrant)/i,
    'Applications and their permissions',
  ],
  [/deviceManagement|deviceAppManagement|^devices\b|managedDevices|^Device/i, 'Devices'],
  [/^reports\b|^Reports/i, 'Usage reports'],
  [/serviceAnnouncement|^Service(Health|Message)/i, 'Service health'],
  [/^groups\b|memberOf|^Group/i, 'Groups and their members'],
  [/^(organization|domains|directory|directoryObjects|contracts)\b|^(Organization|Domain|Directory)\b/i, 'Directory'],
  [/^(users|me)\b|^User\b/i, 'Users'],
];

/** What an address or a permission opens. Undefined for what is not listed. */
export const kindOf = (text: string): string | undefined => kindsOfData.find(([pattern]) => pattern.test(text))?.[1];

/** The broker's own requests, which consent in tenants, have a path alone. */
const pathOf = ({ template = '', path = '' }: Request): string =>
  (template === '' ? path : template).replace(/^\/?(v1\.0|beta|v1)\//, '');

/** Whether a request consented to permissions of an application. */
export const isConsent = (request: Request): boolean => pathOf(request).endsWith('/applicationconsents');

/** What kind of data a request is about. */
export function dataOf(request: Request): string {
  const { resource = '', cmdlet } = request;
  if (cmdlet !== undefined) return 'Exchange: mailboxes and settings';
  if (resource === 'exchange') return 'Exchange: mailboxes and settings';
  if (resource !== '' && resource !== 'graph') return `Data of ${resource}`;
  const path = pathOf(request);
  return kindOf(path) ?? (path === '' ? 'Not known' : `Other: ${path.split('/', 1)[0]}`);
}

type Action = readonly [methods: string, template: RegExp, words: string, bodyNames?: RegExp];

/** The first that fits counts. `{}` is what the path names last. */
const actions: readonly Action[] = [
  ['POST', /authentication\/methods\/\*\/resetPassword$/, 'Reset the password of {user}'],
  ['POST', /^users\/\*\/(microsoft\.graph\.)?changePassword$/, 'Reset the password of {user}'],
  ['PATCH', /^users\/\*$/, 'Reset the password of {user}', /passwordProfile/],
  ['PATCH', /^users\/\*$/, 'Changed whether {user} may sign in', /accountEnabled/],
  ['PATCH', /^users\/\*$/, 'Changed the user {user}'],
  ['POST', /^users$/, 'Created a user'],
  ['DELETE', /^users\/\*$/, 'Deleted the user {user}'],
  ['POST', /^users\/\*\/(revokeSignInSessions|invalidateAllRefreshTokens)$/, 'Signed {user} out everywhere'],
  ['DELETE', /^users\/\*\/authentication\//, 'Removed a sign-in method of {user}'],
  ['POST,PUT,PATCH', /^users\/\*\/authentication\//, 'Added or changed a sign-in method of {user}'],
  ['POST', /^users\/\*\/assignLicense$/, 'Changed the licences of {user}'],
  ['POST', /^users\/\*\/sendMail$/, 'Sent an e-mail as {user}'],
  ['POST', /appRoleAssign|oauth2PermissionGrants$/, 'Gave an application permissions'],
  ['DELETE,PATCH', /appRoleAssign|oauth2PermissionGrants/, 'Changed the permissions of an application'],
  ['POST', /\/applicationconsents$/, 'Gave an application permissions in your tenant'],
  ['POST', /^groups\/\*\/members\/\$ref$/, 'Added a member to the group {first}'],
  ['DELETE', /^groups\/\*\/members\//, 'Removed a member from the group {first}'],
  ['POST', /directoryRoles\/\*\/members|roleAssignments$/, 'Gave somebody an administrator role'],
  ['DELETE', /directoryRoles\/\*\/members|roleAssignments\//, 'Took an administrator role away'],
  ['POST', /conditionalAccess\/policies$/, 'Created a Conditional Access policy'],
  ['PATCH,PUT', /conditionalAccess\/policies/, 'Changed the Conditional Access policy {last}'],
  ['DELETE', /conditionalAccess\/policies/, 'Deleted the Conditional Access policy {last}'],
  ['PATCH,PUT', /^policies\/authorizationPolicy/, 'Changed what users may do (authorization policy)'],
  ['POST', /managedDevices\/\*\/wipe$/, 'Wiped the device {last}'],
  ['POST', /managedDevices\/\*\/retire$/, 'Retired the device {last}'],
  ['POST', /managedDevices\/\*\/(remoteLock|rebootNow|syncDevice)$/, 'Sent a command to the device {last}'],
];

const verbs: Readonly<Record<string, string>> = {
  POST: 'Sent a change to',
  PATCH: 'Changed something in',
  PUT: 'Replaced something in',
  DELETE: 'Deleted something in',
};

/** The keys in the path of a request: the segments for which its template has a star. */
function keysIn({ path = '', template = '' }: Request): readonly string[] {
  const parts = path.split('/');
  const pattern = template.split('/');
  if (parts.length !== pattern.length) return [];
  return pattern.flatMap((part, at) => (part.includes('*') ? [parts[at] ?? ''] : []));
}

/** What was done, in the past tense. @param nameOf a name for the key of an object, such as a user. */
export function actionOf(request: Request, nameOf: (key: string) => string = (key) => key): string {
  const { method = '', bodyNames = '', cmdlet } = request;
  if (cmdlet !== undefined) return `Ran the Exchange command ${cmdlet}`;
  const data = dataOf(request);
  if (!isChange(request)) return `Read ${data.replace(/^Other: /, '')}`;
  const path = pathOf(request);
  const found = actions.find(
    ([methods, pattern, , names]) =>
      methods.split(',').includes(method) && pattern.test(path) && (names === undefined || names.test(bodyNames)),
  );
  if (found === undefined) return `${verbs[method] ?? 'Changed something in'} ${data.replace(/^Other: /, '')}`;
  const keys = keysIn(request);
  const named = (key: string | undefined, otherwise: string): string => (key === undefined ? otherwise : nameOf(key));
  return found[2]
    .replace('{user}', () => named(keys[0], 'a user'))
    .replace('{first}', () => named(keys[0], ''))
    .replace('{last}', () => named(keys.at(-1), ''));
}
