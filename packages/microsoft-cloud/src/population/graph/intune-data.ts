import { dayMs } from '../../clock.ts';
import type { Row } from '../../graph/declaration.ts';
import { between } from '../../seeded.ts';
import { type DeviceData, devicesOf } from './device-data.ts';
import { hexOf, idOf, randomOf, type TenantFacts, time } from './facts.ts';

const gigabyte = 1_073_741_824;

/** The device in Intune. */
export function managedDeviceRow(facts: TenantFacts, device: DeviceData): Row {
  const { owner, model } = device;
  const random = randomOf(facts, 'managed', device.managedId);
  const total = model.system === 'Windows' || model.system === 'MacMDM' ? 512 * gigabyte : 128 * gigabyte;
  const isWindows = model.system === 'Windows';
  return {
    id: device.managedId,
    activationLockBypassCode: null,
    azureADDeviceId: device.deviceId,
    azureADRegistered: true,
    complianceGracePeriodExpirationDateTime: '9999-12-31T23:59:59Z',
    complianceState: device.isCompliant ? 'compliant' : 'noncompliant',
    deviceActionResults: [],
    deviceEnrollmentType: isWindows ? 'windowsAzureADJoin' : 'userEnrollment',
    deviceName: device.name,
    deviceRegistrationState: 'registered',
    easActivated: false,
    emailAddress: owner.userPrincipalName,
    enrolledDateTime: time(device.registeredMs),
    exchangeAccessState: 'none',
    exchangeAccessStateReason: 'none',
    freeStorageSpaceInBytes: Math.floor(total * (0.05 + random() * 0.8)),
    isEncrypted: device.isCompliant || random() < 0.5,
    isSupervised: false,
    jailBroken: isWindows ? 'Unknown' : 'False',
    lastSyncDateTime: time(device.lastSeenMs),
    managedDeviceName: `${owner.givenName}_${model.system}_${time(device.registeredMs).slice(0, 10)}`,
    managedDeviceOwnerType: device.isCompanyOwned ? 'company' : 'personal',
    managementAgent: 'mdm',
    managementCertificateExpirationDate: time(facts.startMs + between(random, 30, 360) * dayMs),
    manufacturer: model.manufacturer,
    model: model.model,
    operatingSystem: model.system === 'MacMDM' ? 'macOS' : model.system,
    osVersion: device.version,
    partnerReportedThreatState: 'unknown',
    physicalMemoryInBytes: 0,
    serialNumber: device.serial,
    totalStorageSpaceInBytes: total,
    userDisplayName: owner.displayName,
    userId: owner.id,
    userPrincipalName: owner.userPrincipalName,
    wiFiMacAddress: hexOf(facts, 12, 'wifi', device.managedId).toUpperCase(),
  };
}

const dated = (facts: TenantFacts, key: string): Row => ({
  id: idOf(facts, 'intune', key),
  createdDateTime: time(facts.startMs - 250 * dayMs),
  lastModifiedDateTime: time(facts.startMs - 90 * dayMs),
  description: null,
  version: 1,
});

export const compliancePolicyRows = (facts: TenantFacts): readonly Row[] => [
  {
    '@odata.type': '#microsoft.graph.windows10CompliancePolicy',
    ...dated(facts, 'compliance windows'),
    displayName: 'Windows compliance',
    bitLockerEnabled: true,
    osMinimumVersion: '10.0.19045.0',
    passwordRequired: true,
    passwordMinimumLength: 8,
    secureBootEnabled: true,
    storageRequireEncryption: true,
  },
  {
    '@odata.type': '#microsoft.graph.iosCompliancePolicy',
    ...dated(facts, 'compliance ios'),
    displayName: 'iPhone compliance',
    osMinimumVersion: '18.0',
    passcodeRequired: true,
    passcodeMinimumLength: 6,
    securityBlockJailbrokenDevices: true,
  },
];

export const configurationRows = (facts: TenantFacts): readonly Row[] => [
  {
    '@odata.type': '#microsoft.graph.windows10GeneralConfiguration',
    ...dated(facts, 'configuration windows'),
    displayName: 'Windows restrictions',
    passwordRequired: true,
    passwordMinimumLength: 8,
    cortanaBlocked: true,
    defenderRequireRealTimeMonitoring: true,
  },
];

/** Counts of the managed devices, which agree with the list. */
export function managedOverviewRow(facts: TenantFacts): Row {
  const managed = devicesOf(facts).filter(({ isManaged }) => isManaged);
  const count = (system: DeviceData['model']['system']): number =>
    managed.filter(({ model }) => model.system === system).length;
  return {
    id: idOf(facts, 'intune overview'),
    enrolledDeviceCount: managed.length,
    mdmEnrolledCount: managed.length,
    dualEnrolledDeviceCount: 0,
    deviceOperatingSystemSummary: {
      androidCount: count('Android'),
      iosCount: count('iOS'),
      macOSCount: count('MacMDM'),
      windowsMobileCount: 0,
      windowsCount: count('Windows'),
      unknownCount: 0,
    },
    deviceExchangeAccessStateSummary: {
      allowedDeviceCount: 0,
      blockedDeviceCount: 0,
      quarantinedDeviceCount: 0,
      unknownDeviceCount: 0,
      unavailableDeviceCount: managed.length,
    },
  };
}

const programs = ['Example Reader', 'Example Office Suite', 'Ledger Desktop', 'Remote Viewer'] as const;

/** Programs that Intune found. Each is on at most as many devices as there are. */
export function detectedAppRows(facts: TenantFacts): readonly Row[] {
  const managed = devicesOf(facts).filter(({ isManaged, model }) => isManaged && model.system === 'Windows').length;
  if (managed === 0) return [];
  return programs.map((displayName) => {
    const random = randomOf(facts, 'program', displayName);
    return {
      id: hexOf(facts, 44, 'program', displayName),
      displayName,
      version: `${between(random, 1, 20)}.${between(random, 0, 9)}.0`,
      sizeInByte: 0,
      deviceCount: between(random, 1, managed),
      publisher: null,
      platform: 'windows',
    };
  });
}
