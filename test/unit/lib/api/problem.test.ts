import { describe, expect, it } from 'vitest';
import { problemAnswer } from '../../../../src/lib/api/route.ts';
import { adviceFor, BrokerError, type ErrorCode, errorTable } from '../../../../src/lib/core/errors.ts';

const codes = Object.keys(errorTable) as ErrorCode[];

describe('problemAnswer', () => {
  it.each(codes)('forbids caches to store the answer for %s', (code) => {
    const { status, headers } = problemAnswer(new BrokerError(code, 'It failed.'), 'id');
    expect([status, headers?.['cache-control']]).toEqual([errorTable[code].status, 'no-store']);
  });

  it('links the description of the code, and says what the caller can do', () => {
    const { body } = problemAnswer(new BrokerError('tenant_unknown', 'Nobody has it.'), 'id');
    expect(JSON.parse(String(body))).toEqual({
      type: expect.stringMatching(/^https:\/\/.+\/docs\/errors\.md#tenant_unknown$/) as string,
      title: errorTable.tenant_unknown.title,
      status: 404,
      detail: 'Nobody has it.',
      code: 'tenant_unknown',
      advice: adviceFor('tenant_unknown', 'caller'),
      correlationId: 'id',
    });
  });

  it('has what SDKs of Microsoft Graph show, if the route wants it', () => {
    const { body } = problemAnswer(new BrokerError('caller_forbidden', 'No rule.'), 'id', { likeGraph: true });
    expect(JSON.parse(String(body))).toMatchObject({
      code: 'caller_forbidden',
      detail: 'No rule.',
      error: { code: 'caller_forbidden', message: 'No rule.' },
    });
  });

  it('covers every kind of status', () => {
    const statuses = new Set(codes.map((code) => errorTable[code].status));
    expect([...statuses]).toEqual(expect.arrayContaining([400, 401, 403, 404, 429, 503]));
  });

  it('names the scheme in a 401 only, and the wait only if there is one', () => {
    expect(problemAnswer(new BrokerError('caller_unauthenticated', 'No token.'), 'id').headers).toEqual({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'www-authenticate': 'Bearer',
    });
    expect(problemAnswer(new BrokerError('throttled', 'Slow down.', { retryAfterSeconds: 7 }), 'id').headers).toEqual({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'retry-after': '7',
    });
  });
});
