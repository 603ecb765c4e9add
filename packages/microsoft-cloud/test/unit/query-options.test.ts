import { describe, expect, it } from 'vitest';
import { optionsOfLists } from '../../src/graph/query-options.ts';
import { schemaOf } from '../../src/graph/schema/schema.ts';
import { listRules } from '../../src/graph/serve/page.ts';
import { applicationSets } from '../../src/graph/sets/applications.ts';
import { relationshipSets } from '../../src/graph/sets/relationships.ts';
import { declarations } from '../../src/population/graph/declarations.ts';
import { addressOf, ask, withP2 } from './served-engine.ts';

/** One use of each option, except `$expand`, whose navigations depend on the list. */
const options = {
  select: '$select=id',
  filter: "$filter=id eq 'x'",
  orderby: '$orderby=id',
  search: '$search="x"',
  top: '$top=1',
  skip: '$skip=1',
  count: '$count=true',
} as const;
const names = Object.keys(options) as readonly (keyof typeof options)[];
const served = declarations.filter(({ path }) => optionsOfLists.get(path)?.allowed !== undefined);

const answerTo = (path: string, option: keyof typeof options): string => {
  const { status, message } = ask(withP2, `${addressOf(withP2, path)}?${options[option]}`);
  return `${status} ${message ?? ''}`;
};
const upperFirst = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

describe('the query options of lists', () => {
  it('are said for each list outside the directory, and for no other', () => {
    const schema = schemaOf('beta');
    const lists = [...applicationSets, ...relationshipSets, ...declarations].flatMap((each) => {
      const type = each.kind === 'report' ? undefined : schema.type(each.type);
      if (type === undefined || each.kind === 'singleton' || (each.kind === 'references' && each.single)) return [];
      return each.kind === 'report' || listRules(each, type).isDirectory ? [] : [each.path];
    });
    expect([...optionsOfLists.keys()].toSorted()).toEqual(lists.toSorted());
  });

  it.each(served.map(({ path }) => path))('of %s are refused if its page does not name them', (path) => {
    const { allowed = [], filtered } = optionsOfLists.get(path) ?? {};
    const refused = names.filter((name) => !allowed.includes(name));
    expect(refused.map((name) => answerTo(path, name))).toEqual(
      refused.map((name) => `400 Query option '${upperFirst(name)}' is not allowed.`),
    );
    // What can be expanded depends on the list.
    const answered = names.filter((name) => allowed.includes(name) && !(name === 'filter' && filtered !== undefined));
    expect(answered.map((name) => answerTo(path, name))).toEqual(answered.map(() => '200 '));
  });

  it.each([
    ["security/alerts_v2?$filter=status eq 'new' and severity eq 'low'", 200],
    ["security/alerts_v2?$filter=status eq 'new' and title eq 'x'", 400],
    ["security/incidents?$filter=displayName eq 'x'", 400],
    ["roleManagement/directory/roleDefinitions?$filter=displayName eq 'Global Reader'", 200],
    ["roleManagement/directory/roleDefinitions?$filter=description eq 'x'", 400],
  ])('include the properties that can be filtered: %s is answered with %i', (address, status) => {
    expect(ask(withP2, address).status).toBe(status);
  });

  // Read from the pages of the lists, and not from the table.
  it.each([
    ['roleManagement/directory/roleEligibilitySchedules?$select=id', 200],
    ['roleManagement/directory/roleEligibilitySchedules?$expand=principal', 200],
    ['roleManagement/directory/roleEligibilitySchedules?$top=1', 400],
    ['roleManagement/directory/roleAssignmentScheduleInstances?$orderby=id', 400],
    ['teams?$top=1&$count=true&$select=id', 200],
    ['teams?$orderby=displayName', 400],
    ['teams?$skip=1', 400],
    ['security/secureScores?$top=1&$skip=1&$count=true', 200],
    ['security/secureScores?$select=id', 400],
    ['security/secureScores?$orderby=createdDateTime', 400],
    ['identityProtection/riskDetections?$top=1&$select=id', 200],
    ['identityProtection/riskDetections?$skip=1', 400],
    ['identityProtection/riskDetections?$expand=x', 400],
    ["subscribedSkus?$filter=skuPartNumber eq 'SPE_E5'", 400],
  ])('are those of the pages: %s is answered with %i', (address, status) => {
    expect(ask(withP2, address).status).toBe(status);
  });

  it('include $expand', () => {
    expect(ask(withP2, 'teams?$expand=channels').message).toBe("Query option 'Expand' is not allowed.");
    expect(ask(withP2, 'roleManagement/directory/roleAssignments?$expand=roleDefinition').status).toBe(200);
  });

  it.each(['auditLogs/signIns/$count', 'subscribedSkus/$count'])('include the number: %s', (address) => {
    expect(ask(withP2, address).status).toBe(400);
  });
});
