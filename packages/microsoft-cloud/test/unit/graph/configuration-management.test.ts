import { describe, expect, it } from 'vitest';
import type { Row } from '../../../src/graph/declaration.ts';
import type { CustomerTenant } from '../../../src/population/tenant.ts';
import { ask, world } from '../served-engine.ts';
import { dayMs, startMs, viewOf, worldOf } from '../tenant-view.ts';

const root = 'admin/configurationManagement';
const rowsOf = (customer: CustomerTenant, name: string, query = ''): readonly Row[] =>
  ask(customer, `${root}/${name}${query}`).rows;

const monitored = world.customers.filter((each) => rowsOf(each, 'configurationMonitors').length > 0);
const hoursOf = (value: unknown): number => new Date(String(value)).getUTCHours();

describe('tenant configuration management', () => {
  it('has monitors in some tenants, at most 30 each, which compare up to 800 resources a day', () => {
    expect(monitored.length).toBeGreaterThan(0);
    expect(monitored.length).toBeLessThan(world.customers.length);
    for (const customer of monitored) {
      const monitors = rowsOf(customer, 'configurationMonitors');
      expect(monitors.length).toBeLessThanOrEqual(30);
      const compared = monitors.map(({ id, monitorRunFrequencyInHours: hours }) => {
        const { body, status } = ask(customer, `${root}/configurationMonitors/${String(id)}/baseline`);
        expect(status).toBe(200);
        return ((body['resources'] as readonly Row[]).length * 24) / Number(hours);
      });
      expect(compared.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(800);
    }
  });

  it('runs each active monitor every six hours, and counts the drifts that were there', () => {
    for (const customer of monitored) {
      const results = rowsOf(customer, 'configurationMonitoringResults', '?$top=999');
      expect(results.length).toBeGreaterThan(0);
      expect(new Set(results.map(({ runInitiationDateTime: at }) => hoursOf(at)))).toEqual(new Set([0, 6, 12, 18]));
      for (const { id } of rowsOf(customer, 'configurationMonitors', "?$filter=status eq 'active'")) {
        const [latest] = results.filter(({ monitorId }) => monitorId === id);
        const drifts = rowsOf(
          customer,
          'configurationDrifts',
          `?$filter=monitorId eq '${String(id)}' and status eq 'active'`,
        );
        expect(latest?.['driftsCount']).toBe(latest?.['runStatus'] === 'failed' ? 0 : drifts.length);
      }
    }
    const drifts = monitored.flatMap((customer) =>
      rowsOf(customer, 'configurationDrifts', '?$select=driftedProperties,firstReportedDateTime'),
    );
    expect(drifts.length).toBeGreaterThan(0);
    for (const { driftedProperties } of drifts)
      for (const { currentValue, desiredValue } of driftedProperties as readonly Row[])
        expect(currentValue).not.toEqual(desiredValue);
  });

  it('runs no inactive monitor, and says why it is inactive and why a run failed', () => {
    const inactive = monitored.flatMap((customer) =>
      rowsOf(customer, 'configurationMonitors', "?$filter=status eq 'inactive'&$select=id,inactivationReason").map(
        (monitor) => ({ customer, monitor }),
      ),
    );
    expect(inactive.length).toBeGreaterThan(0);
    for (const { customer, monitor } of inactive) {
      expect(monitor['inactivationReason']).toMatch(/\w/);
      const since = new Date(startMs - dayMs).toISOString();
      const recent = `?$filter=monitorId eq '${String(monitor['id'])}' and runInitiationDateTime ge ${since}`;
      expect(rowsOf(customer, 'configurationMonitoringResults', recent)).toEqual([]);
    }
    const failed = monitored.flatMap((customer) =>
      rowsOf(customer, 'configurationMonitoringResults', "?$filter=runStatus eq 'failed'&$select=errorDetails"),
    );
    expect(failed.length).toBeGreaterThan(0);
    for (const { errorDetails } of failed) expect(errorDetails).toHaveLength(1);
  });

  it('deletes a drift 30 days after it was fixed', () => {
    const own = worldOf(1, 25, startMs, 60);
    const drifts = (): readonly Row[] =>
      own.customers.flatMap((each) => viewOf(own, each).rows(`${root}/configurationDrifts`));
    const before = drifts();
    const active = before.filter(({ status }) => status === 'active');
    expect(active.length).toBeGreaterThan(0);
    expect(active.length).toBeLessThan(before.length);
    own.clock.advance(31 * dayMs);
    expect(drifts()).toEqual(active);
  });

  it('returns some properties only if they are selected', () => {
    const [customer] = monitored;
    if (customer === undefined) throw new Error('No tenant has a monitor.');
    const [monitor] = rowsOf(customer, 'configurationMonitors');
    expect(Object.keys(monitor ?? {})).not.toContain('createdBy');
    expect(rowsOf(customer, 'configurationMonitors', '?$select=createdBy')[0]).toHaveProperty('createdBy');
    expect(rowsOf(customer, 'configurationMonitors', '?$skip=1')).toEqual([]);
    expect(ask(customer, `${root}/configurationMonitors?$skip=1`).status).toBe(400);
  });

  it('keeps a snapshot for seven days', () => {
    // The clock of the shared world must not move.
    const own = worldOf(1, 25, startMs, 60);
    const found = own.customers.find(({ tenantId }) => tenantId === monitored[0]?.tenantId);
    const read = (name: string): readonly Row[] => viewOf(own, found).rows(`${root}/${name}`);
    const [job] = read('configurationSnapshotJobs');
    expect(job?.['status']).toBe('succeeded');
    expect(String(job?.['resourceLocation'])).toContain(String(read('configurationSnapshots')[0]?.['id']));
    own.clock.advance(4 * dayMs);
    expect(read('configurationSnapshotJobs').map(({ status }) => status)).toEqual(['succeeded', 'failed']);
    own.clock.advance(2 * dayMs);
    expect([read('configurationSnapshotJobs'), read('configurationSnapshots')]).toEqual([[], []]);
  });
});
