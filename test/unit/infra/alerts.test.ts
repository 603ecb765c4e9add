import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../../paths.ts';
import { skippedBecause } from '../../support/skipped.ts';
import { evaluateAlerts, noBicep, type Resource } from './bicep.ts';
import { keeps, problemsOf } from './kql.ts';
import { property } from './resources.ts';

const app = '44444444-4444-4444-4444-444444444444';
const other = '55555555-5555-5555-5555-555555555555';

interface Criterion {
  readonly query: string;
  readonly operator: string;
  readonly threshold: number;
}

interface Rule extends Criterion {
  readonly resource: Resource;
}

const mentionsLevel = /\blevel\b/;

describe('the alert rules', { timeout: 600_000, ...skippedBecause(noBicep) }, () => {
  let rules: Readonly<Record<string, Rule>>;
  const queryOf = (name: string): string => {
    const rule = rules[name];
    if (rule === undefined) throw new Error(`There is no rule ${name}.`);
    return rule.query;
  };
  const firing = (names: readonly string[], row: object): string[] =>
    names.filter((name) => keeps(queryOf(name), { ...row }));

  beforeAll(async () => {
    const resources = await evaluateAlerts(app);
    rules = Object.fromEntries(
      resources
        .filter(({ type }) => type === 'Microsoft.Insights/scheduledQueryRules')
        .map((resource) => {
          const [criterion] = (property(resource, 'criteria') as { allOf: [Criterion] }).allOf;
          return [resource.name.slice(4), { ...criterion, resource }];
        }),
    );
  });

  it('are valid KQL over the documented tables', () => {
    expect(Object.keys(rules).length).toBeGreaterThan(12);
    const problems = Object.entries(rules).map(([name, { query }]) => [name, problemsOf(query)]);
    expect(problems).toEqual(Object.keys(rules).map((name) => [name, []]));
  });

  it('share their tables with the queries in docs/log.md, which are valid too', async () => {
    const page = await readFile(join(projectRoot, 'docs/log.md'), 'utf8');
    const queries = [...page.matchAll(/^```kusto\n(.*?)^```$/gms)].map(([, query]) => query ?? '');
    expect(queries.length).toBeGreaterThan(0);
    expect(queries.flatMap(problemsOf)).toEqual([]);
  });

  it('share their tables with the queries of `ptb verify`, which are valid too', async () => {
    const source = await readFile(join(projectRoot, 'src/cli/verify/azure/log-checks.ts'), 'utf8');
    const queries = [...source.matchAll(/query:\s*([`'])(.+?)\1,\n/g)].map(([, , query = '']) =>
      query.replaceAll(/\$\{\w+\}/g, 'x'),
    );
    expect(queries.length).toBeGreaterThan(3);
    expect(queries.flatMap(problemsOf)).toEqual([]);
  });

  it('are parsed by a parser that reports an unknown table, an unknown column and a wrong type', () => {
    expect(problemsOf('Traces | where Message == ""')).toHaveLength(1);
    expect(problemsOf('AppTraces | where Text == ""')).toHaveLength(1);
    expect(problemsOf('StorageBlobLogs | where StatusCode < 400')).toHaveLength(1);
  });

  it('read the level in the line, because the host guesses the severity of lines after an invocation', () => {
    const queries = Object.values(rules).map(({ query }) => query);
    expect(queries.filter((query) => query.includes('SeverityLevel'))).toEqual([]);
    expect(queries.filter((query) => mentionsLevel.test(query.split('errorScope = ')[1] ?? ''))).toHaveLength(4);
  });

  it('find lines of every category, and host.json passes only the two that the app writes to', async () => {
    const overLog = Object.values(rules).filter(({ query }) => query.startsWith('AppTraces'));
    expect(overLog.filter(({ query }) => /\bProperties\b/.test(query))).toEqual([]);
    const { logging } = JSON.parse(await readFile(join(projectRoot, 'host.json'), 'utf8')) as {
      logging: {
        logLevel: Record<string, string>;
        applicationInsights: { samplingSettings: { excludedTypes: string } };
      };
    };
    expect(logging.logLevel).toEqual({
      default: 'Warning',
      Function: 'Warning',
      'Function.*.User': 'Information',
      'Host.Function.Console': 'Information',
      // Request telemetry, which `host-failures` reads.
      'Host.Results': 'Information',
      'Host.Aggregator': 'Information',
    });
    expect(logging.applicationInsights.samplingSettings.excludedTypes.split(';')).toContain('Trace');
  });

  it.each([
    // Every rule: severity, when it fires, rows of which time, how often it is evaluated.
    ['credential-broken', 0, 'GreaterThan 0', 'PT15M', 'PT15M'],
    ['credential-warning', 2, 'GreaterThan 0', 'PT1H', 'PT1H'],
    ['credential-care-silent', 1, 'LessThan 1', 'P2D', 'PT6H'],
    ['run-failed', 1, 'GreaterThan 0', 'PT15M', 'PT15M'],
    ['audit-unavailable', 1, 'GreaterThan 0', 'PT15M', 'PT15M'],
    ['configuration-refused', 1, 'GreaterThan 0', 'PT15M', 'PT15M'],
    ['errors', 2, 'GreaterThan 5', 'PT15M', 'PT15M'],
    ['host-failures', 2, 'GreaterThan 5', 'PT15M', 'PT15M'],
    ['refusals', 3, 'GreaterThan 100', 'PT15M', 'PT15M'],
    ['emergency-rule-used', 1, 'GreaterThan 0', 'PT5M', 'PT5M'],
    ['notices-undelivered', 2, 'GreaterThan 0', 'PT15M', 'PT15M'],
    ['secret-read-by-another', 1, 'GreaterThan 0', 'PT15M', 'PT15M'],
    ['secret-written-by-another', 1, 'GreaterThan 0', 'PT15M', 'PT15M'],
    ['secret-taken-away', 1, 'GreaterThan 0', 'PT15M', 'PT15M'],
    ['records-deleted-by-another', 1, 'GreaterThan 0', 'PT15M', 'PT15M'],
    ['blobs-changed-by-another', 1, 'GreaterThan 0', 'PT15M', 'PT15M'],
  ] as const)('raise %s with severity %i, if the count is %s in %s', (...expected) => {
    expect(Object.keys(rules)).toHaveLength(16);
    const [name] = expected;
    const { resource, query, operator, threshold } = rules[name]!;
    const { severity, windowSize, evaluationFrequency } = resource.properties ?? {};
    expect([name, severity, `${operator} ${threshold}`, windowSize, evaluationFrequency]).toEqual(expected);
    expect(resource.properties).toEqual({
      displayName: expect.any(String) as string,
      description: expect.any(String) as string,
      severity,
      enabled: true,
      scopes: ['/workspace'],
      evaluationFrequency,
      windowSize,
      autoMitigate: true,
      skipQueryValidation: true,
      criteria: {
        allOf: [
          {
            query,
            timeAggregation: 'Count',
            operator,
            threshold,
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 },
          },
        ],
      },
      actions: { actionGroups: [expect.stringMatching(/\/providers\/Microsoft\.Insights\/actionGroups\/ag$/)] },
    });
  });

  it.each([
    ['credential.cared_for', '', 'credential-care-silent'],
    ['credential.care_failed', 'storage_unavailable', undefined],
    ['request.failed', 'internal', 'errors'],
    ['mcp.tool_failed', 'internal', 'errors'],
    ['mcp.tool_failed', 'request_invalid', undefined],
    ['request.failed', 'caller_unauthenticated', 'refusals'],
    ['request.failed', 'caller_forbidden', 'refusals'],
    ['request.failed', 'scope_not_allowed', 'refusals'],
    ['request.failed', 'tenant_unknown', undefined],
    ['request.failed', 'config_invalid', 'configuration-refused'],
    ['policy.rejected', '', 'configuration-refused'],
    ['tenants.domain_unresolved', '', 'configuration-refused'],
    ['policy.loaded', '', undefined],
  ])('count %s with the code "%s" in %s', (event, code, expected) => {
    const names = ['credential-care-silent', 'errors', 'refusals', 'configuration-refused'];
    const row = { event, code, level: 'info', errorScope: '' };
    expect(firing(names, row)).toEqual(expected === undefined ? [] : [expected]);
  });

  it.each([
    ['credential.dead', 'error', 'credential', 'credential-broken'],
    ['credential.state_changed', 'error', '', 'credential-broken'],
    ['credential.rotation_failed', 'error', 'credential', 'credential-broken'],
    ['request.failed', 'warn', 'credential', 'credential-broken'],
    ['credential.rotation_failed', 'error', 'platform', 'credential-warning'],
    ['credential.care_failed', 'error', 'platform', 'credential-warning'],
    ['credential.state_changed', 'warn', '', 'credential-warning'],
    ['credential.notice_failed', 'warn', 'platform', 'credential-warning'],
    ['credential.of_a_new_kind', 'error', '', 'credential-warning'],
    ['credential.rotated', 'info', '', undefined],
    ['request.failed', 'error', 'platform', undefined],
    ['run.finished', 'error', '', 'run-failed'],
    ['run.finished', 'info', '', undefined],
    ['tenant_run.failed', 'error', '', undefined],
    ['audit.purge_failed', 'error', 'platform', 'audit-unavailable'],
    ['audit.row_unreadable', 'warn', '', undefined],
  ])('raise for %s of level %s and scope "%s" the alert %s', (event, level, errorScope, expected) => {
    const names = ['credential-broken', 'credential-warning', 'run-failed', 'audit-unavailable'];
    const row = { event, level, errorScope, code: '' };
    expect(firing(names, row)).toEqual(expected === undefined ? [] : [expected]);
  });

  it.each([
    ['a body above the limit of the host, or a worker that ended', '500', false, true],
    ['a worker that is not there', '503', false, true],
    ['a failure that the app answered or passed on', '502', true, false],
    ['a request that the host refused', '404', false, false],
    ['a timer or an activity that threw, about which the app writes a line', '0', false, false],
  ])('count %s (%s, success %s) as a failure of the host: %s', (_what, ResultCode, Success, expected) => {
    expect(firing(['host-failures'], { ResultCode, Success })).toEqual(expected ? ['host-failures'] : []);
  });

  const storageRules = ['records-deleted-by-another', 'blobs-changed-by-another'];
  const change = { Category: 'StorageWrite', StatusCode: '202', RequesterObjectId: other };

  it.each([
    ['a batch of rows', { ...change, OperationName: 'EntityGroupTransaction' }],
    ['a changed row', { ...change, OperationName: 'MergeEntity', StatusCode: '204' }],
    ['a deleted row', { ...change, OperationName: 'DeleteEntity', Category: 'StorageDelete' }],
    ['a deleted table', { ...change, OperationName: 'DeleteTable', Category: 'StorageDelete' }],
    ['an overwritten blob', { ...change, OperationName: 'PutBlob', StatusCode: '201' }],
    ['a request that is signed with a key', { ...change, OperationName: 'PutBlob', RequesterObjectId: '' }],
  ])('report %s by others', (_what, row) => {
    expect(firing(storageRules, row)).toEqual(storageRules);
    expect(firing(storageRules, { ...row, RequesterObjectId: app })).toEqual([]);
  });

  it('ignore what others read, were refused, or created by a deployment', () => {
    expect(firing(storageRules, { ...change, OperationName: 'GetBlob', Category: 'StorageRead' })).toEqual([]);
    expect(firing(storageRules, { ...change, OperationName: 'PutBlob', StatusCode: '403' })).toEqual([]);
    expect(firing(storageRules, { ...change, OperationName: 'PutBlob', StatusCode: 'Unknown' })).toEqual([]);
    expect(firing(storageRules, { ...change, OperationName: 'CreateContainer' })).toEqual([]);
  });

  it.each([
    ['SecretGet', 'secret-read-by-another'],
    ['SecretSet', 'secret-written-by-another'],
    ['SecretUpdate', 'secret-written-by-another'],
  ])('report %s by others as %s', (OperationName, expected) => {
    const vaultRules = ['secret-read-by-another', 'secret-written-by-another', 'secret-taken-away'];
    const row = { OperationName, HttpStatusCode: 200, Identity: { claim: { oid: other } } };
    expect(firing(vaultRules, row)).toEqual([expected]);
    expect(firing(vaultRules, { ...row, Identity: { claim: { oid: app } } })).toEqual([]);
    expect(firing(vaultRules, { ...row, HttpStatusCode: 403 })).toEqual([]);
  });

  it.each(['SecretBackup', 'SecretRestore', 'SecretDelete', 'SecretPurge', 'VaultDelete'])(
    'report %s whoever did it',
    (OperationName) => {
      const row = { OperationName, HttpStatusCode: 200, Identity: { claim: { oid: app } } };
      const vaultRules = ['secret-read-by-another', 'secret-written-by-another', 'secret-taken-away'];
      expect(firing(vaultRules, row)).toEqual(['secret-taken-away']);
    },
  );
});
