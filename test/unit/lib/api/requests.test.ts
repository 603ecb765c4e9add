import { describe, expect, it } from 'vitest';
import { readQuery } from '../../../../src/lib/api/call.ts';
import {
  auditQuerySchema,
  goOnSchema,
  listApprovalsQuerySchema,
  listRunsQuerySchema,
  startRunSchema,
  tenantsQuerySchema,
} from '../../../../src/lib/api/requests.ts';

const query = (text: string) => ({ query: new URLSearchParams(text) });

it('takes a reason to go on that explains something, or none', () => {
  for (const body of [{}, { waitsFor: 'wave-1', reason: 'No tickets.' }])
    expect(goOnSchema.safeParse(body).success).toBe(true);
  for (const reason of ['', 'ok', 'x'.repeat(501)]) expect(goOnSchema.safeParse({ reason }).success).toBe(false);
});

describe('readQuery', () => {
  it('parses the query and applies defaults', () => {
    expect(readQuery(query('job=access-check'), listRunsQuerySchema)).toEqual({ job: 'access-check', limit: 50 });
    expect(readQuery(query('limit=7'), listRunsQuerySchema)).toEqual({ limit: 7 });
  });

  it('ignores a function key', () => {
    expect(readQuery(query('code=secret&limit=7'), listRunsQuerySchema)).toEqual({ limit: 7 });
  });

  it.each(['limit=0', 'limit=501', 'limit=1.5', 'limit=x', 'jobs=access-check'])('rejects %s', (text) => {
    expect(() => readQuery(query(text), listRunsQuerySchema)).toThrow(/request_invalid/);
  });

  it('lists the valid outcomes when it rejects another one', () => {
    expect(readQuery(query('outcome=denied'), auditQuerySchema)).toEqual({ outcome: 'denied', limit: 100 });
    for (const outcome of ['refused', 'DENIED', ''])
      expect(() => readQuery(query(`outcome=${outcome}`), auditQuerySchema)).toThrow(
        expect.objectContaining({
          code: 'request_invalid',
          detail: expect.stringMatching(/outcome.*issued.*denied/) as string,
        }),
      );
  });

  it('turns texts into values', () => {
    const text = `from=2026-11-24&to=2026-11-24T05:00:00%2B01:00&caller=0D2D4B52-7C1A-4F4E-8F0B-1F3B8C9A6E21&breakGlass=true`;
    expect(readQuery(query(text), auditQuerySchema)).toEqual({
      from: Date.UTC(2026, 10, 24),
      to: Date.UTC(2026, 10, 24, 4),
      caller: '0d2d4b52-7c1a-4f4e-8f0b-1f3b8c9a6e21',
      breakGlass: true,
      limit: 100,
    });
    expect(readQuery(query('tenants=contoso.com, tag:gold,group:a&except=tag:x'), tenantsQuerySchema)).toEqual({
      tenants: ['contoso.com', 'tag:gold', 'group:a'],
      except: ['tag:x'],
    });
    expect(readQuery(query('mine=true'), listApprovalsQuerySchema)).toEqual({ mine: true, limit: 50 });
    expect(readQuery(query('mine=false'), listApprovalsQuerySchema)).toEqual({ mine: false, limit: 50 });
  });

  it.each(['caller=no-guid', 'breakGlass=false', 'approval=a/b', 'from=yesterday'])('rejects the filter %s', (text) => {
    expect(() => readQuery(query(text), auditQuerySchema)).toThrow(/request_invalid/);
  });

  it('says which time a misspelt one may be', () => {
    expect(() => readQuery(query('from=24.11.2026'), auditQuerySchema)).toThrow(
      expect.objectContaining({ detail: expect.stringMatching(/; did you mean 2026-11-24\?$/) as string }),
    );
  });

  it('does not repeat a rejected value, which may be a secret', () => {
    const secret = 'eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln';
    expect(() => readQuery(query(`from=${secret}`), auditQuerySchema)).toThrow(
      expect.objectContaining({ detail: expect.not.stringContaining(secret) as string }),
    );
  });
});

describe('startRunSchema', () => {
  it.each([
    [{}, true],
    [{ window: '2026-11-24T05:00Z' }, true],
    [{ window: '' }, false],
    [{ window: '../../x' }, false],
    [{ window: 'a'.repeat(47) }, false],
    [{ tenants: [] }, false],
    [{ tenants: ['contoso.com'] }, true],
    [{ tenants: [['contoso.com']] }, false],
    [{ tenant: ['contoso.com'] }, false],
    [{ parameters: { days: 30 } }, true],
    [{ parameters: [30] }, false],
  ])('accepts %j: %s', (body, accepted) => {
    expect(startRunSchema.safeParse(body).success).toBe(accepted);
  });
});
