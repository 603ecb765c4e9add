import { dayMs } from '../../clock.ts';
import type { Row } from '../../graph/declaration.ts';
import { idOf, labelOf, perTenant, randomOf, type TenantFacts, time } from './facts.ts';
import { groupDataOf } from './group-data.ts';
import { hasPlan } from './licensing.ts';
import { profilesOf } from './user-profiles.ts';

const gigabyte = 1_073_741_824;
const teamQuota = 25_600 * gigabyte;
const personalQuota = 1024 * gigabyte;

/** A site with its document library. */
export interface SiteData {
  readonly id: string;
  readonly siteGuid: string;
  readonly driveId: string;
  readonly name: string;
  readonly displayName: string;
  readonly description: string | null;
  readonly webUrl: string;
  readonly createdMs: number;
  readonly lastActivityMs: number;
  readonly usedBytes: number;
  readonly quotaBytes: number;
  readonly fileCount: number;
  readonly isPersonal: boolean;
  /** The group whose site it is. */
  readonly groupId: string | undefined;
  /** The user whose OneDrive it is. */
  readonly ownerId: string | undefined;
}

interface SitePlan {
  readonly key: string;
  readonly host: string;
  readonly path: string;
  readonly name: string;
  readonly displayName: string;
  readonly description?: string;
  readonly createdMs: number;
  readonly groupId?: string;
  readonly ownerId?: string;
  /** Time of the owner's last sign-in, after which nobody changed the files. */
  readonly untilMs?: number | undefined;
}

function siteOf(facts: TenantFacts, plan: SitePlan): SiteData {
  const random = randomOf(facts, 'site', plan.key);
  const isPersonal = plan.ownerId !== undefined;
  const quotaBytes = isPersonal ? personalQuota : teamQuota;
  const siteGuid = idOf(facts, 'site', plan.key);
  const idleMs = Math.floor(random() * 60 * dayMs);
  return {
    id: `${plan.host},${siteGuid},${idOf(facts, 'web', plan.key)}`,
    siteGuid,
    driveId: `b!${Buffer.from(siteGuid.replaceAll('-', '') + idOf(facts, 'drive', plan.key).replaceAll('-', ''), 'hex').toString('base64url')}`,
    name: plan.name,
    displayName: plan.displayName,
    description: plan.description ?? null,
    webUrl: `https://${plan.host}${plan.path}`,
    createdMs: plan.createdMs,
    lastActivityMs: Math.max(plan.createdMs, Math.min(plan.untilMs ?? facts.startMs, facts.startMs - idleMs)),
    usedBytes: Math.floor((isPersonal ? 60 : 120) * gigabyte * random() ** 3) + 2_000_000,
    quotaBytes,
    fileCount: Math.floor(random() * 5000) + 3,
    isPersonal,
    groupId: plan.groupId,
    ownerId: plan.ownerId,
  };
}

/** The sites of a customer: the root, one for each Microsoft 365 group, and one for each OneDrive. */
export const sitesOf = perTenant((facts): readonly SiteData[] => {
  if (facts.isPartner) return [];
  const host = `${labelOf(facts)}.sharepoint.com`;
  const root: SitePlan = {
    key: 'root',
    host,
    path: '',
    name: '',
    displayName: 'Communication site',
    createdMs: facts.startMs - 400 * dayMs,
  };
  const groups = groupDataOf(facts)
    .filter(({ kind }) => kind === 'team' || kind === 'unified')
    .map(
      (group): SitePlan => ({
        key: group.id,
        host,
        path: `/sites/${group.mailNickname}`,
        name: group.mailNickname,
        displayName: group.displayName,
        description: group.description,
        createdMs: group.createdMs,
        groupId: group.id,
      }),
    );
  const personal = profilesOf(facts)
    .filter(({ user }) => hasPlan(user, 'SHAREPOINT'))
    .map(({ user }): SitePlan => {
      const name = user.userPrincipalName.toLowerCase().replaceAll(/[@.]/g, '_');
      return {
        key: user.id,
        host: host.replace('.', '-my.'),
        path: `/personal/${name}`,
        name,
        displayName: user.displayName,
        createdMs: user.createdMs + 2 * dayMs,
        ownerId: user.id,
        untilMs: user.lastSignInMs,
      };
    });
  return [root, ...groups, ...personal].map((plan) => siteOf(facts, plan));
});

export const siteRow = (site: SiteData): Row => ({
  id: site.id,
  createdDateTime: time(site.createdMs),
  description: site.description,
  displayName: site.displayName,
  isPersonalSite: site.isPersonal,
  lastModifiedDateTime: time(site.lastActivityMs),
  name: site.name,
  ...(site.name === '' ? { root: {} } : {}),
  siteCollection: { hostname: site.id.split(',')[0] },
  webUrl: site.webUrl,
});

/** The document library of a site. */
export function driveRow(facts: TenantFacts, site: SiteData): Row {
  const owner = facts.users.find(({ id }) => id === site.ownerId);
  const library = site.isPersonal ? 'Documents' : 'Shared%20Documents';
  return {
    id: site.driveId,
    createdDateTime: time(site.createdMs),
    description: '',
    driveType: site.isPersonal ? 'business' : 'documentLibrary',
    lastModifiedDateTime: time(site.lastActivityMs),
    name: site.isPersonal ? 'OneDrive' : 'Documents',
    owner:
      owner === undefined
        ? { group: { id: site.groupId ?? null, displayName: site.displayName } }
        : { user: { id: owner.id, displayName: owner.displayName, email: owner.userPrincipalName } },
    quota: {
      deleted: 0,
      remaining: site.quotaBytes - site.usedBytes,
      state: 'normal',
      total: site.quotaBytes,
      used: site.usedBytes,
    },
    webUrl: `${site.webUrl}/${library}`,
  };
}

export const siteById = perTenant(
  (facts): ReadonlyMap<string, SiteData> => new Map(sitesOf(facts).map((site) => [site.id, site])),
);

/** The site of a group, or the OneDrive of a user. */
export const siteOfOwner = perTenant(
  (facts): ReadonlyMap<string, SiteData> =>
    new Map(
      sitesOf(facts).flatMap((site) => {
        const key = site.groupId ?? site.ownerId;
        return key === undefined ? [] : [[key, site] as const];
      }),
    ),
);
