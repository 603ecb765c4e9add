import type { RuleDocument } from './policy-document.ts';

/** Whether a rule lets the gateway send requests. */
export const isForGateway = ({ via }: Pick<RuleDocument, 'via'>): boolean => via?.includes('gateway') ?? false;

/**
 * Checks the keys of a rule that concern the gateway. Through it a rule has to name what it allows: the permissions for
 * Graph, and the requests for every other resource, because no published map of permissions exists for those.
 */
export function gatewayProblems(rule: RuleDocument, place: string): string[] {
  // `tokenProblems` reports the keys of a rule that only limits reading.
  if (rule.resources === undefined) return [];
  if (isForGateway(rule)) return requiredKeys(rule, rule.resources, place);
  return rule.requests === undefined
    ? []
    : [`${place}.requests: has no effect without the gateway; add "via": ["gateway"].`];
}

/** Aliases whose address cannot be one of Exchange. */
const neverExchange: ReadonlySet<string> = new Set(['graph', 'aad-graph', 'partner-center', 'arm']);

function requiredKeys(rule: RuleDocument, resources: readonly string[], place: string): string[] {
  const { scopes, requests, via, excessScopes } = rule;
  const all = resources.includes('*');
  const problems: string[] = [];
  if ((all || resources.includes('graph')) && (scopes === undefined || scopes.includes('*'))) {
    problems.push(
      `${place}.scopes: a rule for the gateway names the permissions that open its requests to graph; list them, such as User.Read.All.`,
    );
  }
  const limited = requests?.paths !== undefined || requests?.cmdlets !== undefined;
  const others = resources.filter((resource) => resource !== 'graph');
  if (others.length > 0 && !limited) {
    const named = all ? 'resources other than graph' : others.join(', ');
    problems.push(
      `${place}.requests: is the only limit of the gateway for ${named}; list paths, or cmdlets for exchange.`,
    );
  }
  if (requests?.cmdlets !== undefined && resources.every((resource) => neverExchange.has(resource)))
    problems.push(`${place}.requests.cmdlets: has no effect without the resource exchange.`);
  if (excessScopes !== undefined && via?.includes('token') === false)
    problems.push(`${place}.excessScopes: has no effect, because the gateway hands out no token.`);
  return [...problems, ...unversionedPaths(rule, resources, place)];
}

/** A path of Graph without its version would never match. */
function unversionedPaths({ requests }: RuleDocument, resources: readonly string[], place: string): string[] {
  if (!resources.every((resource) => resource === 'graph')) return [];
  return (requests?.paths ?? [])
    .filter((path) => !/^\/(?:v1\.0|beta)(?:\/|$)/i.test(path))
    .map(
      (path) => `${place}.requests.paths: "${path}" does not start with /v1.0/ or /beta/; start it with one of them.`,
    );
}
