import { parseGuid } from '../../../lib/core/identifiers.ts';
import type { Clock } from '../../../lib/core/clock.ts';
import { asObject, type JsonObject, objectsIn } from '../../../lib/core/objects.ts';
import { parseJson } from '../../../lib/core/outbound.ts';
import { type Finding, findingsFrom } from '../finding.ts';
import type { Probe } from '../probe.ts';
import { type AzureClient, AzureUnavailable, type LogRow } from './azure-client.ts';
import type { AzureTarget } from './azure-target.ts';
import { groupPath } from './platform-checks.ts';

export interface LogDeps {
  readonly azure: AzureClient;
  readonly target: AzureTarget;
  readonly probe: Probe;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Receives one line before the checks wait for the logs. */
  readonly say: (line: string) => void;
}

/** A query that is repeated until it has a result or the time is over. */
interface Expectation {
  readonly check: string;
  readonly query: string;
  /** @returns undefined while the rows are not there yet. */
  readonly judge: (rows: readonly LogRow[]) => Finding | undefined;
  readonly absent: Finding;
}

const { passed, skipped, failed } = findingsFrom('logs');

/** Telemetry usually arrives within some minutes ("Log data ingestion time in Azure Monitor": under three on average). */
const patienceMinutes = 6;
const pollMs = 15_000;

export const logCheckNames = ['timers', 'log-during', 'log-after', 'key-vault-audit'] as const;

const late = 'Telemetry may be late: run the command again in ten minutes.';

/** A timer fired lately. `watch-runs` fires every five minutes. */
const timers: Expectation = {
  check: 'timers',
  query:
    'AppRequests | where TimeGenerated > ago(20m) and Name == "watch-runs" | summarize Last = max(TimeGenerated), Count = count() | where Count > 0',
  judge: ([row]) =>
    row === undefined ? undefined : passed('timers', `watch-runs fired ${String(row['Count'])} times in 20 minutes`),
  absent: failed(
    'timers',
    'watch-runs did not fire in the last 20 minutes',
    `${late} If it stays silent, restart the app: \`az functionapp restart\`. Timers can stay dead after a deployment to Flex Consumption.`,
  ),
};

/** The line of a refused request, which the app writes during the invocation. */
function duringInvocation(correlationId: string): Expectation {
  const check = 'log-during';
  return {
    check,
    query: `AppTraces | where TimeGenerated > ago(1h) and Message startswith '{"event":' and Message has "${correlationId}" | project Message, SeverityLevel | take 1`,
    judge: ([row]) => {
      if (row === undefined) return undefined;
      const { event, level } = lineOf(row);
      return event === 'request.failed' && level === 'warn' && Number(row['SeverityLevel']) === 2
        ? passed(check, 'the refused request is logged as a warning')
        : failed(
            check,
            `the refused request is logged as ${String(event)} with level ${String(level)}, severity ${String(row['SeverityLevel'])}`,
            'Deploy a released version of the app.',
          );
    },
    absent: failed(
      check,
      `the refused request with the correlation id ${correlationId} is not in AppTraces`,
      `${late} Then check APPLICATIONINSIGHTS_CONNECTION_STRING and the app's role Monitoring Metrics Publisher.`,
    ),
  };
}

/** A line from outside of an invocation. The first request in an hour makes each instance write this one. */
const afterInvocation: Expectation = {
  check: 'log-after',
  query: `AppTraces | where TimeGenerated > ago(90m) and Message startswith '{"event":"credential.care_checked"' | top 1 by TimeGenerated | project Message, Category = tostring(Properties.Category)`,
  judge: ([row]) => {
    if (row === undefined) return undefined;
    const { level } = lineOf(row);
    return level === 'info'
      ? passed(
          'log-after',
          `a line that belongs to no invocation is logged with its level (${String(row['Category'])})`,
        )
      : failed('log-after', `the line has the level ${String(level)}`, 'Deploy a released version of the app.');
  },
  absent: failed(
    'log-after',
    'no line credential.care_checked in 90 minutes',
    `${late} Then check that host.json passes the category Host.Function.Console at Information: alerts miss failures of background work otherwise.`,
  ),
};

/** The vault's audit log names the app as a reader of secrets, so that an alert can tell others from it. */
function vaultAudit(principalId: string): Expectation {
  const check = 'key-vault-audit';
  return {
    check,
    query: `AZKVAuditLogs | where TimeGenerated > ago(1d) and OperationName == "SecretGet" and tostring(Identity.claim.oid) == "${principalId}" | summarize Count = count() | where Count > 0`,
    judge: ([row]) =>
      row === undefined ? undefined : passed(check, `names the app's identity ${String(row['Count'])} times in a day`),
    absent: failed(
      check,
      `the vault's audit log does not name the app (${principalId}) in a day`,
      'Its lines arrive some minutes late: run the command again in 15 minutes. Then check the diagnostic setting of the vault, and that `ptb setup` has run.',
    ),
  };
}

/** The fields of a log line. */
function lineOf(row: LogRow): JsonObject {
  return asObject(parseJson(String(row['Message'])));
}

/** Sends a request that the app logs, and waits until the logs show what they should. */
export async function checkLogs(deps: LogDeps, site: JsonObject): Promise<readonly Finding[]> {
  const correlationId = deps.newId();
  await deps.probe.ask('POST', '/api/tokens', { headers: { 'x-correlation-id': correlationId } });
  try {
    const workspaceId = deps.target.workspaceId ?? (await findWorkspace(deps));
    const principalId = principalOf(site);
    const expected = [timers, duringInvocation(correlationId), afterInvocation];
    const findings = await waitFor(deps, workspaceId, [
      ...expected,
      ...(principalId === undefined ? [] : [vaultAudit(principalId)]),
    ]);
    return principalId === undefined
      ? [...findings, skipped('key-vault-audit', 'the function app has no user-assigned identity')]
      : findings;
  } catch (thrown) {
    if (!(thrown instanceof AzureUnavailable)) throw thrown;
    return logCheckNames.map((check) => skipped(check, thrown.message));
  }
}

async function waitFor(
  { azure, clock, say }: LogDeps,
  workspaceId: string,
  expectations: readonly Expectation[],
): Promise<readonly Finding[]> {
  const found = new Map<string, Finding>();
  const untilMs = clock.nowMs() + patienceMinutes * 60_000;
  for (let round = 0; ; round += 1) {
    for (const { check, query, judge } of expectations.filter((each) => !found.has(each.check))) {
      const finding = judge(await azure.query(workspaceId, query));
      if (finding !== undefined) found.set(check, finding);
    }
    if (found.size === expectations.length || clock.nowMs() >= untilMs) break;
    if (round === 0) say(`Waiting up to ${patienceMinutes} minutes for the logs.`);
    await clock.sleep(pollMs);
  }
  return expectations.map(({ check, absent }) => found.get(check) ?? absent);
}

/** The workspace of the resource group. The template creates one. */
async function findWorkspace({ azure, target }: LogDeps): Promise<string> {
  const path = `${groupPath(target)}/Microsoft.OperationalInsights/workspaces?api-version=2023-09-01`;
  const ids = (await azure.list(path)).flatMap((item) => parseGuid(asObject(item['properties'])['customerId']) ?? []);
  const [id] = ids;
  if (id !== undefined && ids.length === 1) return id;
  throw new AzureUnavailable(
    `needs LOG_ANALYTICS_WORKSPACE_ID: the resource group has ${ids.length} Log Analytics workspaces`,
  );
}

/** Object id of the app's identity. */
function principalOf(site: JsonObject): string | undefined {
  const identities = Object.values(asObject(asObject(site['identity'])['userAssignedIdentities']));
  return objectsIn(identities)
    .map(({ principalId }) => parseGuid(principalId))
    .find((id) => id !== undefined);
}
