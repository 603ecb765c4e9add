import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addFault, clearFaults } from '../../src/client.ts';
import { aadstsNumbers } from '../../src/entra/aadsts.ts';
import type { RunningCloud } from '../../src/index.ts';
import { redeem, startTrustedCloud } from '../../src/testing.ts';

let cloud: RunningCloud;
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 1 });
});
afterAll(() => cloud.stop());

/** Numbers that Microsoft documents and that partners meet in operation. */
const listed = [
  70000, 70008, 700082, 700084, 50173, 50089, 50132, 50133, 70043, 50074, 50076, 50078, 50072, 50079, 50055, 50144,
  50053, 50057, 50034, 51004, 53003, 530032, 530035, 53011, 530034, 50131, 50158, 7000215, 7000222, 70002, 7000218,
  700027, 700024, 70021, 700211, 700212, 700213, 700229, 70001, 7000112, 700016, 700011, 7000229, 65001, 90094, 90008,
  90099, 50020, 50177, 50178, 50105, 500212, 500213, 500021, 500022, 500011, 650052, 650057, 65005, 70011, 28002,
  700022, 90002, 5000224, 900023, 90038, 900382, 900432, 90051, 50196, 90055, 90033, 90006, 90012, 90024, 90090, 90091,
  50033, 50000, 90036, 90092, 54005, 9002313, 900144, 90014, 700003, 135010, 130004, 50155, 700025, 50194, 650051,
  650056, 90072, 53000, 53001, 50087, 901002, 650053, 650054, 9002327, 9002326, 9002332, 135011, 700007, 500571, 50014,
  530084, 90095, 500014, 700023, 28000, 1002012, 65002, 90009, 700005, 50011, 50097, 50129, 50135, 53002, 53004, 53010,
  130007, 700030, 16000, 7000114, 1000031, 70046, 530031, 530033, 7000214, 501051, 70005, 700054,
];

/** OAuth error and suberror of numbers that a client must not judge by the number alone. */
const classified: readonly (readonly [number, string, string | undefined])[] = [
  [650053, 'invalid_client', undefined],
  [650054, 'invalid_client', undefined],
  [650051, 'invalid_client', undefined],
  [9002327, 'invalid_request', undefined],
  [135011, 'invalid_grant', undefined],
  [700007, 'invalid_grant', undefined],
  [500571, 'invalid_grant', undefined],
  [50014, 'invalid_grant', undefined],
  [530084, 'invalid_grant', 'message_only'],
  [90095, 'invalid_grant', 'consent_required'],
  [500014, 'invalid_resource', undefined],
  [700023, 'invalid_client', undefined],
  [1002012, 'invalid_scope', undefined],
  [700005, 'invalid_grant', undefined],
];

describe('AADSTS errors', () => {
  it('knows every number of the list', () => {
    expect(listed.filter((number) => !aadstsNumbers.includes(number))).toEqual([]);
  });

  it.each(listed)('returns AADSTS%i for the fault set of that number', async (number) => {
    await addFault(cloud.document.control, `aadsts-${number}`);
    const { status, body } = await redeem(cloud, cloud.document.tenants[0]?.tenantId ?? '');
    await clearFaults(cloud.document.control);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(body['error_codes']).toEqual([number]);
    expect(body['error']).toMatch(/^[a-z_]+$/);
    expect(body['error_description']).toMatch(new RegExp(`^AADSTS${number}: [^{}]{10}`));
  });

  it.each(classified)('returns AADSTS%i with the OAuth error %s', async (number, error, suberror) => {
    await addFault(cloud.document.control, `aadsts-${number}`);
    const { body } = await redeem(cloud, cloud.document.tenants[0]?.tenantId ?? '');
    await clearFaults(cloud.document.control);
    expect([body['error'], body['suberror']]).toEqual([error, suberror]);
  });

  it('returns 650051 with another text for a permission that does not exist', async () => {
    await addFault(cloud.document.control, 'unknown-permission');
    const { body } = await redeem(cloud, cloud.document.tenants[0]?.tenantId ?? '');
    await clearFaults(cloud.document.control);
    expect(body['error_description']).toMatch(/^AADSTS650051: Claim is invalid: \S+ does not exist\.\r\nTrace ID/);
  });

  it('returns Retry-After for a throttled tenant', async () => {
    await addFault(cloud.document.control, { service: 'entra', aadsts: 90055, count: 1 });
    const { status, headers } = await redeem(cloud, cloud.document.tenants[0]?.tenantId ?? '');
    expect([status, headers.get('retry-after')]).toEqual([429, '10']);
  });
});
