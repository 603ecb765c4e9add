import type { Row } from '../graph/declaration.ts';
import { type TenantFacts, idOf, randomOf } from '../population/graph/facts.ts';
import { type Cmdlet, configurationCmdlet } from './cmdlet.ts';

/** Products that contain Microsoft Defender for Office 365. */
const withDefender: ReadonlySet<string> = new Set(['SPB', 'SPE_E5']);

const hasDefender = ({ subscriptions }: TenantFacts): boolean =>
  subscriptions.some(({ sku }) => withDefender.has(sku.skuPartNumber));

const policy = (facts: TenantFacts, name: string, more: Row): Row => ({
  Identity: name,
  Name: name,
  Guid: idOf(facts, 'exchange policy', name),
  IsDefault: true,
  ...more,
});

const chance = (facts: TenantFacts, name: string, share: number): boolean => randomOf(facts, 'setting', name)() < share;

const spamFilter = (facts: TenantFacts): Row =>
  policy(facts, 'Default', {
    AllowedSenderDomains: chance(facts, 'allowed senders', 0.2) ? ['supplier.example'] : [],
    AllowedSenders: [],
    BlockedSenderDomains: [],
    BlockedSenders: [],
    BulkSpamAction: 'MoveToJmf',
    BulkThreshold: 7,
    EnableLanguageBlockList: false,
    EnableRegionBlockList: false,
    HighConfidencePhishAction: 'Quarantine',
    HighConfidenceSpamAction: chance(facts, 'spam to quarantine', 0.5) ? 'Quarantine' : 'MoveToJmf',
    InlineSafetyTipsEnabled: true,
    PhishSpamAction: 'Quarantine',
    PhishZapEnabled: true,
    QuarantineRetentionPeriod: 30,
    RegionBlockList: [],
    SpamAction: 'MoveToJmf',
    SpamZapEnabled: true,
  });

type ForwardingMode = 'Automatic' | 'On' | 'Off';

/** Some tenants have a second policy for those who may forward. */
const outboundSpamFilters = (facts: TenantFacts): readonly Row[] => [
  outboundSpamFilter(
    facts,
    'Default',
    chance(facts, 'forwarding', 0.5) ? 'On' : chance(facts, 'no forwarding', 0.4) ? 'Off' : 'Automatic',
  ),
  ...(chance(facts, 'forwarding policy', 0.15)
    ? [{ ...outboundSpamFilter(facts, 'Forwarding allowed', 'On'), IsDefault: false }]
    : []),
];

const outboundSpamFilter = (facts: TenantFacts, name: string, mode: ForwardingMode): Row =>
  policy(facts, name, {
    ActionWhenThresholdReached: 'BlockUserForToday',
    AutoForwardingMode: mode,
    BccSuspiciousOutboundMail: false,
    Enabled: true,
    NotifyOutboundSpam: false,
    RecipientLimitExternalPerHour: 0,
    RecipientLimitInternalPerHour: 0,
    RecipientLimitPerDay: 0,
  });

const malwareFilter = (facts: TenantFacts): Row =>
  policy(facts, 'Default', {
    EnableExternalSenderAdminNotifications: false,
    EnableFileFilter: chance(facts, 'file filter', 0.8),
    EnableInternalSenderAdminNotifications: false,
    FileTypeAction: 'Reject',
    FileTypes: ['ace', 'exe', 'iso', 'jar', 'reg', 'scr', 'vbs'],
    QuarantineTag: 'AdminOnlyAccessPolicy',
    ZapEnabled: true,
  });

function antiPhish(facts: TenantFacts): Row {
  const isFull = hasDefender(facts);
  return policy(facts, 'Office365 AntiPhish Default', {
    AuthenticationFailAction: 'MoveToJmf',
    Enabled: true,
    EnableFirstContactSafetyTips: chance(facts, 'first contact', 0.4),
    EnableMailboxIntelligence: isFull,
    EnableMailboxIntelligenceProtection: isFull && chance(facts, 'intelligence', 0.5),
    EnableOrganizationDomainsProtection: isFull && chance(facts, 'domains', 0.5),
    EnableSpoofIntelligence: true,
    EnableTargetedUserProtection: false,
    EnableUnauthenticatedSender: true,
    EnableViaTag: true,
    HonorDmarcPolicy: true,
    PhishThresholdLevel: isFull ? 2 : 1,
    TargetedUsersToProtect: [],
  });
}

const builtIn = 'Built-In Protection Policy';

const safeLinks = (facts: TenantFacts): readonly Row[] =>
  hasDefender(facts)
    ? [
        policy(facts, builtIn, {
          AllowClickThrough: true,
          DeliverMessageAfterScan: true,
          DisableUrlRewrite: true,
          DoNotRewriteUrls: [],
          EnableForInternalSenders: false,
          EnableSafeLinksForEmail: true,
          EnableSafeLinksForOffice: true,
          EnableSafeLinksForTeams: true,
          IsBuiltInProtection: true,
          IsDefault: false,
          ScanUrls: true,
          TrackClicks: true,
        }),
      ]
    : [];

const safeAttachments = (facts: TenantFacts): readonly Row[] =>
  hasDefender(facts)
    ? [
        policy(facts, builtIn, {
          Action: 'Block',
          Enable: true,
          IsBuiltInProtection: true,
          IsDefault: false,
          Redirect: false,
        }),
      ]
    : [];

const retention = (facts: TenantFacts): Row =>
  policy(facts, 'Default MRM Policy', {
    IsDefaultArbitrationMailbox: false,
    RetentionId: idOf(facts, 'retention'),
    RetentionPolicyTagLinks: ['Default 2 year move to archive', '1 Month Delete', '1 Year Delete', 'Never Delete'],
  });

const sharing = (facts: TenantFacts): Row =>
  policy(facts, 'Default Sharing Policy', {
    Default: true,
    Enabled: true,
    Domains: [
      chance(facts, 'anonymous calendars', 0.4)
        ? 'Anonymous:CalendarSharingFreeBusyReviewer'
        : '*:CalendarSharingFreeBusySimple',
    ],
  });

const owa = (facts: TenantFacts): Row =>
  policy(facts, 'OwaMailboxPolicy-Default', {
    ActiveSyncIntegrationEnabled: true,
    AdditionalStorageProvidersAvailable: chance(facts, 'other storage', 0.6),
    ConditionalAccessPolicy: 'Off',
    DirectFileAccessOnPrivateComputersEnabled: true,
    DirectFileAccessOnPublicComputersEnabled: true,
  });

type PolicyRows = (facts: TenantFacts) => readonly Row[];

/** Cmdlets that read policies. Tenants without Exchange Online have none. */
const policyCmdlet = (name: string, rows: PolicyRows, parameters: readonly string[] = []): Cmdlet =>
  configurationCmdlet(name, ({ facts }) => (facts.hasExchange ? rows(facts) : []), parameters);

export const policyCmdlets: readonly Cmdlet[] = [
  policyCmdlet('Get-HostedContentFilterPolicy', (facts) => [spamFilter(facts)]),
  policyCmdlet('Get-HostedOutboundSpamFilterPolicy', outboundSpamFilters),
  policyCmdlet('Get-MalwareFilterPolicy', (facts) => [malwareFilter(facts)]),
  policyCmdlet('Get-AntiPhishPolicy', (facts) => [antiPhish(facts)]),
  policyCmdlet('Get-SafeLinksPolicy', safeLinks),
  policyCmdlet('Get-SafeAttachmentPolicy', safeAttachments),
  policyCmdlet('Get-RetentionPolicy', (facts) => [retention(facts)]),
  policyCmdlet('Get-SharingPolicy', (facts) => [sharing(facts)]),
  policyCmdlet('Get-OwaMailboxPolicy', (facts) => [owa(facts)]),
  policyCmdlet('Get-AuthenticationPolicy', () => []),
  policyCmdlet('Get-JournalRule', () => []),
];
