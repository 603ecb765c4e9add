import { dayMs } from '../../clock.ts';
import type { Row } from '../../graph/declaration.ts';
import { between, pick } from '../../seeded.ts';
import { idOf, perTenant, randomOf, type TenantFacts, time } from './facts.ts';
import { type RiskData, locationOf, riskyProfilesOf, signInsOf } from './sign-in-data.ts';
import { type Profile, profilesOf } from './user-profiles.ts';

export interface AlertData {
  readonly id: string;
  readonly incidentId: string;
  readonly profile: Profile;
  readonly kind: (typeof alertKinds)[number];
  readonly status: 'new' | 'inProgress' | 'resolved';
  readonly createdMs: number;
}

const alertKinds = [
  {
    title: 'Suspicious inbox forwarding rule',
    category: 'Collection',
    severity: 'medium',
    serviceSource: 'microsoftDefenderForOffice365',
    productName: 'Microsoft Defender for Office 365',
    mitreTechniques: ['T1114.003'],
  },
  {
    title: 'Sign-in from an unfamiliar location',
    category: 'InitialAccess',
    severity: 'low',
    serviceSource: 'azureAdIdentityProtection',
    productName: 'Microsoft Entra ID Protection',
    mitreTechniques: ['T1078'],
  },
  {
    title: 'Message with a malicious link was delivered',
    category: 'InitialAccess',
    severity: 'high',
    serviceSource: 'microsoftDefenderForOffice365',
    productName: 'Microsoft Defender for Office 365',
    mitreTechniques: ['T1566.002'],
  },
] as const;

/** Alerts of the last 60 days before the start: up to four, each with its incident and a user of the tenant. */
export const alertsOf = perTenant((facts): readonly AlertData[] => {
  const random = randomOf(facts, 'alerts');
  const members = profilesOf(facts).filter(({ user }) => user.userType === 'Member');
  if (members.length === 0 || facts.isPartner) return [];
  return Array.from({ length: between(random, 0, 4) }, (_, at) => ({
    id: idOf(facts, 'alert', at),
    incidentId: String(100 + at),
    profile: pick(random, members),
    kind: pick(random, alertKinds),
    status: pick(random, ['new', 'inProgress', 'resolved'] as const),
    createdMs: facts.startMs - Math.floor((0.2 + random() * 60) * dayMs),
  })).toSorted((left, right) => right.createdMs - left.createdMs);
});

const portal = 'https://security.microsoft.com';

/** `security/alerts_v2`. */
export function alertRow({ tenantId }: TenantFacts, alert: AlertData): Row {
  const { kind, createdMs, status } = alert;
  const created = time(createdMs);
  return {
    id: alert.id,
    providerAlertId: alert.id,
    incidentId: alert.incidentId,
    status,
    severity: kind.severity,
    classification: status === 'resolved' ? 'informationalExpectedActivity' : null,
    determination: status === 'resolved' ? 'confirmedActivity' : null,
    serviceSource: kind.serviceSource,
    detectionSource: kind.serviceSource,
    detectorId: idFor(kind.title),
    tenantId,
    title: kind.title,
    description: `${kind.title}.`,
    recommendedActions: null,
    category: kind.category,
    assignedTo: null,
    alertWebUrl: `${portal}/alerts/${alert.id}?tid=${tenantId}`,
    incidentWebUrl: `${portal}/incidents/${alert.incidentId}?tid=${tenantId}`,
    productName: kind.productName,
    mitreTechniques: kind.mitreTechniques,
    createdDateTime: created,
    lastUpdateDateTime: time(createdMs + dayMs / 24),
    resolvedDateTime: status === 'resolved' ? time(createdMs + dayMs / 12) : null,
    firstActivityDateTime: created,
    lastActivityDateTime: created,
    comments: [],
    systemTags: [],
    evidence: [userEvidence(alert)],
  };
}

const userEvidence = ({ profile, createdMs }: AlertData): Row => ({
  '@odata.type': '#microsoft.graph.security.userEvidence',
  createdDateTime: time(createdMs),
  verdict: 'suspicious',
  remediationStatus: 'none',
  remediationStatusDetails: null,
  roles: [],
  detailedRoles: [],
  tags: [],
  userAccount: {
    accountName: profile.user.userPrincipalName.split('@')[0],
    azureAdUserId: profile.user.id,
    displayName: profile.user.displayName,
    domainName: null,
    userPrincipalName: profile.user.userPrincipalName,
    userSid: null,
  },
});

const idFor = (title: string): string => title.toLowerCase().replaceAll(' ', '-');

/** `security/incidents`: one for each alert. */
export const incidentRow = ({ tenantId }: TenantFacts, alert: AlertData): Row => ({
  id: alert.incidentId,
  displayName: `${alert.kind.title} involving one user`,
  status: alert.status === 'resolved' ? 'resolved' : 'active',
  severity: alert.kind.severity,
  classification: alert.status === 'resolved' ? 'informationalExpectedActivity' : 'unknown',
  determination: alert.status === 'resolved' ? 'confirmedActivity' : 'unknown',
  tenantId,
  assignedTo: null,
  createdDateTime: time(alert.createdMs),
  lastUpdateDateTime: time(alert.createdMs + dayMs / 24),
  incidentWebUrl: `${portal}/incidents/${alert.incidentId}?tid=${tenantId}`,
  redirectIncidentId: null,
  customTags: [],
  systemTags: [],
  comments: [],
});

/** `identityProtection/riskyUsers`. */
export const riskyUserRow = ({ signIn, level, state, detail }: RiskData): Row => ({
  id: signIn.profile.user.id,
  isDeleted: false,
  isProcessing: false,
  riskDetail: detail,
  riskLastUpdatedDateTime: time(signIn.atMs),
  riskLevel: state === 'remediated' ? 'none' : state === 'confirmedCompromised' ? 'high' : level,
  riskState: state,
  userDisplayName: signIn.profile.user.displayName,
  userPrincipalName: signIn.profile.user.userPrincipalName,
});

/** `identityProtection/riskDetections`: the sign-in in which each risk was found. */
export const riskDetectionRow = (facts: TenantFacts, { signIn, level, state, detail, eventType }: RiskData): Row => ({
  id: idOf(facts, 'risk detection', signIn.id),
  requestId: signIn.id,
  correlationId: idOf(facts, 'correlation', signIn.id),
  activity: 'signin',
  activityDateTime: time(signIn.atMs),
  detectedDateTime: time(signIn.atMs),
  lastUpdatedDateTime: time(signIn.atMs),
  detectionTimingType: 'realtime',
  additionalInfo: null,
  ipAddress: signIn.ipAddress,
  location: locationOf(signIn.place),
  riskDetail: detail,
  riskEventType: eventType,
  riskLevel: level,
  riskState: state,
  source: 'IdentityProtection',
  tokenIssuerType: 'AzureAD',
  userDisplayName: signIn.profile.user.displayName,
  userId: signIn.profile.user.id,
  userPrincipalName: signIn.profile.user.userPrincipalName,
});

/** Users who signed in within the last 30 days. */
export const activeUserCount = (facts: TenantFacts): number =>
  new Set(signInsOf(facts).map(({ profile }) => profile.index)).size;

export const risksOf = (facts: TenantFacts): readonly RiskData[] => [...riskyProfilesOf(facts).values()];
