import * as z from 'zod';
import { dayMs } from '../lib/core/clock.ts';
import { defineJob } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';
import { readPart, timeMs } from './parts.ts';

const text = z.string().nullish();
const managedDevice = z.object({
  id: z.string(),
  deviceName: text,
  azureADDeviceId: text,
  operatingSystem: text,
  osVersion: text,
  complianceState: text,
  isEncrypted: z.boolean().nullish(),
  lastSyncDateTime: text,
  managedDeviceOwnerType: text,
  userPrincipalName: text,
});
const device = z.object({
  id: z.string(),
  deviceId: text,
  displayName: text,
  operatingSystem: text,
  operatingSystemVersion: text,
  isCompliant: z.boolean().nullish(),
  isManaged: z.boolean().nullish(),
  trustType: text,
  accountEnabled: z.boolean().nullish(),
  approximateLastSignInDateTime: text,
});
type Managed = z.output<typeof managedDevice>;
type Device = z.output<typeof device>;

const pathOf = (list: string, { shape }: z.ZodObject): string =>
  `/${list}?$select=${Object.keys(shape).join(',')}&$top=999`;

/**
 * Reports the devices of Intune and of Entra ID, joined by the id of the device. Without Intune, or without a role there,
 * devices of Entra ID alone are reported. Nothing in Graph says which version is outdated.
 */
export default defineJob({
  name: 'devices',
  title: 'Devices',
  description:
    'Which devices are not compliant, not encrypted, outdated or not seen for long. Without Intune, the devices of Entra ID alone.',
  topic: 'devices',
  resources: ['graph'],
  permissions: ['Device.Read.All', 'DeviceManagementManagedDevices.Read.All'],
  directoryRoles: ['Security Reader', 'Global Reader', 'Intune Administrator', 'Security Administrator'],
  timeoutSeconds: 900,
  parameters: z.object({
    minimumVersions: z
      .array(z.string().regex(/^[\w .]{1,40}=\d+(?:\.\d+){0,3}$/))
      .max(20)
      .default([])
      .meta({
        title: 'Minimum versions',
        description: 'Items such as Windows=10.0.26100 or iOS=18.0. A lower version is outdated.',
      }),
  }),
  columns: [
    { name: 'device', title: 'Device', type: 'text' },
    { name: 'source', title: 'Source', type: 'text' },
    { name: 'os', title: 'Operating system', type: 'text' },
    { name: 'version', title: 'Version', type: 'text' },
    { name: 'compliance', title: 'Compliance', type: 'text' },
    { name: 'encrypted', title: 'Encrypted', type: 'boolean' },
    { name: 'enabled', title: 'Enabled', type: 'boolean' },
    { name: 'owner', title: 'Owner', type: 'text' },
    { name: 'user', title: 'User', type: 'text' },
    { name: 'trust', title: 'Join', type: 'text' },
    // A device in use syncs several times a day.
    { name: 'lastSeen', title: 'Last seen', type: 'date', compare: false },
    { name: 'days', title: 'Days since then', type: 'number', compare: false, history: false },
    { name: 'outdated', title: 'Outdated', type: 'boolean' },
    { name: 'intuneRead', title: 'Intune read', type: 'text' },
    { name: 'deviceId', title: 'Device id', type: 'text' },
  ],
  key: ['deviceId'],
  historyBy: 'compliance',
  async run({ graph, parameters, nowMs }) {
    const intune = await readPart(
      graph.list(pathOf('deviceManagement/managedDevices', managedDevice), { shape: managedDevice }),
    );
    // After a new enrolment, a device has several records. The latest to synchronize counts.
    const byAge = intune.items.toSorted(
      (a, b) => (timeMs(a.lastSyncDateTime) ?? 0) - (timeMs(b.lastSyncDateTime) ?? 0),
    );
    const managed = new Map(byAge.map((each) => [idOf(each.azureADDeviceId) ?? each.id, each]));
    const minimum = new Map(
      parameters.minimumVersions.map((item) => {
        const [os = '', version = ''] = item.split('=');
        return [os.toLowerCase(), version] as const;
      }),
    );
    const rows: Row[] = [];
    const add = (deviceId: string, entra: Device | undefined, own: Managed | undefined): void => {
      const os = own?.operatingSystem ?? entra?.operatingSystem ?? null;
      const version = own?.osVersion ?? entra?.operatingSystemVersion ?? null;
      const lastSeen = latest(own?.lastSyncDateTime, entra?.approximateLastSignInDateTime);
      const seenMs = timeMs(lastSeen);
      rows.push({
        device: own?.deviceName ?? entra?.displayName ?? null,
        source: own === undefined ? 'Entra ID' : entra === undefined ? 'Intune' : 'Intune and Entra ID',
        os,
        version,
        compliance: own?.complianceState ?? complianceOf(entra),
        encrypted: own?.isEncrypted ?? null,
        enabled: entra?.accountEnabled ?? null,
        owner: own?.managedDeviceOwnerType ?? null,
        user: own?.userPrincipalName ?? null,
        trust: entra?.trustType ?? null,
        lastSeen,
        days: seenMs === undefined ? null : Math.floor((nowMs - seenMs) / dayMs),
        outdated: isOlder(version, minimum.get(os?.toLowerCase() ?? '')),
        intuneRead: intune.read,
        deviceId,
      });
    };
    for await (const entra of graph.list(pathOf('devices', device), { shape: device })) {
      const deviceId = idOf(entra.deviceId) ?? entra.id;
      add(deviceId, entra, managed.get(deviceId));
      managed.delete(deviceId);
    }
    for (const [deviceId, own] of managed) add(deviceId, undefined, own);
    return rows;
  },
});

/** The id of a device in Entra ID. Intune has zeros for one that is not registered there. */
const idOf = (deviceId: string | null | undefined): string | undefined =>
  deviceId == null || /^[0-]*$/.test(deviceId) ? undefined : deviceId;

/** `isCompliant` is null for a device that no management reports about. */
function complianceOf(entra: Device | undefined): string | null {
  if (entra?.isCompliant === true) return 'compliant';
  if (entra?.isCompliant === false) return entra.isManaged === true ? 'noncompliant' : 'unmanaged';
  return entra?.isCompliant === null ? 'unmanaged' : null;
}

function latest(...times: readonly (string | null | undefined)[]): string | null {
  const known = times
    .filter((time) => timeMs(time) !== undefined)
    .toSorted((a, b) => (timeMs(b) ?? 0) - (timeMs(a) ?? 0));
  return known[0] ?? null;
}

/** Whether a version such as `10.0.22000.1` is below another one. Null if either is not known. */
function isOlder(version: string | null, minimum: string | undefined): boolean | null {
  if (minimum === undefined || version === null || !/^\d+(?:\.\d+)*/.test(version)) return null;
  const [mine = [], least = []] = [version, minimum].map((each) =>
    each.split('.').map((part) => Number.parseInt(part, 10)),
  );
  for (const [at, part] of least.entries()) if ((mine[at] ?? 0) !== part) return (mine[at] ?? 0) < part;
  return false;
}
