import type { RunTenantDetailsAnswer, RunTenantsAnswer } from '../../lib/api/answers/runs.ts';
import type { TenantDetailsAnswer } from '../../lib/api/answers/tenants.ts';
import { BrokerError } from '../../lib/core/errors.ts';
import { parseDomainName, parseTenantId } from '../../lib/core/identifiers.ts';
import { visibleText } from '../../lib/core/text.ts';
import { counted } from '../counted.ts';
import type { Line } from '../line.ts';
import { outcomePiece } from '../outcome-piece.ts';
import { logTimes } from '../times.ts';
import { UsageError } from '../run-program.ts';
import type { BrokerClient } from './broker-client.ts';
import { runPath } from './follow-run.ts';

/**
 * Reads one tenant of a run.
 * @param reference tenant id, a domain, or the customer's name, of which the start is enough if only one name starts so.
 * @throws UsageError if no tenant or several have this name, BrokerError what the broker answers.
 */
export async function readRunTenant(
  client: Pick<BrokerClient, 'get'>,
  runId: string,
  reference: string,
): Promise<RunTenantDetailsAnswer> {
  const tenantId = parseTenantId(reference) ?? (await tenantIdOf(client, runId, reference));
  return (await client.get(`${runPath(runId)}/tenants/${tenantId}`)) as RunTenantDetailsAnswer;
}

async function tenantIdOf(client: Pick<BrokerClient, 'get'>, runId: string, reference: string): Promise<string> {
  const { tenants } = (await client.get(`${runPath(runId)}/tenants`)) as RunTenantsAnswer;
  const wanted = reference.toLowerCase();
  const exact = tenants.filter(({ name }) => name.toLowerCase() === wanted);
  const found = exact.length > 0 ? exact : tenants.filter(({ name }) => name.toLowerCase().startsWith(wanted));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only.tenantId;
  if (only === undefined) return tenantOfDomain(client, reference);
  const some = found.slice(0, 5).map(({ name, tenantId }) => `${visibleText(name)} (${tenantId})`);
  throw new UsageError(`${found.length} tenants of this run have such a name. Give the id: ${some.join(', ')}.`);
}

/** A run knows no domains, so the directory is asked. @throws UsageError if it has no answer for this caller. */
async function tenantOfDomain(client: Pick<BrokerClient, 'get'>, reference: string): Promise<string> {
  const domain = parseDomainName(reference);
  try {
    if (domain !== undefined) return ((await client.get(`/tenants/${domain}`)) as TenantDetailsAnswer).tenantId;
  } catch (thrown) {
    const isNoAnswer =
      thrown instanceof BrokerError && (thrown.code === 'tenant_unknown' || thrown.code === 'caller_forbidden');
    if (!isNoAnswer) throw thrown;
  }
  const orDomain = domain === undefined ? '' : ', and you may see no customer with this domain';
  throw new UsageError(`No tenant of this run has a name that starts with "${reference}"${orDomain}.`);
}

/** Describes a tenant of a run for people: its outcome, what the job threw, and its log. */
export function tenantLines(tenant: RunTenantDetailsAnswer): Line[] {
  const { name, tenantId, outcome, code, detail, advice, attempts, rows, error, log, droppedLines } = tenant;
  const times = logTimes();
  return [
    [`${name} (${tenantId}): `, outcomePiece(outcome), code === undefined ? '' : `, ${code}`],
    `${counted(attempts, 'attempt')}, ${counted(rows, 'row')}`,
    ...(detail === undefined ? [] : [detail]),
    ...(advice === undefined ? [] : [`What to do: ${advice}`]),
    ...(error === undefined ? [] : ['', 'The job threw:', ...error.split('\n').map((line) => `  ${line}`)]),
    ...(log.length === 0 ? [] : ['', `Log of the job (${times.zone}):`]),
    ...(droppedLines === 0 ? [] : [`  ${counted(droppedLines, 'earlier line')} not kept`]),
    ...log.map(
      ({ at, level, event, fields }) => `  ${times.show(at)} ${level.padEnd(5)} ${event}${fieldsText(fields)}`,
    ),
  ];
}

const fieldsText = (fields: Readonly<Record<string, string | number | boolean>>): string =>
  Object.entries(fields)
    .map(([name, value]) => ` ${name}=${typeof value === 'string' && /\s/.test(value) ? JSON.stringify(value) : value}`)
    .join('');
