import type { Expression, OrderBy } from './odata/expression.ts';

/**
 * The operators that a list accepts for a property, where the service behind it accepts some only. `orderby`: the list can
 * be sorted by it. A line has the path of a list, operators, and the properties that have them. The title of the page is
 * above each line. What no line names is refused. Nothing here was tried at Graph.
 */
const table = `
# signIn resource type
auditLogs/signIns eq: id appId clientAppUsed conditionalAccessStatus correlationId resourceDisplayName resourceId riskDetail
auditLogs/signIns eq: riskLevelAggregated riskLevelDuringSignIn riskState status/errorCode userId
auditLogs/signIns eq startswith: appDisplayName ipAddress riskEventTypes_v2 userDisplayName userPrincipalName
auditLogs/signIns eq startswith: deviceDetail/browser deviceDetail/operatingSystem
auditLogs/signIns eq startswith: location/city location/state location/countryOrRegion
auditLogs/signIns eq le ge orderby: createdDateTime
# signIn resource type of beta
auditLogs/signIns eq: appOwnerTenantId conditionalAccessAudiences originalRequestId resourceOwnerTenantId tokenIssuerName
auditLogs/signIns eq startswith: authenticationRequirement servicePrincipalId servicePrincipalName userAgent
auditLogs/signIns eq ne: signInEventTypes
# How to investigate Agent ID autonomous sign-ins
auditLogs/signIns lt: createdDateTime
# Get-AzureADAuditSignInLogs, whose filter goes to the same service
auditLogs/signIns gt: createdDateTime
auditLogs/signIns ne: status/errorCode
# Requests of CIPP, which partners use: no page names them
auditLogs/signIns ne: userDisplayName riskState
# directoryAudit resource type
auditLogs/directoryAudits eq: id correlationId loggedByService
auditLogs/directoryAudits eq startswith: activityDisplayName initiatedBy/user/userPrincipalName targetResources/displayName
auditLogs/directoryAudits eq: initiatedBy/user/id initiatedBy/user/displayName initiatedBy/app/appId initiatedBy/app/displayName
auditLogs/directoryAudits eq: targetResources/id
auditLogs/directoryAudits eq ge le orderby: activityDateTime
# Access Azure AD B2C audit logs: gt. The other one is chosen
auditLogs/directoryAudits gt lt: activityDateTime
# Microsoft-managed Conditional Access policies: category. Public scripts send result, which no page names
auditLogs/directoryAudits eq: category result
# List riskDetections names no operators. Its examples, those of beta, and a tutorial about risky users
identityProtection/riskDetections eq: id riskEventType riskType riskLevel userDisplayName userId userPrincipalName
# The same, for properties of the same kind: chosen
identityProtection/riskDetections eq: activity correlationId detectionTimingType ipAddress requestId riskDetail riskState source tokenIssuerType
# Issue 13750 of microsoft-graph-docs, and $orderby in requests of CIPP
identityProtection/riskDetections eq gt ge lt le orderby: activityDateTime detectedDateTime lastUpdatedDateTime
`;

/** Property, such as `status/errorcode` in lower case → operators. */
type Operators = ReadonlyMap<string, ReadonlySet<string>>;

export const operatorsOfLists: ReadonlyMap<string, Operators> = readTable();

function readTable(): ReadonlyMap<string, Operators> {
  const lists = new Map<string, Map<string, Set<string>>>();
  for (const line of table.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [head = '', properties = ''] = line.split(': ');
    const [path = '', ...operators] = head.split(' ');
    const list = lists.get(path) ?? new Map<string, Set<string>>();
    lists.set(path, list);
    for (const property of properties.toLowerCase().split(' '))
      list.set(property, new Set([...(list.get(property) ?? []), ...operators]));
  }
  return lists;
}

/** Variable of a lambda → the list that it runs over, in lower case. */
type Variables = ReadonlyMap<string, string>;

/** Whether a list accepts every operator of a filter. */
export function acceptsFilter(filter: Expression, operators: Operators, variables: Variables = new Map()): boolean {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return acceptsFilter(filter.left, operators, variables) && acceptsFilter(filter.right, operators, variables);
    case 'comparison':
      return filter.right.kind === 'literal' && accepts(filter.left, filter.operator, operators, variables);
    case 'call': {
      const [subject, value] = filter.parameters;
      return subject !== undefined && value?.kind === 'literal' && accepts(subject, filter.name, operators, variables);
    }
    case 'lambda': {
      if (filter.quantifier === 'all' || filter.condition === undefined) return false;
      const { variable, body } = filter.condition;
      return acceptsFilter(body, operators, new Map([...variables, [variable, nameOf(filter.segments, variables)]]));
    }
    default:
      return false;
  }
}

const accepts = (subject: Expression, operator: string, operators: Operators, variables: Variables): boolean =>
  subject.kind === 'path' && operators.get(nameOf(subject.segments, variables))?.has(operator) === true;

/** `t/id` over `targetResources` → `targetresources/id`. */
function nameOf([first = '', ...rest]: readonly string[], variables: Variables): string {
  return [variables.get(first) ?? first, ...rest].join('/').toLowerCase();
}

/** Whether a list can be sorted so. */
export const acceptsOrder = (orderBy: readonly OrderBy[], operators: Operators): boolean =>
  orderBy.every(({ expression }) => accepts(expression, 'orderby', operators, new Map()));
