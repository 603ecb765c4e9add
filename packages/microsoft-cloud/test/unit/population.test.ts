import { describe, expect, it } from 'vitest';
import { createCustomerApplications } from '../../src/population/applications.ts';
import { createCustomers } from '../../src/population/customers.ts';
import { relationshipsOf } from '../../src/population/relationships.ts';
import { tenantStates, tenantTraits } from '../../src/population/tenant.ts';
import { createSubscriptions, createUsers } from '../../src/population/users.ts';
import { createSeeded } from '../../src/seeded.ts';

const seeded = createSeeded(1);
const atStart = { startMs: 0, nowMs: 0 };
const unique = (values: readonly string[]) => new Set(values).size;

describe('population', () => {
  it('depends only on the seed, and a small population is the start of a large one', () => {
    const customers = createCustomers(40, seeded);
    expect(createCustomers(40, createSeeded(1))).toEqual(customers);
    expect(createCustomers(7, seeded)).toEqual(customers.slice(0, 7));
    expect(createCustomers(1, createSeeded(2))[0]?.tenantId).not.toBe(customers[0]?.tenantId);
  });

  it('has as many users in each tenant as it is told, of whom the first are the same', () => {
    const [few] = createCustomers(1, seeded, false, 20);
    const [many] = createCustomers(1, seeded, false, 200);
    if (few === undefined || many === undefined) throw new Error('no customer');
    expect(createUsers(few, seeded, 0)).toHaveLength(20);
    expect(createUsers(many, seeded, 0).slice(0, 20)).toEqual(createUsers(few, seeded, 0));
    expect({ ...many, userCount: 20 }).toEqual(few);
  });

  it('has unique ids, names and domains among 6,000 customers', () => {
    const customers = createCustomers(6000, seeded);
    expect(unique(customers.map(({ tenantId }) => tenantId))).toBe(6000);
    expect(unique(customers.map(({ name }) => name))).toBe(6000);
    expect(unique(customers.flatMap(({ initialDomain }) => initialDomain))).toBe(6000);
    expect(unique(customers.map(({ defaultDomain }) => defaultDomain))).toBe(6000);
  });

  it('has applications of different names in each customer', () => {
    const names = createCustomers(200, seeded).map((customer) =>
      createCustomerApplications(customer, seeded, 0).map(({ displayName }) => displayName),
    );
    for (const some of names) expect(unique(some)).toBe(some.length);
    expect(Math.max(...names.map(({ length }) => length))).toBe(5);
  });

  it('has every state and trait among 25 customers, most of which are ok', () => {
    const customers = createCustomers(25, seeded);
    expect(new Set(customers.map(({ state }) => state))).toEqual(new Set(tenantStates));
    expect(new Set(customers.flatMap(({ trait }) => trait ?? []))).toEqual(new Set(tenantTraits));
    expect(customers.filter(({ state }) => state === 'ok').length).toBeGreaterThanOrEqual(18);
    const refusals = new Set(customers.filter(({ state }) => state === 'no_consent').map(({ refusal }) => refusal));
    expect(refusals).toEqual(new Set([65001, 90099]));
  });

  it('gives a state or trait to about a fifth of many customers', () => {
    const customers = createCustomers(5000, seeded);
    const special = customers.filter(({ state, trait }) => state !== 'ok' || trait !== undefined).length;
    expect(special / customers.length).toBeCloseTo(0.2, 2);
    expect(createCustomers(100, seeded, true).every(({ state, trait }) => state === 'ok' && trait === undefined)).toBe(
      true,
    );
  });

  it('spreads the customers over three lists, none of which is complete', () => {
    const customers = createCustomers(200, seeded);
    const { contract, customer, relationship } = {
      contract: customers.filter(({ sources }) => sources.contract),
      customer: customers.filter(({ sources }) => sources.customer),
      relationship: customers.filter((each) =>
        relationshipsOf(each, seeded, atStart).some(({ status }) => status === 'active'),
      ),
    };
    expect(new Set([...contract, ...customer, ...relationship]).size).toBe(200);
    for (const list of [contract, customer, relationship]) expect(list.length).toBeLessThan(200);
  });

  it('has no active relationship in the state gdap_expired, and adds Microsoft-led and terminated ones elsewhere', () => {
    const customers = createCustomers(100, seeded);
    for (const customer of customers.filter(({ state }) => state === 'gdap_expired')) {
      expect(relationshipsOf(customer, seeded, atStart).filter(({ status }) => status === 'active')).toEqual([]);
    }
    const all = customers.flatMap((customer) => relationshipsOf(customer, seeded, atStart));
    expect(all.some(({ displayName }) => displayName.startsWith('MLT_'))).toBe(true);
    expect(all.some(({ status }) => status === 'terminated')).toBe(true);
    const several = customers.find(({ trait }) => trait === 'several_relationships');
    expect(
      several && relationshipsOf(several, seeded, atStart).filter(({ status }) => status === 'active').length,
    ).toBeGreaterThan(1);
  });

  it('changes relationships when the state of a customer changes', () => {
    const [customer] = createCustomers(1, seeded);
    if (customer === undefined) throw new Error('no customer');
    expect(relationshipsOf(customer, seeded, atStart)[0]?.status).toBe('active');
    customer.state = 'gdap_expired';
    expect(relationshipsOf(customer, seeded, atStart)[0]?.status).not.toBe('active');
  });

  it('gives users licences of the subscriptions of their tenant', () => {
    for (const customer of createCustomers(10, seeded)) {
      const users = createUsers(customer, seeded, 0);
      const bought = createSubscriptions(customer, seeded, users);
      expect(users).toHaveLength(customer.userCount);
      expect(bought.reduce((sum, { consumed }) => sum + consumed, 0)).toBe(
        users.flatMap(({ licences }) => licences).length,
      );
    }
  });
});
