import { dayMs } from '../clock.ts';
import type { Row } from '../graph/declaration.ts';
import { type TenantFacts, idOf, randomOf } from '../population/graph/facts.ts';
import { type Cmdlet, type CmdletContext, configurationCmdlet } from './cmdlet.ts';
import { wrongValue } from './exchange-error.ts';
import { exchangeTime, sizeText } from './format.ts';

/** Settings of the organization that Set-OrganizationConfig changes here. All are true or false. */
const settings: Readonly<Record<string, boolean>> = {
  ActivityBasedAuthenticationTimeoutEnabled: true,
  AuditDisabled: false,
  AutoExpandingArchiveEnabled: false,
  BookingsEnabled: true,
  CustomerLockBoxEnabled: false,
  FocusedInboxOn: true,
  MailTipsAllTipsEnabled: true,
  MailTipsExternalRecipientsTipsEnabled: false,
  MailTipsGroupMetricsEnabled: true,
  MailTipsMailboxSourcedTipsEnabled: true,
  MessageRecallEnabled: true,
  OAuth2ClientProfileEnabled: true,
  OutlookMobileGCCRestrictionsEnabled: false,
  PublicComputersDetectionEnabled: false,
  RejectDirectSend: false,
  SendFromAliasEnabled: false,
  SmtpActionableMessagesEnabled: true,
};

/** `Get-OrganizationConfig`. */
function organizationRow({ facts, changes, parameters }: CmdletContext): Row {
  const random = randomOf(facts, 'organization settings');
  return {
    Identity: facts.initialDomain,
    Name: facts.initialDomain,
    DisplayName: facts.name,
    Guid: idOf(facts, 'organization config'),
    IsDehydrated: false,
    ...settings,
    MailTipsExternalRecipientsTipsEnabled: random() < 0.5,
    SendFromAliasEnabled: random() < 0.3,
    ActivityBasedAuthenticationTimeoutInterval: '06:00:00',
    DefaultAuthenticationPolicy: null,
    DefaultPublicFolderMailbox: null,
    AuditDisabled: randomOf(facts, 'audit disabled')() < 0.08,
    ...ewsProperties(facts, parameters.flag('RetrieveEwsOperationAccessPolicy') === true),
    IPListBlocked: [],
    MailTipsLargeAudienceThreshold: 25,
    PublicFoldersEnabled: 'Local',
    WhenCreated: exchangeTime(facts.startMs - 400 * dayMs),
    ...changes.of('organization', facts.tenantId),
  };
}

/** Whether applications may use EWS, which nobody has decided in half of the tenants, and the list of those that may. */
function ewsProperties(facts: TenantFacts, hasList: boolean): Row {
  const random = randomOf(facts, 'ews');
  const EwsEnabled = [null, null, true, false][Math.floor(random() * 4)];
  const allowed = random() < 0.5 ? ['ews backup', 'ews scanner'].map((name) => idOf(facts, name)).join(',') : null;
  return { EwsEnabled, EwsAllowedAppIDs: hasList ? allowed : null };
}

/** `Set-OrganizationConfig`. */
function setOrganization({ facts, changes, parameters }: CmdletContext): readonly Row[] {
  const entries = parameters.names.map((name) => {
    const known = Object.keys(settings).find((each) => each.toLowerCase() === name.toLowerCase()) ?? name;
    const value = parameters.flag(name);
    if (value === undefined) throw wrongValue(name, null, 'System.Boolean');
    return [known, value] as const;
  });
  changes.change('organization', facts.tenantId, Object.fromEntries(entries));
  return [];
}

const domainsOf = ({ initialDomain, defaultDomain }: TenantFacts): readonly string[] => [
  ...new Set([initialDomain, defaultDomain]),
];

/** `Get-AcceptedDomain`. */
const acceptedDomains = ({ facts }: CmdletContext): readonly Row[] =>
  domainsOf(facts).map((domain, at) => ({
    Identity: domain,
    Name: domain,
    Guid: idOf(facts, 'accepted domain', domain),
    DomainName: domain,
    DomainType: 'Authoritative',
    AuthenticationType: 'Managed',
    Default: domain === facts.defaultDomain,
    InitialDomain: at === 0,
    MatchSubDomains: false,
    SendingFromDomainDisabled: false,
  }));

/** `Get-DkimSigningConfig`: always on for the initial domain, for a custom domain in half of the tenants. */
const dkimRows = ({ facts }: CmdletContext): readonly Row[] =>
  facts.hasExchange
    ? domainsOf(facts).map((domain) => {
        const isEnabled = domain === facts.initialDomain || randomOf(facts, 'dkim', domain)() < 0.5;
        const label = domain.replaceAll('.', '-');
        return {
          Identity: domain,
          Name: domain,
          Domain: domain,
          Guid: idOf(facts, 'dkim', domain),
          AdminDisplayName: '',
          Algorithm: 'RsaSHA256',
          BodyCanonicalization: 'Relaxed',
          Enabled: isEnabled,
          HeaderCanonicalization: 'Relaxed',
          IsDefault: domain === facts.defaultDomain,
          KeyCreationTime: exchangeTime(facts.startMs - 300 * dayMs),
          Selector1CNAME: `selector1-${label}._domainkey.${facts.initialDomain}`,
          Selector1KeySize: 2048,
          Selector2CNAME: `selector2-${label}._domainkey.${facts.initialDomain}`,
          Selector2KeySize: 2048,
          Status: isEnabled ? 'Valid' : 'CnameMissing',
        };
      })
    : [];

/** `Get-AdminAuditLogConfig`. */
const auditConfig = ({ facts }: CmdletContext): readonly Row[] => [
  {
    Identity: 'Admin Audit Log Settings',
    Name: 'Admin Audit Log Settings',
    Guid: idOf(facts, 'audit config'),
    AdminAuditLogAgeLimit: '90.00:00:00',
    AdminAuditLogCmdlets: ['*'],
    AdminAuditLogEnabled: true,
    AdminAuditLogParameters: ['*'],
    LogLevel: 'Verbose',
    TestCmdletLoggingEnabled: false,
    UnifiedAuditLogIngestionEnabled: randomOf(facts, 'unified audit')() < 0.85,
  },
];

/** A connector to a gateway that filters mail, in about a quarter of the tenants. Names and addresses are reserved. */
const hasGateway = (facts: TenantFacts): boolean => facts.hasExchange && randomOf(facts, 'mail gateway')() < 0.25;

const inboundConnectors = ({ facts }: CmdletContext): readonly Row[] =>
  hasGateway(facts)
    ? [
        {
          Identity: 'From the mail gateway',
          Name: 'From the mail gateway',
          Guid: idOf(facts, 'inbound connector'),
          CloudServicesMailEnabled: false,
          Comment: '',
          ConnectorSource: 'Default',
          ConnectorType: 'Partner',
          Enabled: true,
          RequireTls: true,
          RestrictDomainsToCertificate: false,
          RestrictDomainsToIPAddresses: true,
          SenderDomains: ['smtp:*;1'],
          SenderIPAddresses: ['203.0.113.0/28'],
          TlsSenderCertificateName: null,
          TreatMessagesAsInternal: false,
        },
      ]
    : [];

const outboundConnectors = ({ facts }: CmdletContext): readonly Row[] =>
  hasGateway(facts)
    ? [
        {
          Identity: 'To the mail gateway',
          Name: 'To the mail gateway',
          Guid: idOf(facts, 'outbound connector'),
          CloudServicesMailEnabled: false,
          Comment: '',
          ConnectorSource: 'Default',
          ConnectorType: 'Partner',
          Enabled: true,
          IsTransportRuleScoped: false,
          RecipientDomains: ['*'],
          SmartHosts: ['gateway.mail.example'],
          TlsSettings: 'CertificateValidation',
          UseMXRecord: false,
        },
      ]
    : [];

const remoteDomains = ({ facts }: CmdletContext): readonly Row[] => [
  {
    Identity: 'Default',
    Name: 'Default',
    DomainName: '*',
    Guid: idOf(facts, 'remote domain'),
    AllowedOOFType: 'External',
    AutoForwardEnabled: randomOf(facts, 'auto forward')() < 0.6,
    AutoReplyEnabled: true,
    DeliveryReportEnabled: true,
    IsInternal: false,
    NDREnabled: true,
    TNEFEnabled: null,
  },
];

/** `Get-TransportConfig`: a few settings of the transport of mail. */
const transportConfig = ({ facts }: CmdletContext): readonly Row[] => [
  {
    Identity: 'Transport Settings',
    Name: 'Transport Settings',
    Guid: idOf(facts, 'transport config'),
    ExternalDelayDsnEnabled: true,
    MaxReceiveSize: sizeText(150 * 1024 * 1024),
    MaxSendSize: sizeText(150 * 1024 * 1024),
    SmtpClientAuthenticationDisabled: randomOf(facts, 'smtp authentication')() < 0.7,
  },
];

export const organizationCmdlets: readonly Cmdlet[] = [
  {
    kind: 'read',
    name: 'Get-OrganizationConfig',
    parameters: ['RetrieveEwsOperationAccessPolicy'],
    rows: (context) => [organizationRow(context)],
  },
  { kind: 'write', name: 'Set-OrganizationConfig', parameters: Object.keys(settings), run: setOrganization },
  { ...configurationCmdlet('Get-AcceptedDomain', acceptedDomains), isLimited: true },
  configurationCmdlet('Get-DkimSigningConfig', dkimRows),
  { kind: 'read', name: 'Get-AdminAuditLogConfig', parameters: [], rows: auditConfig },
  configurationCmdlet('Get-InboundConnector', inboundConnectors),
  configurationCmdlet('Get-OutboundConnector', outboundConnectors),
  configurationCmdlet('Get-RemoteDomain', remoteDomains),
  { kind: 'read', name: 'Get-TransportConfig', parameters: [], rows: transportConfig },
];
