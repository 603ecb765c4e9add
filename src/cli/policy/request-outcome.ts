import type { PermissionMap } from 'graph-permissions/permission-map';
import type { AccessPolicy } from '../../lib/access/policy/policy.ts';
import type { ExplainedRequest, RequestFinding } from '../../lib/gateway/send/explain-request.ts';
import { settingsSchema } from '../../lib/config/settings.ts';
import { graphPath, judgedBy } from '../../lib/core/resources.ts';
import { headOf, mismatch, notNeeded, resultOf, type TestResult } from './explained.ts';
import { readLocalSettings } from '../sign-in/target.ts';
import { UsageError } from '../run-program.ts';

interface AskedRequest extends Omit<ExplainedRequest, 'callerRequest' | 'map'> {
  /** Method and path, as on the command line. */
  readonly request: string;
}

/**
 * Explains a request through the gateway: the result, the JSON document and the text.
 * @throws UsageError for a request that is no method and path.
 */
export async function requestOutcome(
  policy: AccessPolicy,
  { request, ...asked }: AskedRequest,
  { resource = 'graph', body }: { readonly resource?: string; readonly body?: string },
  notes: readonly string[],
): Promise<readonly [TestResult, unknown, string]> {
  const [method = '', url, ...rest] = request.trim().split(/ +/);
  if (url === undefined || rest.length > 0)
    throw new UsageError('--request is not a method and a path, such as "GET /users".');
  const { explainRequest } = await import('../../lib/gateway/send/explain-request.ts');
  const { map, note } = judgedBy(resource) === 'permissions' ? await mapInForce() : { map: undefined, note: [] };
  const order = {
    resource,
    method: method.toUpperCase(),
    url: judgedBy(resource) === 'permissions' ? graphPath(url) : url,
    body: body === undefined ? undefined : Buffer.from(body),
  };
  const explanation = await explainRequest(policy, {
    ...asked,
    callerRequest: order,
    map,
    baseUrl: await addedAddress(resource),
  });
  const headline = explanation.allowed
    ? `${headOf(explanation.rule ?? '', explanation)}: sends ${explanation.sends}${by(explanation.permissions)}, with a token of the application ${explanation.application}.`
    : `Denied. ${explanation.reason}`;
  const lines = explanation.rules.map((finding, index) => `  ${index + 1}. ${finding.rule}: ${verdictOf(finding)}`);
  const looksUp = 'The rule protects targets: the broker looks that of the request up, and may still refuse it.';
  const further = [...notes, ...note, ...(explanation.looksUp ? [looksUp] : [])];
  const text = [headline, ...lines, ...further.map((each) => `  Note: ${each}`)].join('\n');
  return [resultOf(explanation.allowed, explanation), { ...explanation, notes: further }, text];
}

const by = (permissions: readonly string[] = []): string =>
  permissions.length === 0 ? '' : ` by ${permissions.join(', ')}`;

function verdictOf({ outcome, missing, reason, because }: RequestFinding): string {
  const why = because === undefined ? '' : ` (${because})`;
  if (outcome === 'lacks') return `${mismatch(missing)}${why}`;
  if (outcome === 'allows') return `allows${why}`;
  if (outcome === 'not needed') return notNeeded;
  if (outcome === 'refuses') return `refuses. ${reason}`;
  return outcome === 'no requests' ? 'is not for the gateway' : outcome;
}

/** The address of a resource that RESOURCES adds: rules for Exchange apply to each address of Exchange. */
async function addedAddress(alias: string): Promise<string | undefined> {
  const { RESOURCES } = { ...(await readLocalSettings()), ...process.env };
  const parsed = settingsSchema.pick({ RESOURCES: true }).safeParse(RESOURCES ? { RESOURCES } : {});
  if (!parsed.success) throw new UsageError(`RESOURCES: ${parsed.error.issues[0]?.message ?? 'is not valid'}.`);
  return parsed.data.RESOURCES.find(([name]) => name === alias)?.[1];
}

/** The map that the broker judges by, if its storage is known here; else the table of the project. */
export async function mapInForce(): Promise<{ readonly map: PermissionMap; readonly note: readonly string[] }> {
  const { findMap } = await import('../permissions/map-location.ts');
  const { storedMap } = await import('../permissions/update-map.ts');
  const { blobs } = await findMap(process.env);
  const stored = blobs && (await storedMap(blobs));
  if (stored !== undefined) return { map: stored.map, note: [] };
  const { partnerMap } = await import('graph-permissions/partner-table');
  return {
    map: partnerMap(),
    note:
      blobs === undefined
        ? ['Judged by the built-in permission map. A broker that has loaded another one may decide differently.']
        : [],
  };
}
