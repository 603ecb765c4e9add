import { describe, expect, test } from 'vitest';
import { partnerMap } from 'graph-permissions/partner-table';
import type { PermissionMap } from 'graph-permissions/permission-map';
import { judgeRequest } from '../../src/lib/judge/judge.ts';
import { parsePublishedFile } from '../../src/cli/permissions/published-file.ts';
import { loadPermissionMap, storePermissionMap } from '../../src/lib/judge/stored-map.ts';
import { seededRandom } from '../fakes/fake-clock.ts';
import { casesOf } from '../support/extent.ts';
import { noPublishedPermissions, publishedPermissions } from '../support/published-permissions.ts';
import { skippedBecause } from '../support/skipped.ts';
import { type Fact, factsOf, partnerFacts, supplementFacts } from './judge/facts.ts';
import { Generator } from './judge/generate.ts';
import { account, type Ask, Oracle } from './judge/oracle.ts';

const runs = Number(process.env['FUZZ_GATEWAY'] ?? casesOf(20_000));
const seed = Number(process.env['FUZZ_SEED'] ?? '1');

const json = publishedPermissions();

function judged(map: PermissionMap, { method, url, scopes, scheme, body, me }: Ask) {
  return judgeRequest(
    map,
    {
      scheme,
      permissions: new Set(scopes),
      signedIn: { id: account.id, userPrincipalName: account.upn },
      beta: true,
      me,
      host: 'graph.microsoft.com',
    },
    { method, url, body: body === undefined ? undefined : JSON.stringify(body) },
  );
}

/** Judges generated requests, and returns those that the judge allows although the oracle objects. */
function campaign(map: PermissionMap, facts: readonly Fact[], count: number) {
  const oracle = new Oracle(facts);
  const generator = new Generator(facts, seededRandom(seed));
  const wrong: string[] = [];
  const tally = { plain: 0, plainAllowed: 0, damaged: 0, damagedAllowed: 0 };
  for (let run = 0; run < count; run += 1) {
    const damage = run % 4 > 0;
    const ask = generator.next(damage);
    const verdict = judged(map, ask);
    tally[damage ? 'damaged' : 'plain'] += 1;
    if (!verdict.allowed) continue;
    tally[damage ? 'damagedAllowed' : 'plainAllowed'] += 1;
    // What is sent is judged as well, in case it differs from what the caller wrote.
    const objection = oracle.objection(ask) ?? oracle.objection({ ...ask, url: verdict.request.url });
    if (objection !== undefined) wrong.push(`${objection}: ${JSON.stringify(ask)} → ${verdict.permissions.join(' ')}`);
  }
  return { wrong, tally };
}

describe('judgeRequest beside an independent oracle', () => {
  test(
    'allows nothing that the published permission map does not allow',
    skippedBecause(json === undefined ? noPublishedPermissions : undefined),
    () => {
      const { map } = parsePublishedFile(json ?? '');
      const stored = loadPermissionMap(storePermissionMap(map));
      const { wrong, tally } = campaign(stored, [...factsOf(json ?? ''), ...supplementFacts], runs);
      console.log(`gateway requests: ${JSON.stringify(tally)}`);
      expect(wrong.slice(0, 20)).toEqual([]);
      // Otherwise the campaign would test refusals only.
      expect(tally.plainAllowed / tally.plain).toBeGreaterThan(0.1);
      expect(tally.damagedAllowed / tally.damaged).toBeGreaterThan(0.02);
    },
  );

  test('allows nothing that its own table does not allow', () => {
    const { wrong, tally } = campaign(partnerMap(), partnerFacts(), runs);
    console.log(`gateway requests, own table: ${JSON.stringify(tally)}`);
    expect(wrong.slice(0, 20)).toEqual([]);
    expect(tally.plainAllowed / tally.plain).toBeGreaterThan(0.1);
  });
});
