import type { Command } from 'commander';
import { exitCodes } from '../exit-codes.ts';
import {
  addConnectionOptions,
  brokerFetch,
  connect,
  type ConnectionFlags,
  machineIdentity,
  reach,
} from '../remote/connection.ts';
import { toBrokerError } from '../../lib/core/errors.ts';
import type { Secret } from '../../lib/core/secrets.ts';
import type { DirectoryTarget } from '../sign-in/target.ts';
import { isTenantName, withTenant } from '../remote/named-tenants.ts';
import { type Line, styled } from '../line.ts';
import { CommandOutcome } from '../run-program.ts';
import { print, say } from '../sign-in/output.ts';
import type { Finding } from '../verify/finding.ts';
import type { Probe } from '../verify/probe.ts';

interface VerifyFlags extends ConnectionFlags {
  readonly tenant?: string;
  readonly resource: string;
  readonly release?: string;
  readonly json?: true;
}

/** `ptb verify`: the smoke test of a deployment. The broker answers callers and nobody else, and Azure runs it as it should. */
export function registerVerify(program: Command): void {
  addConnectionOptions(program.command('verify'))
    .description(
      'Check a deployed broker: every entry point from outside, one run, and what Azure and its logs say. Exit 0: no check failed, 1: a check failed, 5: no answer.',
    )
    .option(
      '--tenant <tenant>',
      'a tenant for which the policy allows this caller a token: its name, a domain or its id',
    )
    .option('--resource <alias>', 'resource of the token', 'graph')
    .option('--release <file>', 'app.zip of a release or of `ptb package`, to compare with what is deployed')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
Without --client-id (or a token in PTB_TOKEN), checks that need a caller are
skipped. With --tenant, the job access-check runs for this tenant. Checks of the
deployment need what \`azd env get-values\` prints in the environment, and your
sign-in to Azure. They wait up to 6 minutes for the logs. The command is safe to
repeat.`,
    )
    .action(runVerify);
}

async function runVerify(flags: VerifyFlags): Promise<void> {
  const { functionKey } = flags;
  const archive =
    flags.release === undefined
      ? undefined
      : await (await import('../verify/released.ts')).readArchive(flags.release, process.env['DURABLE_BACKEND']);
  const { url, token, demo } = await reach(flags);
  const [{ verify }, { createProbe, isReached }, { randomUUID }, { systemClock }] = await Promise.all([
    import('../verify/checks.ts'),
    import('../verify/probe.ts'),
    import('node:crypto'),
    import('../../lib/core/clock.ts'),
  ]);
  const probe = createProbe(brokerFetch(functionKey === undefined ? {} : { functionKey }), url);
  const findings = await verify(probe, {
    token: await token?.(),
    tenant: await tenantOf(flags),
    resource: flags.resource,
    archive,
    foreignTenant: randomUUID(),
    clock: systemClock,
    customer: (customerToken, name, scopes) => askCustomer(customerToken, { name, scopes }, demo !== undefined),
    azure: askAzure,
  });
  const count = (result: Finding['result']): number => findings.filter((finding) => finding.result === result).length;
  const counts = { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
  print(flags.json, { url, ...counts, checks: findings }, [
    ...lines(findings),
    `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`,
  ]);
  if (!isReached(probe)) throw new CommandOutcome(exitCodes.remote);
  if (counts.failed > 0) throw new CommandOutcome(exitCodes.failure);
}

/** Reads the policies of a customer that meet the broker, as `ptb doctor` does. */
async function askCustomer(
  token: Secret,
  { name, scopes }: { readonly name: string; readonly scopes: readonly string[] },
  isDemo: boolean,
): Promise<Finding> {
  const [{ parseDirectory }, { customerPoliciesCheck }, { createGraphClient }, { Limiter }, { randomUUID }, clocks] =
    await Promise.all([
      import('../sign-in/target.ts'),
      import('../../operator/doctor/conditional-access.ts'),
      import('../../lib/microsoft/graph.ts'),
      import('../../lib/core/limiter.ts'),
      import('node:crypto'),
      import('../../lib/core/clock.ts'),
    ]);
  const { fromDoctor, findingsFrom } = await import('../verify/finding.ts');
  // Microsoft Graph is the simulated one there.
  if (isDemo) await (await import('../demo/running-demo.ts')).adoptDemo();
  let directory: DirectoryTarget;
  try {
    directory = parseDirectory({}, process.env, {});
  } catch (thrown) {
    return findingsFrom('broker').skipped('policies', toBrokerError(thrown).detail);
  }
  const { partnerTenantId, cloud } = directory;
  const graph = createGraphClient(
    {
      fetch: (...request) => globalThis.fetch(...request),
      clock: clocks.systemClock,
      random: Math.random,
      limiter: new Limiter(1),
    },
    { baseUrl: cloud.endpoints.graph, correlationId: randomUUID(), token: () => Promise.resolve(token) },
  );
  return fromDoctor('policies', await customerPoliciesCheck({ name, partnerTenantId, scopes }, graph));
}

/** The checks name the tenant in their own requests, so a name becomes the id before them. */
async function tenantOf({ tenant, ...flags }: VerifyFlags): Promise<string | undefined> {
  if (tenant === undefined || !isTenantName(tenant)) return tenant;
  return withTenant(await connect(flags, { isQuiet: true }), tenant, async (id) => id);
}

/** Checks the deployment that the environment names, with the Azure sign-in of the person who runs the command. */
async function askAzure(probe: Probe, scheduledJobs: readonly string[]): Promise<readonly Finding[]> {
  const [{ azureTarget }, { AzureClient, logAnalyticsUrls }, { skipAzure, verifyAzure }, { operatorTokens }] =
    await Promise.all([
      import('../verify/azure/azure-target.ts'),
      import('../verify/azure/azure-client.ts'),
      import('../verify/azure/verify-azure.ts'),
      import('../verify/azure/operator-tokens.ts'),
    ]);
  const [{ randomUUID }, { systemClock }] = await Promise.all([
    import('node:crypto'),
    import('../../lib/core/clock.ts'),
  ]);
  const target = azureTarget(process.env);
  if (typeof target === 'string') return skipAzure({ probe }, target);
  const azure = new AzureClient({
    fetch: (address, init) => globalThis.fetch(address, init),
    token: operatorTokens(machineIdentity, systemClock),
    armUrl: target.cloud.endpoints.arm,
    logsUrl: logAnalyticsUrls[target.cloud.name],
  });
  return verifyAzure({ azure, target, probe, scheduledJobs, clock: systemClock, newId: randomUUID, say });
}

/** Length of the longest name of a check. */
const checkWidth = 17;
const marks = { passed: styled('good', 'ok  '), failed: styled('bad', 'FAIL'), skipped: styled('idle', '-   ') };

const lines = (findings: readonly Finding[]): Line[] =>
  findings.flatMap(({ check, result, evidence, fix }) => [
    [marks[result], ` ${check.padEnd(checkWidth)} ${evidence}`],
    ...(fix === undefined ? [] : [`     ${' '.repeat(checkWidth)} ${fix}`]),
  ]);
