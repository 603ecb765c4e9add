import { describe, expect, test } from 'vitest';
import { BrokerError } from '../../../../src/lib/model/errors.ts';
import { type DomainName, parseTenantId } from '../../../../src/lib/model/identifiers.ts';
import { resolveSelection, type WantedTenants } from '../../../../src/lib/tenants/selection.ts';

const one = parseTenantId('00000000-0000-4000-8000-000000000001')!;
const two = parseTenantId('00000000-0000-4000-8000-000000000002')!;
const domain = 'two.example' as DomainName;
const wanted = (more: Partial<WantedTenants>): WantedTenants => ({
  include: [],
  exclude: [],
  withoutGdap: 'deny',
  ...more,
});
const domains = (answer: () => Promise<typeof two | undefined>) => {
  const asked: string[] = [];
  return {
    asked,
    tenantOf: (name: DomainName) => {
      asked.push(name);
      return answer();
    },
  };
};

describe('the tenants that settings name', () => {
  test('are meant by id; whose a domain is, Entra says', async () => {
    const entra = domains(async () => two);
    const { selection, warnings } = await resolveSelection(entra, wanted({ include: [one], exclude: [domain] }));
    expect(selection).toEqual({ include: new Set([one]), exclude: new Set([two]), withoutGdap: 'deny' });
    expect([warnings, entra.asked]).toEqual([[], [domain]]);
  });

  test('are all where none is named, and none where only a domain is named that nobody has', async () => {
    const nobody = domains(async () => undefined);
    expect((await resolveSelection(nobody, wanted({}))).selection.include).toBe('all');
    const { selection, warnings } = await resolveSelection(nobody, wanted({ include: [domain] }));
    expect(selection.include).toEqual(new Set());
    expect(warnings).toEqual([
      'TENANTS_INCLUDE names the domain two.example, which no tenant has: it selects nothing.',
    ]);
  });

  test('are not guessed while Entra does not say: the setting is named, and when to come back', async () => {
    const silent = domains(() =>
      Promise.reject(new BrokerError('entra_unavailable', 'Silent.', { retryAfterSeconds: 60, logFields: { a: 1 } })),
    );
    await expect(resolveSelection(silent, wanted({ exclude: [domain] }))).rejects.toMatchObject({
      code: 'directory_unavailable',
      detail: 'Entra does not say which tenant a domain of TENANTS_EXCLUDE belongs to (entra_unavailable): Silent.',
      retryAfterSeconds: 60,
      logFields: { a: 1 },
    });
  });

  test('do not hide a mistake of ours behind Entra, nor that the caller has gone', async () => {
    const mistake = new TypeError('x is not a function');
    const broken = domains(() => Promise.reject(mistake));
    await expect(resolveSelection(broken, wanted({ exclude: [domain] }))).rejects.toBe(mistake);
    const gone = new Error('gone');
    await expect(resolveSelection(broken, wanted({ exclude: [domain] }), AbortSignal.abort(gone))).rejects.toBe(gone);
  });
});
