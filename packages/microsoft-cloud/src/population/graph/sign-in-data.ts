import { dayMs } from '../../clock.ts';
import type { Row } from '../../graph/declaration.ts';
import { between, pick, type Random } from '../../seeded.ts';
import { type DeviceData, devicesOf } from './device-data.ts';
import { dateOf, idOf, perTenant, randomOf, type TenantFacts, time } from './facts.ts';
import { hasEntraP2 } from './licensing.ts';
import { conditionalAccessOf } from './policy-data.ts';
import { appliedPoliciesOf, statusOf } from './applied-policies.ts';
import { afterwards, logDays, mostOf, signInId } from './latest-sign-in.ts';
import { type Profile, profilesOf } from './user-profiles.ts';

export interface SignInData {
  readonly id: string;
  readonly profile: Profile;
  readonly atMs: number;
  /** 0: success. */
  readonly errorCode: number;
  readonly app: (typeof apps)[number];
  readonly client: string;
  readonly place: (typeof places)[number];
  readonly ipAddress: string;
  readonly device: DeviceData | undefined;
}

/** Applications of Microsoft that people sign in to: names and ids as Entra shows them. */
const apps = [
  { appId: '4765445b-32c6-49b0-83e6-1d93765276ca', appDisplayName: 'OfficeHome' },
  { appId: '00000002-0000-0ff1-ce00-000000000000', appDisplayName: 'Office 365 Exchange Online' },
  { appId: '00000003-0000-0ff1-ce00-000000000000', appDisplayName: 'Office 365 SharePoint Online' },
  { appId: '1fec8e78-bce4-4aaf-ab1b-5451cc387264', appDisplayName: 'Microsoft Teams' },
  { appId: 'd3590ed6-52b3-4102-aeff-aad2292ab01c', appDisplayName: 'Microsoft Office' },
] as const;

const places = [
  { city: 'London', state: 'England', countryOrRegion: 'GB', latitude: 51.5, longitude: -0.12 },
  { city: 'Leeds', state: 'England', countryOrRegion: 'GB', latitude: 53.8, longitude: -1.55 },
  { city: 'Cardiff', state: 'Wales', countryOrRegion: 'GB', latitude: 51.48, longitude: -3.18 },
  { city: 'Dublin', state: 'Dublin', countryOrRegion: 'IE', latitude: 53.35, longitude: -6.26 },
] as const;

/** AADSTS numbers of failed sign-ins, with texts of our own. */
const failureReasons: Readonly<Record<number, string>> = {
  50126: 'Invalid username or password.',
  50076: 'Multifactor authentication is required.',
  50057: 'The account is disabled.',
  53003: 'Access was blocked by Conditional Access.',
};

/** The sign-ins of the last 30 days before the start, newest first. The latest of a user is its last sign-in. */
export const signInsOf = perTenant((facts): readonly SignInData[] => {
  const devices = new Map<string, DeviceData>();
  for (const device of devicesOf(facts)) if (!devices.has(device.owner.id)) devices.set(device.owner.id, device);
  const most = mostOf(facts);
  const found = profilesOf(facts).flatMap((profile) =>
    signInsOfUser(facts, profile, { most, device: devices.get(profile.user.id) }),
  );
  return found.toSorted((left, right) => right.atMs - left.atMs);
});

/** Names of the users who signed in on a date. */
export const usersActiveOn = (facts: TenantFacts, date: string): ReadonlySet<string> =>
  new Set(
    signInsOf(facts)
      .filter(({ atMs, errorCode }) => errorCode === 0 && dateOf(atMs) === date)
      .map(({ profile }) => profile.user.userPrincipalName),
  );

function signInsOfUser(
  facts: TenantFacts,
  profile: Profile,
  { most, device }: { readonly most: number; readonly device: DeviceData | undefined },
): readonly SignInData[] {
  const { lastSignInMs, accountEnabled } = profile.user;
  const fromMs = facts.startMs - logDays * dayMs;
  if (lastSignInMs === undefined || lastSignInMs < fromMs) return [];
  const random = randomOf(facts, 'sign-ins', profile.index);
  return Array.from({ length: between(random, 1, most) }, (_, at) => {
    const isLast = at === 0;
    const drawnMs = Math.max(fromMs, profile.user.createdMs) + Math.floor(random() * (lastSignInMs - fromMs));
    // A disabled account fails after its last sign-in; every other attempt lies before it.
    const isRefused = !accountEnabled && at === 1;
    const atMs = isLast
      ? lastSignInMs
      : isRefused
        ? afterwards(facts, lastSignInMs)
        : Math.min(drawnMs, lastSignInMs - 1000);
    return {
      id: signInId(facts, profile, at),
      profile,
      atMs,
      errorCode: isLast ? 0 : isRefused ? 50057 : failureOf(facts, profile, random),
      app: pick(random, apps),
      client:
        random() < 0.03
          ? legacyClient(profile.index + at)
          : pick(random, ['Browser', 'Mobile Apps and Desktop clients']),
      place: pick(random, places),
      ipAddress: `198.51.100.${between(random, 1, 254)}`,
      device: random() < 0.7 ? device : undefined,
    };
  });
}

/** Clients of legacy authentication, by the names in the log. */
const legacyClients = ['Authenticated SMTP', 'IMAP4', 'POP3', 'Exchange Web Services'] as const;
const legacyClient = (at: number): string => legacyClients[at % legacyClients.length] ?? legacyClients[0];

function failureOf(facts: TenantFacts, { user }: Profile, random: Random): number {
  const drawn = random();
  if (drawn < 0.06) return 50126;
  if (drawn < 0.08 && user.methods.length > 0) return 50076;
  if (drawn < 0.09 && conditionalAccessOf(facts).some(({ key, state }) => key === 'countries' && state === 'enabled'))
    return 53003;
  return 0;
}

/** Users whom risk detection marked, in tenants with Entra ID P2: at most three, who signed in lately. */
export const riskyProfilesOf = perTenant((facts): ReadonlyMap<string, RiskData> => {
  if (!hasEntraP2(facts)) return new Map();
  const random = randomOf(facts, 'risk');
  const latest = new Map<string, SignInData>();
  for (const signIn of signInsOf(facts)) {
    const { profile, errorCode } = signIn;
    if (errorCode === 0 && !latest.has(profile.user.id)) latest.set(profile.user.id, signIn);
  }
  const candidates = [...latest.values()].filter(() => random() < 0.08).slice(0, 3);
  return new Map(
    candidates.map((signIn) => {
      const drawn = random();
      const [state, detail] =
        drawn < 0.15
          ? (['confirmedCompromised', 'adminConfirmedUserCompromised'] as const)
          : drawn < 0.6
            ? (['atRisk', 'none'] as const)
            : (['remediated', 'userPerformedSecuredPasswordChange'] as const);
      return [
        signIn.profile.user.id,
        {
          signIn,
          level: pick(random, ['low', 'medium', 'high'] as const),
          state,
          detail,
          eventType: pick(random, ['unfamiliarFeatures', 'anonymizedIPAddress', 'leakedCredentials'] as const),
        },
      ] as const;
    }),
  );
});

export interface RiskData {
  /** The sign-in in which the risk was found. */
  readonly signIn: SignInData;
  readonly level: 'low' | 'medium' | 'high';
  readonly state: 'atRisk' | 'confirmedCompromised' | 'remediated';
  readonly detail: string;
  readonly eventType: string;
}

// Sign-ins are most of the rows that are kept, so what many have in common is one object.
const locations: ReadonlyMap<SignInData['place'], Row> = new Map(
  places.map((place) => {
    const { city, state, countryOrRegion, latitude, longitude } = place;
    return [place, { city, state, countryOrRegion, geoCoordinates: { altitude: null, latitude, longitude } }];
  }),
);

export const locationOf = (place: SignInData['place']): Row => locations.get(place) ?? {};

const noTypes: readonly string[] = [];

/** Status, by the AADSTS number and whether the user has methods of authentication. */
const statuses = new Map<string, Row>();

function statusRowOf(errorCode: number, hasMethods: boolean): Row {
  const isProven = errorCode === 0 && hasMethods;
  const key = `${errorCode} ${isProven}`;
  const status = statuses.get(key) ?? {
    errorCode,
    failureReason: failureReasons[errorCode] ?? 'Other.',
    additionalDetails: isProven ? 'MFA requirement satisfied by claim in the token' : null,
  };
  statuses.set(key, status);
  return status;
}

/** For a browser, and for another client. */
const deviceDetails = new WeakMap<DeviceData, Partial<Record<'browser' | 'other', Row>>>();
const noDevice = { browser: deviceDetail(undefined, true), other: deviceDetail(undefined, false) };

function deviceDetailOf(device: DeviceData | undefined, isBrowser: boolean): Row {
  const kind = isBrowser ? 'browser' : 'other';
  if (device === undefined) return noDevice[kind];
  const known = deviceDetails.get(device) ?? {};
  const detail = known[kind] ?? deviceDetail(device, isBrowser);
  deviceDetails.set(device, { ...known, [kind]: detail });
  return detail;
}

function deviceDetail(device: DeviceData | undefined, isBrowser: boolean): Row {
  return {
    deviceId: device?.deviceId ?? '',
    displayName: device?.name ?? '',
    operatingSystem: device?.model.system ?? 'Windows10',
    browser: isBrowser ? 'Edge 142.0.0' : '',
    isCompliant: device?.isCompliant ?? false,
    isManaged: device?.isManaged ?? false,
    trustType: device === undefined ? '' : trustNames[device.trustType],
  };
}

const interactive = ['interactiveUser'] as const;

/** `auditLogs/signIns`. */
export function signInRow(facts: TenantFacts, signIn: SignInData): Row {
  const { profile, errorCode, device } = signIn;
  const { user } = profile;
  const found = riskyProfilesOf(facts).get(user.id);
  const risk = found?.signIn.id === signIn.id ? found : undefined;
  const applied = appliedPoliciesOf(facts)(errorCode);
  return {
    id: signIn.id,
    createdDateTime: time(signIn.atMs),
    userDisplayName: user.displayName,
    userPrincipalName: user.userPrincipalName,
    userId: user.id,
    appId: signIn.app.appId,
    appDisplayName: signIn.app.appDisplayName,
    ipAddress: signIn.ipAddress,
    clientAppUsed: signIn.client,
    correlationId: idOf(facts, 'correlation', signIn.id),
    conditionalAccessStatus: statusOf(applied),
    isInteractive: true,
    signInEventTypes: interactive,
    riskDetail: risk?.detail ?? 'none',
    riskLevelAggregated: risk?.level ?? 'none',
    riskLevelDuringSignIn: risk?.level ?? 'none',
    riskState: risk?.state ?? 'none',
    riskEventTypes: noTypes,
    riskEventTypes_v2: risk === undefined ? noTypes : [risk.eventType],
    resourceDisplayName: 'Microsoft Graph',
    resourceId: '00000003-0000-0000-c000-000000000000',
    status: statusRowOf(errorCode, user.methods.length > 0),
    deviceDetail: deviceDetailOf(device, signIn.client === 'Browser'),
    location: locationOf(signIn.place),
    appliedConditionalAccessPolicies: applied,
  };
}

const trustNames = {
  AzureAd: 'Azure AD joined',
  ServerAd: 'Hybrid Azure AD joined',
  Workplace: 'Azure AD registered',
} as const;
