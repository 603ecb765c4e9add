import { dayMs } from '../../clock.ts';
import type { Row } from '../../graph/declaration.ts';
import { dateOf, randomOf, type TenantFacts } from './facts.ts';
import { hasEntraP2 } from './licensing.ts';
import { conditionalAccessOf, hasSecurityDefaults } from './policy-data.ts';
import { activeUserCount } from './security-data.ts';

/** Graph keeps secure scores for 90 days. */
const scoreDays = 90;

interface Control {
  readonly id: string;
  readonly title: string;
  readonly category: 'Identity' | 'Apps' | 'Device' | 'Data';
  readonly service: string;
  readonly maxScore: number;
  /** Share of the points that the tenant has, from 0 to 1. Computed from its data where the data says it. */
  readonly share: (facts: TenantFacts) => number;
}

const members = ({ users }: TenantFacts) => users.filter(({ userType }) => userType === 'Member');

const shareWith = (facts: TenantFacts, isMet: (user: TenantFacts['users'][number]) => boolean): number => {
  const all = members(facts);
  return all.length === 0 ? 0 : all.filter(isMet).length / all.length;
};

const hasPolicy = (facts: TenantFacts, key: string): boolean =>
  hasSecurityDefaults(facts) ||
  conditionalAccessOf(facts).some((policy) => policy.key === key && policy.state === 'enabled');

const drawn =
  (name: string) =>
  (facts: TenantFacts): number =>
    randomOf(facts, 'score', name)() < 0.5 ? 0 : 1;

/** The ids are those of Microsoft's controls; the titles are ours. */
const controls: readonly Control[] = [
  {
    id: 'AdminMFAV2',
    title: 'Administrators have multifactor authentication',
    category: 'Identity',
    service: 'AzureAD',
    maxScore: 10,
    share: (facts) => (facts.users.filter(({ isAdmin }) => isAdmin).every(({ methods }) => methods.length > 0) ? 1 : 0),
  },
  {
    id: 'MFARegistrationV2',
    title: 'Users have multifactor authentication',
    category: 'Identity',
    service: 'AzureAD',
    maxScore: 9,
    share: (facts) => shareWith(facts, ({ methods }) => methods.length > 0),
  },
  {
    id: 'BlockLegacyAuthentication',
    title: 'Legacy authentication is blocked',
    category: 'Identity',
    service: 'AzureAD',
    maxScore: 8,
    share: (facts) => (hasPolicy(facts, 'legacy') ? 1 : 0),
  },
  {
    id: 'OneAdmin',
    title: 'There is more than one global administrator',
    category: 'Identity',
    service: 'AzureAD',
    maxScore: 1,
    share: ({ users }) => (users.filter(({ isAdmin }) => isAdmin).length > 1 ? 1 : 0),
  },
  {
    id: 'SelfServicePasswordReset',
    title: 'Self-service password reset is on',
    category: 'Identity',
    service: 'AzureAD',
    maxScore: 1,
    share: () => 1,
  },
  {
    id: 'SigninRiskPolicy',
    title: 'A policy reacts to risky sign-ins',
    category: 'Identity',
    service: 'AzureAD',
    maxScore: 7,
    share: (facts) => (hasEntraP2(facts) ? drawn('SigninRiskPolicy')(facts) : 0),
  },
  {
    id: 'IntegratedApps',
    title: 'Users cannot consent to applications',
    category: 'Identity',
    service: 'AzureAD',
    maxScore: 4,
    share: drawn('IntegratedApps'),
  },
  {
    id: 'mdo_safelinksforemail',
    title: 'Safe Links checks messages',
    category: 'Apps',
    service: 'MDO',
    maxScore: 9,
    share: drawn('mdo_safelinksforemail'),
  },
  {
    id: 'exo_mailboxaudit',
    title: 'Mailbox auditing is on',
    category: 'Apps',
    service: 'EXO',
    maxScore: 5,
    share: ({ hasExchange }) => (hasExchange ? 1 : 0),
  },
];

const vendorInformation = { provider: 'SecureScore', providerVersion: null, subProvider: null, vendor: 'Microsoft' };

/** `security/secureScoreControlProfiles`. */
export const controlProfileRows = ({ tenantId }: TenantFacts): readonly Row[] =>
  controls.map(({ id, title, category, service, maxScore }, at) => ({
    id,
    azureTenantId: tenantId,
    actionType: 'Config',
    actionUrl: null,
    controlCategory: category,
    title,
    deprecated: false,
    implementationCost: 'Low',
    lastModifiedDateTime: null,
    maxScore,
    rank: at + 1,
    remediation: `${title}.`,
    remediationImpact: '',
    service,
    threats: ['Account breach'],
    tier: 'Core',
    userImpact: 'Low',
    complianceInformation: [],
    controlStateUpdates: [],
    vendorInformation,
  }));

/** `security/secureScores`: one for each day, newest first. Controls that are met were met later the older the score. */
export function secureScoreRows(facts: TenantFacts, todayMs: number): readonly Row[] {
  const licensed = facts.users.filter(({ licences }) => licences.length > 0).length;
  const active = activeUserCount(facts);
  const shares = controls.map((control) => ({
    ...control,
    share: control.share(facts),
    metDaysAgo: Math.floor(randomOf(facts, 'score day', control.id)() * 180),
  }));
  const maxScore = controls.reduce((sum, control) => sum + control.maxScore, 0);
  return Array.from({ length: scoreDays }, (_, daysAgo) => {
    const dayStartMs = Math.floor(todayMs / dayMs) * dayMs - daysAgo * dayMs;
    const scored = shares.map((control) => ({
      control,
      score: daysAgo <= control.metDaysAgo ? round(control.share * control.maxScore) : 0,
    }));
    return {
      id: `${facts.tenantId}_${dateOf(dayStartMs)}`,
      azureTenantId: facts.tenantId,
      activeUserCount: active,
      createdDateTime: `${dateOf(dayStartMs)}T00:00:00Z`,
      currentScore: round(scored.reduce((sum, { score }) => sum + score, 0)),
      enabledServices: facts.hasExchange ? ['HasEXOP2'] : [],
      licensedUserCount: licensed,
      maxScore,
      averageComparativeScores: [{ basis: 'AllTenants', averageScore: 21.5 }],
      controlScores: scored.map(({ control, score }) => ({
        controlCategory: control.category,
        controlName: control.id,
        description: control.title,
        score,
      })),
      vendorInformation,
    };
  });
}

const round = (value: number): number => Math.round(value * 100) / 100;
