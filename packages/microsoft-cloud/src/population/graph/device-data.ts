import { dayMs } from '../../clock.ts';
import type { User } from '../../directory/records.ts';
import type { Row } from '../../graph/declaration.ts';
import { between, pick } from '../../seeded.ts';
import { hexOf, idOf, isHybrid, perTenant, randomOf, type TenantFacts, time } from './facts.ts';
import { hasPlan } from './licensing.ts';
import { profilesOf } from './user-profiles.ts';

interface Model {
  readonly system: 'Windows' | 'iOS' | 'Android' | 'MacMDM';
  readonly versions: readonly string[];
  readonly manufacturer: string;
  readonly model: string;
  readonly prefix: string;
}

// The names of manufacturers are invented.
const laptops: readonly Model[] = [
  {
    system: 'Windows',
    versions: ['10.0.26100.7171', '10.0.22631.6199'],
    manufacturer: 'Examplar',
    model: 'Slate 14',
    prefix: 'LAP',
  },
  {
    system: 'Windows',
    versions: ['10.0.26100.7171', '10.0.19045.6575'],
    manufacturer: 'Northwick',
    model: 'Tower 5',
    prefix: 'PC',
  },
  { system: 'MacMDM', versions: ['15.7.2', '26.1'], manufacturer: 'Apple', model: 'MacBook Air', prefix: 'MAC' },
];
const phones: readonly Model[] = [
  { system: 'iOS', versions: ['26.1', '18.7.2'], manufacturer: 'Apple', model: 'iPhone 16', prefix: 'PHONE' },
  { system: 'Android', versions: ['16', '15', '13'], manufacturer: 'Examplar', model: 'Pocket 9', prefix: 'PHONE' },
];

/** A device of a user. A device that Intune manages is an Entra device and a managed device. */
export interface DeviceData {
  readonly id: string;
  readonly deviceId: string;
  readonly managedId: string;
  readonly name: string;
  readonly model: Model;
  readonly version: string;
  readonly owner: User;
  readonly isManaged: boolean;
  readonly isCompliant: boolean;
  readonly isCompanyOwned: boolean;
  readonly trustType: 'AzureAd' | 'ServerAd' | 'Workplace';
  readonly registeredMs: number;
  readonly lastSeenMs: number;
  readonly serial: string;
}

/** The devices of the staff: most have a computer, some a telephone. */
export const devicesOf = perTenant((facts): readonly DeviceData[] => {
  if (facts.isPartner) return [];
  const hybrid = isHybrid(facts);
  return profilesOf(facts).flatMap(({ user, index, department }) => {
    if (department === null) return [];
    const random = randomOf(facts, 'devices', index);
    const models = [
      ...(random() < 0.75 ? [pick(random, laptops)] : []),
      ...(random() < 0.4 ? [pick(random, phones)] : []),
    ];
    return models.map((model, at) => deviceOf(facts, { user, index, at, model, hybrid }));
  });
});

interface DevicePlan {
  readonly user: User;
  readonly index: number;
  readonly at: number;
  readonly model: Model;
  readonly hybrid: boolean;
}

function deviceOf(facts: TenantFacts, { user, index, at, model, hybrid }: DevicePlan): DeviceData {
  const random = randomOf(facts, 'device', index, at);
  const isPhone = model.system === 'iOS' || model.system === 'Android';
  const registeredMs = Math.max(user.createdMs, facts.startMs - between(random, 20, 900) * dayMs);
  const idleDays = random() < 0.12 ? between(random, 60, 300) : random() * 14;
  const isManaged = hasPlan(user, 'INTUNE') && random() < 0.9;
  return {
    id: idOf(facts, 'device', index, at),
    deviceId: idOf(facts, 'device id', index, at),
    managedId: idOf(facts, 'managed device', index, at),
    name: `${model.prefix}-${hexOf(facts, 6, 'device name', index, at).toUpperCase()}`,
    model,
    version: pick(random, model.versions),
    owner: user,
    isManaged,
    isCompliant: isManaged && random() < 0.85,
    isCompanyOwned: !isPhone || random() < 0.5,
    trustType: isPhone ? 'Workplace' : hybrid && model.system === 'Windows' ? 'ServerAd' : 'AzureAd',
    registeredMs,
    lastSeenMs: Math.max(registeredMs, facts.startMs - Math.floor(idleDays * dayMs)),
    serial: hexOf(facts, 10, 'serial', index, at).toUpperCase(),
  };
}

/** The device in Entra. */
export const deviceRow = (device: DeviceData): Row => ({
  id: device.id,
  deletedDateTime: null,
  accountEnabled: true,
  alternativeSecurityIds: [],
  approximateLastSignInDateTime: time(device.lastSeenMs),
  complianceExpirationDateTime: null,
  deviceCategory: null,
  deviceId: device.deviceId,
  deviceMetadata: null,
  deviceOwnership: device.isManaged ? (device.isCompanyOwned ? 'Company' : 'Personal') : null,
  deviceVersion: 2,
  displayName: device.name,
  enrollmentProfileName: null,
  isCompliant: device.isManaged ? device.isCompliant : null,
  isManaged: device.isManaged ? true : null,
  isRooted: device.model.system === 'Windows' ? null : false,
  managementType: device.isManaged ? 'MDM' : null,
  manufacturer: device.model.manufacturer,
  mdmAppId: device.isManaged ? '0000000a-0000-0000-c000-000000000000' : null,
  model: device.model.model,
  onPremisesSyncEnabled: device.trustType === 'ServerAd' ? true : null,
  operatingSystem: device.model.system,
  operatingSystemVersion: device.version,
  physicalIds: [],
  profileType: 'RegisteredDevice',
  registrationDateTime: time(device.registeredMs),
  systemLabels: [],
  trustType: device.trustType,
});
