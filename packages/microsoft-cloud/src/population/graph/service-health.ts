import { dayMs } from '../../clock.ts';
import type { Row } from '../../graph/declaration.ts';
import { pick } from '../../seeded.ts';
import { hourMs, type TenantFacts, time } from './facts.ts';

const services = [
  { id: 'Exchange', service: 'Exchange Online', code: 'EX' },
  { id: 'Microsoft365Defender', service: 'Microsoft Defender XDR', code: 'DZ' },
  { id: 'microsoftteams', service: 'Microsoft Teams', code: 'TM' },
  { id: 'SharePoint', service: 'SharePoint Online', code: 'SP' },
  { id: 'OneDriveForBusiness', service: 'OneDrive for Business', code: 'OD' },
  { id: 'Intune', service: 'Microsoft Intune', code: 'IT' },
  { id: 'MicrosoftEntra', service: 'Microsoft Entra', code: 'MC' },
  { id: 'OSDPPlatform', service: 'Microsoft 365 suite', code: 'MO' },
] as const;

type ServiceName = (typeof services)[number];

interface IssueData {
  readonly id: string;
  readonly service: ServiceName;
  readonly startedMs: number;
  readonly endedMs: number | undefined;
  readonly isIncident: boolean;
  readonly feature: string;
}

const features = ['Mail delivery', 'Sign-in', 'Search', 'Administration portal', 'Mobile clients'] as const;

/** Service issues are the same in all tenants of a cloud: they depend on the seed alone. */
function issuesOf({ seeded, startMs }: TenantFacts): readonly IssueData[] {
  const random = seeded.random('service issues');
  return Array.from({ length: 14 }, (_, at) => {
    const service = pick(random, services);
    const startedMs = startMs - Math.floor((at * 2 + random() * 2) * dayMs) - hourMs;
    const lastsMs = Math.floor((2 + random() * 70) * hourMs);
    return {
      id: `${service.code}${1_200_000 - at * 137}`,
      service,
      startedMs,
      // One is always open.
      endedMs: at > 0 && startedMs + lastsMs < startMs ? startedMs + lastsMs : undefined,
      isIncident: random() < 0.3,
      feature: pick(random, features),
    };
  });
}

const statusOf = ({ endedMs, isIncident }: IssueData): string =>
  endedMs !== undefined ? 'serviceRestored' : isIncident ? 'serviceDegradation' : 'investigating';

/** `admin/serviceAnnouncement/healthOverviews`: the status of a service is that of its open issues. */
export const healthOverviewRows = (facts: TenantFacts): readonly Row[] =>
  services.map(({ id, service }) => {
    const open = issuesOf(facts).find((issue) => issue.service.id === id && issue.endedMs === undefined);
    return { id, service, status: open === undefined ? 'serviceOperational' : statusOf(open) };
  });

/** `admin/serviceAnnouncement/issues`. */
export const issueRows = (facts: TenantFacts): readonly Row[] =>
  issuesOf(facts).map((issue) => {
    const title = `Some users may have difficulty with ${issue.feature.toLowerCase()} in ${issue.service.service}`;
    const updatedMs = issue.endedMs ?? facts.startMs - hourMs / 2;
    return {
      id: issue.id,
      classification: issue.isIncident ? 'incident' : 'advisory',
      details: [],
      endDateTime: issue.endedMs === undefined ? null : time(issue.endedMs),
      feature: issue.feature,
      featureGroup: issue.service.service,
      impactDescription: `${title}.`,
      isResolved: issue.endedMs !== undefined,
      lastModifiedDateTime: time(updatedMs),
      origin: 'microsoft',
      posts: [
        {
          createdDateTime: time(updatedMs),
          postType: 'regular',
          description: { contentType: 'html', content: `Title: ${title}` },
        },
      ],
      service: issue.service.service,
      startDateTime: time(issue.startedMs),
      status: statusOf(issue),
      title,
    };
  });

const topics = ['A new setting', 'A change of a default', 'A retirement', 'A new report', 'A new view'] as const;

/** `admin/serviceAnnouncement/messages`. */
export function messageRows({ seeded, startMs }: TenantFacts): readonly Row[] {
  const random = seeded.random('service messages');
  return Array.from({ length: 20 }, (_, at) => {
    const { service } = pick(random, services);
    const topic = pick(random, topics);
    const startedMs = startMs - Math.floor((at * 4 + random() * 4) * dayMs);
    const isRetirement = topic === 'A retirement';
    return {
      id: `MC${1_190_000 - at * 211}`,
      actionRequiredByDateTime: isRetirement ? time(startedMs + 90 * dayMs) : null,
      body: { contentType: 'html', content: `<p>${topic} in ${service}.</p>` },
      category: isRetirement ? 'planForChange' : 'stayInformed',
      details: [],
      endDateTime: time(startedMs + 180 * dayMs),
      hasAttachments: false,
      isMajorChange: isRetirement,
      lastModifiedDateTime: time(startedMs),
      services: [service],
      severity: 'normal',
      startDateTime: time(startedMs),
      tags: isRetirement ? ['Retirement', 'Admin impact'] : ['User impact'],
      title: `${topic} in ${service}`,
      viewPoint: null,
    };
  });
}
