import { describe, expect, it } from 'vitest';
import { triedLines } from '../../../../src/cli/jobs/tried-lines.ts';
import type { TriedJob } from '../../../../src/cli/jobs/try-job.ts';
import { plainLine } from '../../../../src/cli/line.ts';
import { tenant } from '../../../support/audit-entries.ts';

type TriedTenant = TriedJob['tenants'][number];
const visited: TriedTenant = {
  runId: 'report@w',
  tenantId: tenant(1),
  name: 'Contoso',
  outcome: 'succeeded',
  attempts: 1,
  rows: 1,
  startedAt: '2026-11-24T05:00:00.000Z',
  finishedAt: '2026-11-24T05:00:01.250Z',
  log: [],
  droppedLines: 0,
};
const tried = (more: Partial<TriedJob> = {}): TriedJob => ({
  run: { durationMs: 2_340, tenants: { total: 1 } } as TriedJob['run'],
  declared: ['User.Read.All'],
  tenants: [visited],
  rows: [],
  requests: [],
  unneeded: [],
  tokens: ['https://graph.microsoft.com'],
  ...more,
});
const lines = (more?: Partial<TriedJob>) => triedLines(tried(more)).map((line) => plainLine(line).trimEnd());

describe('a tried job, for people', () => {
  it('has each tenant, and says what is missing', () => {
    expect(lines({ declared: [], tokens: [] })).toEqual([
      `Contoso (${tenant(1)}): succeeded`,
      '1 attempt, 1 row',
      'Time: 1.3 s',
      '',
      'No rows.',
      '',
      'No request to Microsoft Graph was sent.',
      '',
      'Declared permissions: none',
      'Tokens for: nothing',
      'Time: 2.3 s for 1 tenant',
    ]);
  });

  it('has no time of a tenant that was not visited', () => {
    const { startedAt: _, ...unvisited } = visited;
    expect(lines({ tenants: [unvisited] })).toContain('Time: unknown');
    const { finishedAt: __, ...unfinished } = visited;
    expect(lines({ tenants: [unfinished] })).toContain('Time: unknown');
  });

  it('has the columns of the rows, without what the name of the tenant says', () => {
    const rows = [
      { tenantId: tenant(1), tenantName: 'Contoso', tenantDomain: 'contoso.com', seats: 3, note: null },
      { tenantId: tenant(1), tenantName: 'Contoso', tenantDomain: null, seats: false, extra: 'x' },
    ];
    const shown = lines({ rows });
    const at = shown.indexOf('') + 1;
    expect(shown.slice(at, at + 4)).toEqual([
      'tenantName  seats  note  extra',
      '----------  -----  ----  -----',
      'Contoso     3',
      'Contoso     false        x',
    ]);
  });

  it('has at most 20 rows', () => {
    const rows = Array.from({ length: 21 }, (_, index) => ({ number: index + 1 }));
    expect(lines({ rows })).toContain('and 1 more row; --json prints all');
    expect(lines({ rows })).toContain('20');
    expect(lines({ rows })).not.toContain('21');
    expect(lines({ rows: rows.slice(1) }).join('\n')).not.toContain('more row');
  });

  it('has the permissions that open each request, and others that would', () => {
    const request = (openedBy: string[], anyOf: string[] | undefined) => ({
      request: 'GET /v1.0/users',
      count: 2,
      openedBy,
      required: anyOf === undefined ? { opened: false, reason: 'x' } : { opened: true, anyOf },
    });
    const requests = [
      request(['User.Read.All'], ['User.Read.All', 'A.Read', 'B.Read', 'C.Read']),
      request([], ['A.Read', 'B.Read', 'C.Read', 'D.Read']),
      request([], undefined),
    ] as unknown as TriedJob['requests'];
    const shown = lines({ requests, unneeded: ['Mail.Read', 'Mail.Send'] });
    expect(shown).toEqual(
      expect.arrayContaining([
        'GET /v1.0/users  2     User.Read.All  A.Read, B.Read, C.Read',
        'GET /v1.0/users  2                    A.Read, B.Read, C.Read, …',
        'GET /v1.0/users  2',
        'Declared permissions: User.Read.All',
        'Tokens for: https://graph.microsoft.com',
      ]),
    );
    expect(shown.at(-1)).toMatch(/^Warning: no request needed Mail\.Read, Mail\.Send\. /);
  });
});
