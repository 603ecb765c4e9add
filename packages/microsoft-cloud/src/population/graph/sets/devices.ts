import type { Declaration, Row } from '../../../graph/declaration.ts';
import { deviceRow, devicesOf } from '../device-data.ts';
import { perTenant } from '../facts.ts';
import {
  compliancePolicyRows,
  configurationRows,
  detectedAppRows,
  managedDeviceRow,
  managedOverviewRow,
} from '../intune-data.ts';
import { needsIntune } from '../premium.ts';
import { entitySet, references, singleton } from './declare.ts';

const intune = { check: needsIntune } as const;
const policies = {
  ...intune,
  writes: { operations: ['create', 'update', 'delete'], required: ['displayName'] },
} as const;

const managedRows = perTenant((facts): readonly Row[] =>
  devicesOf(facts)
    .filter(({ isManaged }) => isManaged)
    .map((device) => managedDeviceRow(facts, device)),
);

const owners = (path: string): Declaration =>
  references(
    path,
    ['users'],
    (facts, id) =>
      devicesOf(facts)
        .filter((device) => device.id === id)
        .map(({ owner }) => owner.id),
    { writable: true, queries: 'directory' },
  );

const inverse = (path: string, of: string): Declaration => ({
  kind: 'inverse',
  path,
  type: 'microsoft.graph.directoryObject',
  of: [of],
  queries: 'directory',
});

export const deviceSets: readonly Declaration[] = [
  entitySet('devices', 'device', (facts) => devicesOf(facts).map(deviceRow), {
    queries: 'directory',
    delta: true,
    searched: ['displayName'],
    alternateKeys: ['deviceId'],
    writes: { operations: ['update', 'delete'] },
  }),
  owners('devices/{id}/registeredOwners'),
  owners('devices/{id}/registeredUsers'),
  inverse('users/{id}/ownedDevices', 'devices/{id}/registeredOwners'),
  inverse('users/{id}/registeredDevices', 'devices/{id}/registeredUsers'),
  entitySet('deviceManagement/managedDevices', 'managedDevice', managedRows, {
    ...intune,
    defaultTop: 1000,
    maxTop: 1000,
    writes: { operations: ['update', 'delete'] },
  }),
  singleton('deviceManagement/managedDeviceOverview', 'managedDeviceOverview', managedOverviewRow, intune),
  entitySet('deviceManagement/deviceCompliancePolicies', 'deviceCompliancePolicy', compliancePolicyRows, policies),
  entitySet('deviceManagement/deviceConfigurations', 'deviceConfiguration', configurationRows, policies),
  entitySet('deviceManagement/detectedApps', 'detectedApp', detectedAppRows, intune),
];
