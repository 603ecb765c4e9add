import { describe, expect, it } from 'vitest';
import { operatorsOfLists } from '../../src/graph/filter-operators.ts';
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
    // Some lists filter and sort by certain properties only.
    const hasLimits = (name: string): boolean =>
      (name === 'filter' && filtered !== undefined) || (name === 'orderby' && operatorsOfLists.has(path));
    const answered = names.filter((name) => allowed.includes(name) && !hasLimits(name));
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

  // Read from the pages named in the table, and from public requests, and not from the table.
  it.each([
    ["signIns?$filter=startswith(userPrincipalName,'a') or userDisplayName eq 'x'", 200],
    ["signIns?$filter=startsWith(location/city,'S') and location/countryOrRegion eq 'GB'", 200],
    ['signIns?$filter=createdDateTime ge 2026-11-01 and createdDateTime lt 2026-11-20T00:00:00Z', 200],
    ['signIns?$filter=createdDateTime gt 2026-11-01&$orderby=createdDateTime desc', 200],
    ["signIns?$filter=status/errorCode ne 0 and userDisplayName ne 'x' and riskState ne 'none'", 200],
    ["signIns?$filter=riskEventTypes_v2/any(t:t eq 'unlikelyTravel')", 200],
    ["signIns?$filter=contains(userPrincipalName,'a')", 400],
    ["signIns?$filter=endswith(userPrincipalName,'a')", 400],
    ["signIns?$filter=userPrincipalName ne 'x'", 400],
    ["signIns?$filter=userPrincipalName gt 'x'", 400],
    ["signIns?$filter=userPrincipalName in ('x','y')", 400],
    ["signIns?$filter=not startswith(userPrincipalName,'a')", 400],
    ["signIns?$filter=userId eq 'x' and startswith(userId,'x')", 400],
    ["signIns?$filter=startswith(userId,'x') or userId eq 'x'", 400],
    ['signIns?$filter=createdDateTime ne 2026-11-01', 400],
    ['signIns?$filter=isInteractive eq true', 400],
    ['signIns?$filter=isInteractive', 400],
    ['signIns?$filter=deviceDetail/isCompliant eq false', 400],
    ["signIns?$filter='x' eq userId", 400],
    ['signIns?$filter=userDisplayName eq userPrincipalName', 400],
    ["signIns?$filter=tolower(userPrincipalName) eq 'x'", 400],
    ["signIns?$filter=riskEventTypes_v2/all(t:t eq 'x')", 400],
    ['signIns?$filter=riskEventTypes_v2/any()', 400],
    ['signIns?$filter=riskEventTypes_v2/$count eq 0', 400],
    ['signIns?$filter=isRisky eq true', 400],
    ["directoryAudits?$filter=startswith(activityDisplayName,'Add') and category eq 'UserManagement'", 200],
    ["directoryAudits?$filter=initiatedBy/user/id eq 'x' or initiatedBy/app/displayName eq 'x'", 200],
    ["directoryAudits?$filter=startswith(initiatedBy/user/userPrincipalName,'a')", 200],
    ["directoryAudits?$filter=targetResources/any(t:t/id eq 'x' or startswith(t/displayName,'a'))", 200],
    ['directoryAudits?$filter=activityDateTime ge 2026-11-01 and activityDateTime le 2026-11-20', 200],
    ["directoryAudits?$filter=loggedByService eq 'Core Directory'&$orderby=activityDateTime", 200],
    ["directoryAudits?$filter=contains(activityDisplayName,'a')", 400],
    ["directoryAudits?$filter=startswith(category,'a')", 400],
    ["directoryAudits?$filter=startswith(initiatedBy/user/displayName,'a')", 400],
    ["directoryAudits?$filter=targetResources/any(t:t/userPrincipalName eq 'x')", 400],
    ["directoryAudits?$filter=targetResources/any(t:startswith(t/id,'x'))", 400],
    ["directoryAudits?$filter=resultReason eq 'x'", 400],
  ])('include the operators of a property: auditLogs/%s is answered with %i', (address, status) => {
    const { status: found, message } = ask(withP2, `auditLogs/${address}`);
    expect([found, message]).toEqual([status, status === 200 ? undefined : 'Invalid filter clause']);
  });

  it.each([
    ["$filter=riskEventType eq 'unfamiliarFeatures' or riskLevel eq 'medium'", 200],
    ["$filter=userId eq 'x' and detectedDateTime ge 2026-11-01T00:00:00Z&$orderby=detectedDateTime desc", 200],
    ['$filter=lastUpdatedDateTime gt 2026-11-01T00:00:00Z and lastUpdatedDateTime lt 2026-11-20T00:00:00Z', 200],
    ["$filter=riskLevel ne 'low'", 400],
    ["$filter=startswith(userPrincipalName,'a')", 400],
    ["$filter=location/city eq 'x'", 400],
  ])('include the operators of risk detections: %s is answered with %i', (query, status) => {
    expect(ask(withP2, `identityProtection/riskDetections?${query}`).status).toBe(status);
  });

  it.each(['auditLogs/signIns', 'auditLogs/directoryAudits', 'identityProtection/riskDetections'])(
    'include what %s can be sorted by',
    (path) => {
      expect(ask(withP2, `${path}?$orderby=id`)).toMatchObject({ status: 400, message: 'Invalid orderby clause' });
    },
  );

  it('include $expand', () => {
    expect(ask(withP2, 'teams?$expand=channels').message).toBe("Query option 'Expand' is not allowed.");
    expect(ask(withP2, 'roleManagement/directory/roleAssignments?$expand=roleDefinition').status).toBe(200);
  });

  it.each(['auditLogs/signIns/$count', 'subscribedSkus/$count'])('include the number: %s', (address) => {
    expect(ask(withP2, address).status).toBe(400);
  });
});
