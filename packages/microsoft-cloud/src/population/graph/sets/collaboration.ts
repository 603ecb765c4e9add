import type { Declaration, Row } from '../../../graph/declaration.ts';
import type { TenantFacts } from '../facts.ts';
import { type GroupData, groupById } from '../group-data.ts';
import { driveRow, siteById, siteOfOwner, siteRow, sitesOf } from '../site-data.ts';
import { channelRows, teamMemberRows, teamRow, teamsOf } from '../team-data.ts';
import { entitySet, singleton } from './declare.ts';

const forTeam =
  <T>(none: T, of: (facts: TenantFacts, group: GroupData) => T) =>
  (facts: TenantFacts, key = ''): T => {
    const group = groupById(facts).get(key);
    return group?.kind === 'team' ? of(facts, group) : none;
  };

/** The drive of a group or user. */
function driveOf(facts: TenantFacts, key = ''): Row | undefined {
  const site = siteOfOwner(facts).get(key);
  return site === undefined ? undefined : driveRow(facts, site);
}

const drivesOf = (facts: TenantFacts, key = ''): readonly Row[] => {
  const drive = driveOf(facts, key);
  return drive === undefined ? [] : [drive];
};

const drivesOfSite = (facts: TenantFacts, key = ''): readonly Row[] => {
  const site = siteById(facts).get(key);
  return site === undefined ? [] : [driveRow(facts, site)];
};

/** The teams of which a user is a member. */
const joinedTeams = (facts: TenantFacts, key = ''): readonly Row[] =>
  teamsOf(facts)
    .filter(({ memberIds, ownerIds }) => memberIds.includes(key) || ownerIds.includes(key))
    .map((group) => teamRow(facts, group));

/** The site of `root`, of a host name, or of `host:/sites/name`. */
function siteNamed(sites: readonly Row[], text: string): Row | undefined {
  const address = (row: Row): string =>
    String(row['webUrl'])
      .replace(/^https:\/\//, '')
      .toLowerCase();
  const isRoot = (row: Row): boolean => !address(row).includes('/') && !address(row).includes('-my.');
  if (text.toLowerCase() === 'root') return sites.find(isRoot);
  const wanted = text.replace(':/', '/').toLowerCase();
  return sites.find((row) => address(row) === wanted);
}

/** "List teams" and "List joinedTeams" return these properties only. */
const listed: ReadonlySet<string> = new Set(['id', 'displayname', 'description']);

export const collaborationSets: readonly Declaration[] = [
  entitySet('sites', 'site', (facts) => sitesOf(facts).map(siteRow), {
    searched: ['displayName', 'name'],
    named: siteNamed,
  }),
  {
    kind: 'set',
    path: 'sites/getAllSites',
    type: 'microsoft.graph.site',
    rows: (tenant) => tenant.rows('sites'),
    live: true,
  },
  entitySet('sites/{id}/drives', 'drive', drivesOfSite),
  singleton('sites/{id}/drive', 'drive', (facts, key) => drivesOfSite(facts, key)[0]),
  entitySet('drives', 'drive', (facts) => sitesOf(facts).map((site) => driveRow(facts, site))),
  singleton('users/{id}/drive', 'drive', driveOf),
  entitySet('users/{id}/drives', 'drive', drivesOf),
  singleton('groups/{id}/drive', 'drive', driveOf),
  entitySet('groups/{id}/drives', 'drive', drivesOf),
  entitySet('teams', 'team', (facts) => teamsOf(facts).map((group) => teamRow(facts, group)), { listed }),
  entitySet('teams/{id}/channels', 'channel', forTeam<readonly Row[]>([], channelRows)),
  entitySet('teams/{id}/members', 'conversationMember', forTeam<readonly Row[]>([], teamMemberRows)),
  singleton('groups/{id}/team', 'team', forTeam<Row | undefined>(undefined, teamRow)),
  entitySet('users/{id}/joinedTeams', 'team', joinedTeams, { listed }),
];
