import type { Method } from 'graph-permissions/permission-map';
import { encode, type Part } from '../reading/path.ts';
import type { QueryUse } from '../reading/query.ts';
import type { Location, Question } from '../resolve.ts';
import { type Grant, type LookUp, notPermitted, quoted, unreadable } from '../verdict.ts';

/** Requests that change a group, its members or owners. A team's id is the id of its group. */
const changesGroup =
  /^(?:groups\/\{\}(?:\/(?:members|owners)(?:\/\{\})?(?:\/\$ref)?|\/team)?|teams\/\{\}(?:\/members(?:\/(?:\{\}|add|remove))?)?)$/;

/**
 * A group to which directory roles can be assigned changes only with RoleManagement.ReadWrite.Directory ("Use Microsoft
 * Entra groups to manage role assignments"). The token behind the gateway may carry it, so a rule without it needs a look
 * at the group.
 */
export function lookUpsFor(
  { method, location, grant }: Question,
  base: string,
  parts: readonly Part[],
): readonly LookUp[] {
  if (method === 'GET' || grant.permissions.has('RoleManagement.ReadWrite.Directory')) return [];
  if (!changesGroup.test(location.path)) return [];
  const url = `${base}/groups/${encode(parts[1]?.text ?? '')}?$select=isAssignableToRole`;
  return [{ condition: 'group-is-not-role-assignable', url }];
}

/**
 * Whether a path is below the signed-in account: `/me`, or `/users/` with its id or user principal name.
 * @throws Refusal for `/me` where the rule does not name it, or the token is the application's.
 */
export function ownPath(parts: readonly Part[], grant: Grant): boolean {
  const [first, second] = parts;
  const root = first?.text.toLowerCase();
  if (root === 'me') {
    if (grant.scheme === 'application') throw notPermitted('An application has no /me; request /users/{id}.');
    if (!grant.me)
      throw notPermitted('The rule does not allow /me; request /users/{id}, or add a path of /me to the rule.');
    return true;
  }
  if (root !== 'users' || grant.scheme === 'application' || !grant.me || grant.signedIn === undefined) return false;
  if (second?.kind !== 'word' && second?.kind !== 'key') return false;
  const { id, userPrincipalName } = grant.signedIn;
  return [id, userPrincipalName].some((name) => name !== '' && name.toLowerCase() === second.text.toLowerCase());
}

/** Last segments whose answer holds an address that works without a token. */
const addresses =
  /^(?:content|contentstream|createuploadsessions?|(?:create|generate|get)downloadur[il](?:\(.*\))?|createlink|invite|preview|thumbnails|manifests|export[a-z]*|microsoft\.graph\.createuploadsessions?)$/;

/** Navigations whose objects hold such an address, and which Graph may answer where the map does not list them. */
const addressNames = new Set(['thumbnails']);

/** @throws Refusal for a name in a query that leads to an address which works without a token. */
export function refuseAddressNames(names: readonly string[]): void {
  const found = names.find((name) => addressNames.has(name.toLowerCase()));
  if (found !== undefined) throw notPermitted(`${quoted(found)} ${holdsAddress}`);
}

const holdsAddress = 'answers with an address that works without a token; use a token for this request.';

/** Usage reports redirect to a download address, unless beta answers with JSON ("Microsoft 365 usage reports in Graph"). */
const usageReport = /^(?:copilot\/)?reports\/get[^/]+$/;
/** Functions of the same form that always answer with JSON. */
const reportsInJson =
  /\/get(?:azureadapplicationsigninsummary|credentialuserregistrationcount|credentialusagesummary|relyingpartydetailedsummary|appmanagementauditsummary|attacksimulation[a-z]+|[a-z]+archivedprintjobs)(?:\(|$)/;

/** @throws Refusal for operations that a path alone says too little about. */
export function refuseSpecialEndpoints(method: Method, location: Location, json: boolean): void {
  const { template, path } = location;
  const operation = template.findLast((segment) => segment !== '{}') ?? '';
  if (template.some((segment) => addresses.test(segment))) {
    throw notPermitted(`${quoted(operation)} ${holdsAddress}`);
  }
  if (method === 'GET' && !json && usageReport.test(path) && !reportsInJson.test(path)) {
    throw notPermitted(
      'This report redirects to an address that works without a token; request it from /beta with $format=application/json.',
    );
  }
}

/** First segments that are no resource. */
const notResources = new Set(['$batch', '$metadata', '$entity', '$all', '$query', '$crossjoin']);

/** First segments that the gateway does not serve. */
const roots: Readonly<Record<string, string>> = {
  subscriptions: 'Subscriptions send data to an address that the caller chooses; use a token for them.',
  shares: 'A sharing link names any file; address the file by drive and item.',
};

/** @throws Refusal for a path that names no single resource, or one that the gateway does not serve. */
export function refuseRoots(root: string): void {
  const first = root.split('(')[0]?.toLowerCase() ?? '';
  if (first === '$batch') {
    throw unreadable('A batch is judged by its parts, never as one request; send each part on its own.');
  }
  const reason = Object.hasOwn(roots, first) ? roots[first] : undefined;
  if (reason !== undefined) throw notPermitted(reason);
  if (notResources.has(first))
    throw unreadable(`${quoted(first)} names no single resource; request the resource itself.`);
}

/** Properties whose value is an address that works without a token, or a key to one. They are removed from answers. */
const addressProperties: readonly string[] = [
  '@microsoft.graph.downloadUrl',
  '@content.downloadUrl',
  'downloadUrl',
  'uploadUrl',
  'sasToken',
  'azureStorageUri',
  'thumbnails',
];

/** Of a sharing permission: the link, and the id that encodes it. Whoever has a link for anyone needs no token. */
const sharingLinks: readonly string[] = ['link', 'shareId'];

/** The properties with such addresses in the answer of a location and its query. */
export const hiddenAddresses = ({ template }: Location, query: QueryUse): readonly string[] =>
  template.includes('permissions') || readsPermissions(query)
    ? [...addressProperties, ...sharingLinks]
    : addressProperties;

const readsPermissions = ({ select = [], expand }: QueryUse): boolean =>
  [...select, ...expand].some(({ names }) => names.some((name) => name.toLowerCase() === 'permissions')) ||
  expand.some(({ query }) => readsPermissions(query));
