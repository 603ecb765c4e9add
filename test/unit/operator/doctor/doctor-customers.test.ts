import { beforeEach, describe, expect, it } from 'vitest';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { customer, DoctorBench, one, partner, refusing, statusOf } from './doctor-bench.ts';

let bench: DoctorBench;
beforeEach(async () => {
  bench = await DoctorBench.create();
});

describe('examine of the customers', () => {
  it('warns that there are none and names the usual reason', async () => {
    bench.customers = [];
    const found = await bench.checks();
    expect(one(found, 'Customers')).toMatchObject({
      status: 'warning',
      remedy: expect.stringContaining('AdminAgents') as string,
    });
    expect(one(found, 'Customer token')?.status).toBe('skipped');
  });

  it('warns about an incomplete list and fails when the list cannot be read', async () => {
    bench.warnings = ['The list of contracts could not be read.'];
    expect(one(await bench.checks(), 'Customers')).toMatchObject({
      status: 'warning',
      message: '2 customers, 2 of them with delegated access. The list of contracts could not be read.',
    });
    const failing = { snapshot: () => Promise.reject(new BrokerError('directory_unavailable', 'no')) };
    expect(statusOf(await bench.checks({ directory: failing }))).toMatchObject({
      Customers: 'failed',
      'Customer token': 'skipped',
    });
  });

  it('tries the first five customers and reports the last failure', async () => {
    bench.refuse = refusing({ tenantId: customer(1).tenantId }, 'consent_required');
    expect(one(await bench.checks(), 'Customer token')?.message).toBe('Entra issued a token for customer 2.');
    bench.refuse = (request) =>
      request.tenantId === partner ? undefined : new BrokerError('consent_required', 'nobody');
    bench.customers = [1, 2, 3, 4, 5, 6].map((n) => customer(n));
    expect(one(await bench.checks(), 'Customer token')).toMatchObject({
      status: 'failed',
      code: 'consent_required',
      message: 'customer 5: nobody',
    });
  });

  it('tries the given customer, by id or domain', async () => {
    expect(one(await bench.checks({ customer: 'C2.example' }), 'Customer token')?.message).toBe(
      'Entra issued a token for customer 2.',
    );
    expect(one(await bench.checks({ customer: customer(1).tenantId }), 'Customer token')?.status).toBe('ok');
    expect(one(await bench.checks({ customer: 'nobody.example' }), 'Customer token')?.message).toBe(
      '"nobody.example" is not a customer.',
    );
  });

  it('fails when no customer is reachable, and names the reason for the given one', async () => {
    bench.customers = [customer(1, { reachable: false, reason: 'no_relationship' })];
    expect(one(await bench.checks(), 'Customer token')?.message).toBe('No customer has delegated access.');
    expect(one(await bench.checks({ customer: 'c1.example' }), 'Customer token')).toMatchObject({
      code: 'tenant_not_delegated',
    });
  });
});
