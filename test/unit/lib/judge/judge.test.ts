import { describe, expect, it } from 'vitest';
import { partnerMap } from 'graph-permissions/partner-table';
import type { PermissionMap } from 'graph-permissions/permission-map';
import { parsePublishedFile } from '../../../../src/cli/permissions/published-file.ts';
import type { Verdict } from '../../../../src/lib/judge/verdict.ts';
import { publishedPermissions } from '../../../support/published-permissions.ts';
import { bodyCases } from './cases/body.ts';
import { type Case, judged } from './cases/case.ts';
import { formCases } from './cases/form.ts';
import { listedCases, publishedCases } from './cases/listed-requests.ts';
import { partnerCases } from './cases/partner-requests.ts';
import { permissionCases } from './cases/permissions.ts';
import { queryCases } from './cases/query.ts';

type Tables = Readonly<Record<string, readonly Case[]>>;

const tables: Tables = {
  'the form of a request': formCases,
  'the query': queryCases,
  permissions: permissionCases,
  'the body': bodyCases,
  'requests of partners': partnerCases,
  'requests that Microsoft lists': listedCases,
};

/** The verdict as the table writes it: `allow`, or as much of the reason as the table has. */
const shown = (verdict: Verdict, expected: string): string =>
  verdict.allowed ? 'allow' : verdict.reason.includes(expected) ? expected : verdict.reason;

function describeTables(map: () => PermissionMap, described: Tables): void {
  const loaded = map();
  for (const [name, cases] of Object.entries(described)) {
    it.each(cases.map((each) => [each[1].slice(0, 160), each[2], each[0], each] as const))(
      `judges ${name}: %s with "%s" → %s`,
      (_request, _permissions, expected, each) => {
        expect(shown(judged(loaded, each), expected)).toBe(expected);
      },
    );
  }
}

describe('judgeRequest with its own table', () => {
  describeTables(partnerMap, tables);

  it('has at least 300 cases', () => {
    expect(Object.values(tables).flat().length).toBeGreaterThanOrEqual(300);
  });
});

const json = publishedPermissions();
describe.skipIf(json === undefined)("judgeRequest with Microsoft's published permission file", () => {
  const published: Tables = { ...tables, 'requests that only the file lists': publishedCases };
  if (json !== undefined) describeTables(() => parsePublishedFile(json).map, published);
});
