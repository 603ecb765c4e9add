import { describe, expect, test } from 'vitest';
import devices from '../../../src/jobs/devices.ts';
import { problem } from '../../fakes/scripted-fetch.ts';
import { customers, pathsOf, populationOf, reportOn } from '../../support/population-report.ts';
import { tryJob } from '../../support/try-job.ts';

const paths = ['/deviceManagement/managedDevices', '/devices'];

test('devices has the rows that the population contains, with two requests', async () => {
  const seen = new Set<string>();
  for (const customer of customers) {
    const population = populationOf(customer);
    const hasIntune = population.hasPlan('INTUNE_A');
    const managed = new Map(
      (hasIntune ? population.rows(paths[0]!.slice(1)) : []).map((each) => [each['azureADDeviceId'], each]),
    );
    const { rows, requests } = await reportOn(devices, customer, {
      parameters: { minimumVersions: ['Windows=10.0.22000'] },
    });
    expect(pathsOf({ requests })).toEqual(paths);
    expect(
      rows.map((row) => [
        row['deviceId'],
        row['source'],
        row['version'],
        row['compliance'],
        row['outdated'],
        row['intuneRead'],
      ]),
    ).toEqual(
      population.rows('devices').map((device) => {
        const own = managed.get(device['deviceId']);
        const version = String(own?.['osVersion'] ?? device['operatingSystemVersion']);
        const isWindows = device['operatingSystem'] === 'Windows';
        return [
          device['deviceId'],
          own === undefined ? 'Entra ID' : 'Intune and Entra ID',
          version,
          own?.['complianceState'] ?? (device['isCompliant'] === true ? 'compliant' : 'unmanaged'),
          isWindows ? Number(version.split('.')[2]) < 22_000 : null,
          hasIntune ? 'yes' : 'no licence',
        ];
      }),
    );
    for (const row of rows) seen.add([row['source'], row['compliance'], row['outdated']].join(' '));
  }
  expect([...seen].toSorted()).toEqual(
    expect.arrayContaining(['Entra ID unmanaged false', 'Intune and Entra ID compliant false']),
  );
});

describe('devices', () => {
  const nowMs = Date.parse('2026-11-24T00:00:00Z');
  const run = async (managed: unknown, entra: readonly object[], parameters: Readonly<Record<string, unknown>> = {}) =>
    (
      await tryJob(devices, {
        nowMs,
        parameters,
        graph: { [paths[0]!]: managed as never, [paths[1]!]: { value: entra } },
      })
    ).rows;

  test('joins a device of Intune by the id of Entra ID, and keeps one that is not registered there', async () => {
    const rows = await run(
      {
        value: [
          {
            id: 'm1',
            azureADDeviceId: 'd1',
            deviceName: 'LAPTOP',
            complianceState: 'noncompliant',
            isEncrypted: false,
            lastSyncDateTime: '2026-11-20T00:00:00Z',
          },
          { id: 'm2', azureADDeviceId: '00000000-0000-0000-0000-000000000000', deviceName: 'PHONE' },
        ],
      },
      [
        { id: 'e1', deviceId: 'd1', displayName: 'Laptop', approximateLastSignInDateTime: '2026-11-22T00:00:00Z' },
        { id: 'e2', deviceId: 'd2', isCompliant: null },
      ],
    );
    expect(
      rows.map(({ deviceId, source, device, compliance, encrypted, days }) => [
        deviceId,
        source,
        device,
        compliance,
        encrypted,
        days,
      ]),
    ).toEqual([
      ['d1', 'Intune and Entra ID', 'LAPTOP', 'noncompliant', false, 2],
      ['d2', 'Entra ID', null, 'unmanaged', null, null],
      ['m2', 'Intune', 'PHONE', null, null, null],
    ]);
  });

  test.each([false, true])(
    'takes the record of a device that was synchronized last, also if it is not the last one: %s',
    async (isReversed) => {
      const record = (id: string, complianceState: string, lastSyncDateTime?: string) => ({
        id,
        azureADDeviceId: 'd1',
        complianceState,
        lastSyncDateTime,
      });
      const records = [
        record('m1', 'noncompliant'),
        record('m2', 'noncompliant', '2025-01-01T00:00:00Z'),
        record('m3', 'compliant', '2026-11-23T00:00:00Z'),
      ];
      const value = isReversed ? records.toReversed() : records;
      expect(await run({ value }, [{ id: 'e1', deviceId: 'd1' }])).toMatchObject([
        { deviceId: 'd1', compliance: 'compliant', lastSeen: '2026-11-23T00:00:00Z' },
      ]);
      expect(await run({ value }, [])).toMatchObject([{ deviceId: 'd1', compliance: 'compliant', source: 'Intune' }]);
    },
  );

  test.each([
    [{ isCompliant: true }, 'compliant'],
    [{ isCompliant: false, isManaged: true }, 'noncompliant'],
    [{ isCompliant: false, isManaged: false }, 'unmanaged'],
    [{ isCompliant: null }, 'unmanaged'],
    [{}, null],
  ])('takes a device of Entra ID with %j for %s', async (entra, compliance) => {
    expect(await run({ value: [] }, [{ id: 'e', deviceId: 'd', ...entra }])).toMatchObject([{ compliance }]);
  });

  test.each([
    ['no licence', problem(400, 'BadRequest', 'Request not applicable to target tenant.')],
    ['no access', problem(403, 'Forbidden', 'Application is not authorized to perform this operation.')],
  ])('reports the devices of Entra ID if Intune cannot be read: %s', async (intuneRead, refusal) => {
    const rows = await run(refusal, [{ id: 'e', deviceId: 'd' }]);
    expect(rows).toMatchObject([{ source: 'Entra ID', encrypted: null, compliance: null, intuneRead }]);
  });

  test.each([
    ['10.0.22000', '10.0.22000.1', false],
    ['10.0.22000', '10.0.19045', true],
    ['10.0.22000', '10.1', false],
    ['18.0', '17.9.9', true],
    ['18', '18.0', false],
    ['18.0', 'unknown', null],
    ['18.0', null, null],
  ])('compares with the minimum %s: %s is outdated, %s', async (minimum, operatingSystemVersion, outdated) => {
    const entra = { id: 'e', deviceId: 'd', operatingSystem: 'iOS', operatingSystemVersion };
    expect(await run({ value: [] }, [entra], { minimumVersions: [`ios=${minimum}`] })).toMatchObject([{ outdated }]);
    expect(await run({ value: [] }, [entra])).toMatchObject([{ outdated: null }]);
  });

  test.each([['Windows'], ['Windows=new'], ['=1'], [''], [1]])('refuses the minimum version %j', async (version) => {
    await expect(run({ value: [] }, [], { minimumVersions: [version] })).rejects.toMatchObject({
      code: 'request_invalid',
    });
  });

  test('fails if the devices of Entra ID cannot be read', async () => {
    const graph = { [paths[0]!]: { value: [] }, [paths[1]!]: problem(403, 'Authorization_RequestDenied', '') };
    await expect(tryJob(devices, { graph })).rejects.toMatchObject({ code: 'access_denied' });
  });
});
