import type { RunTenantDetailsAnswer, RunTenantsAnswer } from '../../lib/api/answers/runs.ts';
import type { TenantDetailsAnswer } from '../../lib/api/answers/tenants.ts';
import { parseTenantId } from '../../lib/core/identifiers.ts';
import { counted } from '../counted.ts';
import type { Line } from '../line.ts';
import { titleOf } from '../../lib/api/trouble.ts';
import { outcomePiece } from '../outcome-piece.ts';
import { logTimes } from '../times.ts';
import type { BrokerClient } from './broker-client.ts';
import { runPath } from './follow-run.ts';
import { isTenantName, tenantNamed, withTenant } from './named-tenants.ts';

/**
 * Reads one tenant of a run. Its names are those of the run; a run knows no domains, so for one the directory is asked.
 * @throws UsageError, BrokerError as `tenantNamed` and `withTenant`; BrokerError what the broker answers.
 */
export async function readRunTenant(
  client: Pick<BrokerClient, 'get'>,
  runId: string,
  reference: string,
): Promise<RunTenantDetailsAnswer> {
  const tenants = `${runPath(runId)}/tenants`;
  const read = async (tenantId: string) => (await client.get(`${tenants}/${tenantId}`)) as RunTenantDetailsAnswer;
  if (parseTenantId(reference) !== undefined) return read(reference);
  const { tenants: ofRun } = (await client.get(tenants)) as RunTenantsAnswer;
  const wanted = reference.toLowerCase();
  // A tenant that no list names is called by its domain.
  if (isTenantName(reference) || ofRun.some(({ name }) => name.toLowerCase() === wanted))
    return read(tenantNamed(ofRun, reference).tenantId);
  const find = async (domain: string) => (await client.get(`/tenants/${domain}`)) as TenantDetailsAnswer;
  return read((await withTenant(client, wanted, find)).tenantId);
}

/** Describes a tenant of a run for people: its outcome, what the job threw, and its log. */
export function tenantLines(tenant: RunTenantDetailsAnswer): Line[] {
  const { name, tenantId, outcome, code, detail, advice, attempts, rows, error, log, droppedLines } = tenant;
  const times = logTimes();
  return [
    [`${name} (${tenantId}): `, outcomePiece(outcome), code === undefined ? '' : `: ${titleOf(code)} (${code})`],
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
