import { directoryRoles, type RoleName, rolesThatAllow } from '../population/roles.ts';

/** Roles of a delegated administrator, of which one is needed below a path of Graph. Undefined: any role. */
interface RoleRule {
  readonly read: readonly string[] | undefined;
  readonly write: readonly string[];
}

const roles = (...names: readonly RoleName[]): readonly string[] =>
  ['Global Administrator' as const, ...names].map((name) => directoryRoles[name]);

const any = undefined;
const applicationRoles = roles('Application Administrator', 'Cloud Application Administrator');
const securityReaders = roles('Global Reader', 'Security Administrator', 'Security Reader');
const policyReaders = [...securityReaders, directoryRoles['Conditional Access Administrator']];
const schedules = [
  'roleAssignmentSchedules',
  'roleAssignmentScheduleInstances',
  'roleEligibilitySchedules',
  'roleEligibilityScheduleInstances',
] as const;
const scheduleWriters = roles('Privileged Role Administrator');
const scheduleReaders = [...securityReaders, ...scheduleWriters];
const grantWriters = [...applicationRoles, ...roles('Privileged Role Administrator', 'User Administrator')];
const grantReaders = [...grantWriters, ...roles('Directory Readers', 'Global Reader')];
/** Those that "Microsoft Entra built-in roles" labels as privileged. */
const privilegedRoles = [
  ...securityReaders,
  ...applicationRoles,
  ...roles(
    'Conditional Access Administrator',
    'Intune Administrator',
    'Privileged Role Administrator',
    'User Administrator',
  ),
];
/** Reports with a line for each user or site. */
const detailReports = [
  'getMailboxUsageDetail',
  'getEmailActivityUserDetail',
  'getOffice365ActiveUserDetail',
  'getOffice365ActivationsUserDetail',
  'getOneDriveUsageAccountDetail',
  'getSharePointSiteUsageDetail',
  'getTeamsUserActivityUserDetail',
] as const;
const intuneReaders = [...securityReaders, directoryRoles['Intune Administrator']];

/**
 * Path, roles to read, roles to write; the longest path that fits counts. Source: the section on supported roles of the
 * Graph pages about the path, except where a row says otherwise. Roles that no relationship here contains are left out.
 */
const rules: ReadonlyMap<string, RoleRule> = new Map(
  (
    [
      // "Least privileged roles by task in Microsoft Entra ID"
      ['users', any, roles('User Administrator')],
      ['users/{}/assignLicense', any, roles('License Administrator', 'User Administrator')],
      ['users/{}/authentication', roles('Global Reader'), roles()],
      // "Least privileged roles by task in Microsoft Entra ID"
      ['groups', any, roles('Groups Administrator', 'User Administrator')],
      ['groups/{}/assignLicense', any, roles('License Administrator', 'User Administrator')],
      ['devices', any, roles('Intune Administrator')],
      // "Microsoft Entra built-in roles"
      ['contacts', any, roles('Intune Administrator')],
      ['domains', any, roles()],
      ['organization', any, roles()],
      // The page names Directory Readers and Global Reader. Any role is chosen: partners read it with the roles for licences.
      ['subscribedSkus', any, roles()],
      ['directoryRoles', any, roles('Privileged Role Administrator')],
      [
        'roleManagement',
        roles('Directory Readers', 'Global Reader', 'Privileged Role Administrator'),
        roles('Privileged Role Administrator'),
      ],
      ...schedules.map((name) => [`roleManagement/directory/${name}`, scheduleReaders, scheduleWriters] as const),
      ['applications', rolesThatAllow.applications, applicationRoles],
      ['servicePrincipals', rolesThatAllow.applications, applicationRoles],
      ['oauth2PermissionGrants', grantReaders, grantWriters],
      [
        'identity/conditionalAccess',
        policyReaders,
        roles('Conditional Access Administrator', 'Security Administrator'),
      ],
      [
        'policies/identitySecurityDefaultsEnforcementPolicy',
        policyReaders,
        roles('Conditional Access Administrator', 'Security Administrator'),
      ],
      [
        'policies/authorizationPolicy',
        [...securityReaders, ...roles('License Administrator', 'Privileged Role Administrator')],
        roles('Privileged Role Administrator'),
      ],
      ['policies/authenticationMethodsPolicy', roles('Global Reader'), roles()],
      // From memory, for policies without a row of their own
      ['policies', policyReaders, roles()],
      ['auditLogs', rolesThatAllow.reports, roles()],
      ['reports/authenticationMethods', rolesThatAllow.reports, roles()],
      // "Authorization for APIs to read Microsoft 365 usage reports"
      ['reports', roles('Exchange Administrator', 'Global Reader', 'Reports Reader'), roles()],
      // The same page: Global Reader gets numbers of the tenant alone. That Graph refuses the rest is a guess.
      ...detailReports.map(
        (name) => [`reports/${name}`, roles('Exchange Administrator', 'Reports Reader'), roles()] as const,
      ),
      // From memory
      ['security', securityReaders, roles('Security Administrator')],
      ['identityProtection', securityReaders, roles('Security Administrator')],
      ['informationProtection/bitlocker', intuneReaders, roles()],
      ['directory/deviceLocalCredentials', intuneReaders, roles()],
      [
        'directory/administrativeUnits',
        roles('Directory Readers', 'Global Reader', 'Privileged Role Administrator'),
        roles('Privileged Role Administrator'),
      ],
      // Users need User Administrator, groups Groups Administrator, applications one of the others. The path has only an id.
      ['directory/deletedItems', any, [...applicationRoles, ...roles('Groups Administrator', 'User Administrator')]],
      // "Get sharepointSettings", "Update sharepointSettings"
      ['admin/sharepoint', roles('Global Reader', 'SharePoint Administrator'), roles('SharePoint Administrator')],
      // "Set up authentication for unified tenant configuration management APIs": any privileged role
      ['admin/configurationManagement', privilegedRoles, privilegedRoles],
      // "Microsoft Entra built-in roles"
      ['deviceManagement', intuneReaders, roles('Intune Administrator')],
      ['deviceAppManagement', intuneReaders, roles('Intune Administrator')],
    ] as const
  ).map(([path, read, write]) => [path.toLowerCase(), { read, write }]),
);

/** POST requests that change nothing. */
export const readingPosts =
  /\/(?:microsoft\.graph\.)?(?:getByIds|checkMember\w+|getMember\w+|validateProperties|evaluate|runHuntingQuery)(?:\(\))?\/?$/i;

/**
 * The roles of which a delegated administrator needs one for a request in a customer tenant.
 * @param path without version.
 * @returns undefined where any role is enough.
 */
export function rolesFor(method: string, path: string): readonly string[] | undefined {
  const rule = ruleFor(path);
  if (rule === undefined) return undefined;
  return method === 'GET' || readingPosts.test(path) ? rule.read : rule.write;
}

function ruleFor(path: string): RoleRule | undefined {
  const segments = path
    .toLowerCase()
    .replaceAll(/\((?:'[^']*'|\w+='[^']*')\)/g, '/{}')
    .split('/')
    .filter(Boolean);
  for (let length = segments.length; length > 0; length -= 1) {
    const start = segments.slice(0, length);
    const found = rules.get(start.join('/')) ?? rules.get(start.map((part, at) => (at === 1 ? '{}' : part)).join('/'));
    if (found !== undefined) return found;
  }
  return undefined;
}
