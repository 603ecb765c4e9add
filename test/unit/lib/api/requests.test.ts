import { describe, expect, it } from 'vitest';
import { auditQuerySchema, listRunsQuerySchema, readQuery, startRunSchema } from '../../../../src/lib/api/requests.ts';

const query = (text: string) => ({ query: new URLSearchParams(text) });

describe('the query of a request', () => {
  it('is checked and filled in', () => {
    expect(readQuery(query('job=access-check'), listRunsQuerySchema)).toEqual({ job: 'access-check', limit: 50 });
    expect(readQuery(query('limit=7'), listRunsQuerySchema)).toEqual({ limit: 7 });
  });

  it('may carry a function key, which is the business of the platform', () => {
    expect(readQuery(query('code=secret&limit=7'), listRunsQuerySchema)).toEqual({ limit: 7 });
  });

  it.each(['limit=0', 'limit=501', 'limit=1.5', 'limit=x', 'jobs=access-check'])(
    'is refused when wrong: %s',
    (text) => {
      expect(() => readQuery(query(text), listRunsQuerySchema)).toThrow(/request_invalid/);
    },
  );

  it('names the outcomes of an audit record that there are when it is refused for another', () => {
    expect(readQuery(query('outcome=denied'), auditQuerySchema)).toEqual({ outcome: 'denied', limit: 100 });
    for (const outcome of ['failed', 'DENIED', ''])
      expect(() => readQuery(query(`outcome=${outcome}`), auditQuerySchema)).toThrow(
        expect.objectContaining({
          code: 'request_invalid',
          detail: expect.stringMatching(/outcome.*issued.*denied/) as string,
        }),
      );
  });

  it('is refused without repeating what stood in it, which may be a pasted secret', () => {
    const secret = 'eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln';
    expect(() => readQuery(query(`from=${secret}`), auditQuerySchema)).toThrow(
      expect.objectContaining({ detail: expect.not.stringContaining(secret) as string }),
    );
  });
});

describe('the order of a run', () => {
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
  ])('%j is accepted: %s', (order, accepted) => {
    expect(startRunSchema.safeParse(order).success).toBe(accepted);
  });
});
