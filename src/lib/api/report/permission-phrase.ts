import { listed } from '../../core/text.ts';

/** What customers call the things that permissions of the broker's own jobs are about. */
const things: Readonly<Record<string, string>> = {
  Application: 'applications',
  AuditLog: 'sign-ins and the audit log',
  ConfigurationMonitoring: 'configuration snapshots',
  Device: 'devices',
  DeviceManagementManagedDevices: 'managed devices',
  Directory: 'the directory',
  Domain: 'domains',
  Group: 'groups',
  GroupMember: 'members of groups',
  IdentityRiskyUser: 'users at risk',
  Organization: 'the organisation and its licences',
  Policy: 'policies',
  'Policy.Authorization': 'what users may do by default',
  'Policy.ConditionalAccess': 'Conditional Access',
  Reports: 'usage reports',
  SecurityEvents: 'security alerts',
  ServiceHealth: 'service health',
  SharePointTenantSettings: 'the settings of SharePoint',
  User: 'users',
};

/** Permissions that are not named after a thing and what is done with it. */
const others: Readonly<Record<string, string>> = {
  'Exchange.Manage': 'manage Exchange',
  'User.EnableDisableAccount.All': 'enable and disable accounts',
  'user_impersonation (Azure Service Management)': 'manage Azure',
};

/** `AuditLog` as `audit log`. */
const inWords = (name: string): string => name.replace(/(?<=[a-z\d])(?=[A-Z])/g, ' ').toLowerCase();

/** What permissions allow, for people who do not know their names: `may read users and domains, and manage Exchange`. */
export function permissionPhrase(permissions: readonly string[]): string {
  const [reads, changes, more] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const permission of permissions) {
    const [, thing = '', verb, of] = /^(\w+)\.(Read|ReadWrite)(?:\.(\w+))?$/.exec(permission) ?? [];
    const name = of === undefined || of === 'All' ? thing : `${thing}.${of}`;
    const words = things[name] ?? name.split('.').map(inWords).toReversed().join(' of ');
    if (verb === undefined) more.add(others[permission] ?? `use ${permission}`);
    else (verb === 'Read' ? reads : changes).add(words);
  }
  const of = (verb: string, some: ReadonlySet<string>): readonly string[] =>
    some.size === 0 ? [] : [`${verb} ${listed([...some])}`];
  for (const words of changes) reads.delete(words);
  const all = [...of('read', reads), ...of('read and change', changes), ...more];
  return all.length === 0
    ? ''
    : `may ${all.length === 1 ? all[0] : `${all.slice(0, -1).join(', ')}, and ${all.at(-1)}`}`;
}
