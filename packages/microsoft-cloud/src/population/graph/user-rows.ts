import { dayMs } from '../../clock.ts';
import type { Row } from '../../graph/declaration.ts';
import { hourMs, labelOf, securityIdentifierOf, type TenantFacts, time } from './facts.ts';
import { licenceProperties } from './licensing.ts';
import { latestOf } from './latest-sign-in.ts';
import { externalAddressOf, hasMailbox, type Profile } from './user-profiles.ts';

const extensionAttributes: Row = Object.fromEntries(
  Array.from({ length: 15 }, (_, at) => [`extensionAttribute${at + 1}`, null]),
);

/** The local part of an address. */
const localOf = (address: string): string => address.split('@')[0] ?? address;

/** The address of a user's mailbox; of a guest, the address outside the tenant. Null for others. */
function mailOf(facts: TenantFacts, profile: Profile): string | null {
  const { user } = profile;
  if (user.userType === 'Guest') return externalAddressOf(user);
  // Without Exchange Online, a licensed user keeps the address that the licence gave.
  return user.licences.length > 0 || hasMailbox(facts, profile) ? user.userPrincipalName : null;
}

/** A user with every property that Graph can return for it, except navigations. */
export function userRow(facts: TenantFacts, profile: Profile): Row {
  const { user } = profile;
  return {
    id: user.id,
    ...contactProperties(facts, profile),
    ...accountProperties(facts, profile),
    ...mailProperties(facts, profile),
    ...onPremisesProperties(facts, profile),
    ...licenceProperties(user),
    ...signInProperties(facts, profile),
  };
}

function contactProperties({ name }: TenantFacts, { user, place, ...profile }: Profile): Row {
  return {
    businessPhones: profile.businessPhone === null ? [] : [profile.businessPhone],
    displayName: user.displayName,
    givenName: user.givenName,
    jobTitle: profile.jobTitle,
    mobilePhone: profile.mobilePhone,
    officeLocation: place?.office ?? null,
    preferredLanguage: null,
    surname: user.surname,
    userPrincipalName: user.userPrincipalName,
    ageGroup: null,
    city: place?.city ?? null,
    companyName: user.userType === 'Guest' ? null : name,
    consentProvidedForMinor: null,
    country: place === undefined ? null : 'United Kingdom',
    department: profile.department,
    employeeHireDate: profile.employeeId === null ? null : time(user.createdMs),
    employeeId: profile.employeeId,
    employeeLeaveDateTime: null,
    employeeOrgData: null,
    employeeType: profile.employeeId === null ? null : 'Employee',
    faxNumber: null,
    legalAgeGroupClassification: null,
    postalCode: place?.postalCode ?? null,
    state: place?.state ?? null,
    streetAddress: place?.street ?? null,
    usageLocation: user.licences.length > 0 ? 'GB' : null,
  };
}

function accountProperties({ initialDomain }: TenantFacts, profile: Profile): Row {
  const { user } = profile;
  const isGuest = user.userType === 'Guest';
  const external = externalAddressOf(user);
  return {
    accountEnabled: user.accountEnabled,
    createdDateTime: time(user.createdMs),
    creationType: isGuest ? 'Invitation' : null,
    deletedDateTime: null,
    externalUserState: isGuest ? (profile.hasAccepted ? 'Accepted' : 'PendingAcceptance') : null,
    externalUserStateChangeDateTime: isGuest ? time(user.createdMs + (profile.hasAccepted ? dayMs : 0)) : null,
    identities: [
      isGuest
        ? { signInType: 'federated', issuer: 'ExternalAzureAD', issuerAssignedId: null }
        : { signInType: 'userPrincipalName', issuer: initialDomain, issuerAssignedId: user.userPrincipalName },
    ],
    isResourceAccount: null,
    lastPasswordChangeDateTime: time(profile.lastPasswordChangeMs),
    otherMails: isGuest ? [external] : [],
    passwordPolicies: profile.passwordNeverExpires ? 'DisablePasswordExpiration' : null,
    passwordProfile: null,
    securityIdentifier: securityIdentifierOf(user.id),
    showInAddressList: isGuest ? false : null,
    signInSessionsValidFromDateTime: time(user.validFromMs === 0 ? user.createdMs : user.validFromMs),
    userType: user.userType,
  };
}

function mailProperties(facts: TenantFacts, profile: Profile): Row {
  const mail = mailOf(facts, profile);
  const { userPrincipalName, userType } = profile.user;
  const isMember = userType === 'Member';
  const initial = `${localOf(userPrincipalName)}@${facts.initialDomain}`;
  const more = isMember && mail !== null && initial !== mail ? [`smtp:${initial}`] : [];
  return {
    imAddresses: isMember && mail !== null ? [mail] : [],
    mail,
    mailNickname: isMember ? localOf(userPrincipalName) : localOf(userPrincipalName).replaceAll('#', ''),
    proxyAddresses: mail === null ? [] : [`SMTP:${mail}`, ...more],
  };
}

function onPremisesProperties(facts: TenantFacts, { user, isSynced }: Profile): Row {
  const account = `${user.givenName}.${user.surname}`.toLowerCase();
  const domain = `${labelOf(facts)}.internal`;
  const only = <T>(value: T): T | null => (isSynced ? value : null);
  return {
    onPremisesDistinguishedName: only(`CN=${user.displayName},OU=Staff,DC=${labelOf(facts)},DC=internal`),
    onPremisesDomainName: only(domain),
    onPremisesExtensionAttributes: extensionAttributes,
    onPremisesImmutableId: only(Buffer.from(user.id.replaceAll('-', ''), 'hex').toString('base64')),
    onPremisesLastSyncDateTime: only(time(facts.startMs - hourMs)),
    onPremisesProvisioningErrors: [],
    onPremisesSamAccountName: only(account.slice(0, 20)),
    onPremisesSecurityIdentifier: only(securityIdentifierOf(user.id).replace('S-1-12-1-', 'S-1-5-21-')),
    onPremisesSyncEnabled: only(true),
    onPremisesUserPrincipalName: only(user.userPrincipalName),
  };
}

/**
 * Graph omits `signInActivity` for users who never signed in. `lastSignInDateTime` counts attempts ("signInActivity
 * resource type").
 */
function signInProperties(facts: TenantFacts, profile: Profile): Row {
  const { lastSignInMs } = profile.user;
  const latest = latestOf(facts, profile);
  if (lastSignInMs === undefined || latest === undefined) return { signInActivity: undefined };
  const last = time(lastSignInMs);
  return {
    signInActivity: {
      lastSignInDateTime: time(latest.attempt.atMs),
      lastSignInRequestId: latest.attempt.id,
      lastNonInteractiveSignInDateTime: last,
      lastNonInteractiveSignInRequestId: null,
      lastSuccessfulSignInDateTime: last,
      lastSuccessfulSignInRequestId: latest.id,
    },
  };
}
