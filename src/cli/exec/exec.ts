import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { TokenAnswer } from '../../lib/api/answers/approvals.ts';
import type { Grant } from '../../lib/core/secrets.ts';
import { type Clock, systemClock } from '../../lib/core/clock.ts';
import { counted } from '../counted.ts';
import { styled } from '../line.ts';
import type { BrokerClient } from '../remote/broker-client.ts';
import { print, say } from '../sign-in/output.ts';
import { privateFolder } from '../whole-file.ts';
import { childEnvironment, type CommonEnvironment, commonEnvironment } from './child-environment.ts';
import { type ConsumeOutput, fileOutput, jsonOutput, maskInPipeline, prefixedOutput } from './child-output.ts';
import { type ExecJournal, noJournal } from './exec-journal.ts';
import { openGraphRelay } from './graph-relay.ts';
import { openIdentityEndpoint } from './identity-endpoint.ts';
import type { LoopbackServer } from './loopback-server.ts';
import { argumentsFor, OptionLikeNameError } from './placeholders.ts';
import type { ResourceAliases } from './resource-aliases.ts';
import { type ChildEnd, runChild } from './run-child.ts';
import { type RunTenant, runTenants, type TenantEnd } from './run-tenants.ts';
import { type ExecTenant, folderNameOf, labelOf } from './tenant.ts';

/** What `ptb exec` is asked to do. */
export interface ExecOrder {
  readonly program: string;
  readonly args: readonly string[];
  readonly tenants: readonly ExecTenant[];
  readonly resources: ResourceAliases;
  readonly grant: Grant;
  readonly via: 'token' | 'gateway';
  readonly parallel: number;
  readonly retries: number;
  readonly timeoutMs: number | undefined;
  /** Keeps a folder for each tenant. Undefined: the output is printed. */
  readonly folder: string | undefined;
  readonly journal?: ExecJournal;
  readonly json: boolean;
  readonly signal: AbortSignal;
}

/** What came of the order. */
export interface ExecResult {
  /** The tenants for which the program ended, in the order of the end. */
  readonly ends: readonly TenantEnd[];
  /** Why not all had their turn, unless the order was interrupted. */
  readonly failure?: unknown;
}

/** Runs the program once for each tenant, each with access to that tenant alone. */
export async function execForTenants(
  client: BrokerClient,
  order: ExecOrder,
  { clock = systemClock, environment = process.env }: { clock?: Clock; environment?: NodeJS.ProcessEnv } = {},
): Promise<ExecResult> {
  const { journal = noJournal } = order;
  const waiting = order.tenants
    .filter(({ tenantId }) => !journal.done.has(tenantId))
    // The system allows no such character in arguments and variables.
    .map((tenant) => ({ ...tenant, name: tenant.name.replaceAll('\0', '') }));
  const ends: TenantEnd[] = [];
  const width = Math.max(0, ...waiting.map((tenant) => labelOf(tenant).length));
  const common = commonEnvironment(environment);
  const run: RunTenant = (tenant) => runForTenant({ client, clock, environment, common, width }, order, tenant);
  const ended = async (end: TenantEnd): Promise<void> => {
    await journal.add(end.tenant.tenantId, end.outcome);
    ends.push(end);
    if (order.json) print(true, resultJson(end), []);
    if (end.outcome !== 'succeeded' || order.folder !== undefined) say(endLine(end));
  };
  try {
    await runTenants({ clock, run, ended }, waiting, order);
    return { ends };
  } catch (failure) {
    return { ends, failure };
  }
}

const resultJson = ({ tenant, ...end }: TenantEnd): object => ({
  tenantId: tenant.tenantId,
  domain: tenant.defaultDomain,
  name: tenant.name,
  ...end,
});

interface Surroundings {
  readonly client: BrokerClient;
  readonly clock: Clock;
  /** The variables of the operator. */
  readonly environment: NodeJS.ProcessEnv;
  readonly common: CommonEnvironment;
  /** Characters of the longest label. */
  readonly width: number;
}

async function runForTenant(
  { client, clock, environment, common, width }: Surroundings,
  order: ExecOrder,
  tenant: ExecTenant,
): ReturnType<RunTenant> {
  let args: string[];
  try {
    args = argumentsFor(order.args, tenant);
  } catch (error) {
    if (error instanceof OptionLikeNameError) return { outcome: 'failed', detail: error.message };
    throw error;
  }
  const newSecret = (): string => randomBytes(32).toString('base64url');
  const isGateway = order.via === 'gateway';
  const identity = await openIdentityEndpoint({
    tenant,
    resources: isGateway ? new Map() : order.resources,
    newSecret,
    getToken: async (tenantId, resource, signal) => {
      const body = { tenant: tenantId, resource, grant: order.grant };
      const answer = (await client.post('/tokens', body, signal)) as TokenAnswer;
      maskInPipeline(answer.accessToken, environment);
      return answer;
    },
    nowMs: () => clock.nowMs(),
  });
  let relay: LoopbackServer | undefined;
  try {
    relay = isGateway ? await openGraphRelay({ tenant, client, newSecret }) : undefined;
    const folder = await folderFor(order.folder, tenant);
    const end = await runChild(
      {
        program: order.program,
        args,
        environment: childEnvironment(common, tenant, { identity, graphUrl: relay?.url, folder }),
        timeoutMs: order.timeoutMs,
        signal: order.signal,
        consume: outputOf(order, tenant, width, folder),
      },
      clock,
    );
    return { ...end, ...detailOf(end, identity.refused()?.message) };
  } finally {
    await Promise.all([identity.close(), relay?.close()]);
  }
}

async function folderFor(parent: string | undefined, tenant: ExecTenant): Promise<string | undefined> {
  if (parent === undefined) return undefined;
  const folder = resolve(join(parent, folderNameOf(tenant)));
  await mkdir(folder, privateFolder);
  return folder;
}

function outputOf(order: ExecOrder, tenant: ExecTenant, width: number, folder: string | undefined): ConsumeOutput {
  if (folder !== undefined) return fileOutput(folder);
  return order.json ? jsonOutput(tenant) : prefixedOutput(tenant, width);
}

const detailOf = ({ outcome }: ChildEnd, refused: string | undefined): { readonly detail?: string } =>
  outcome === 'failed' && refused !== undefined ? { detail: `The broker refused its token: ${refused}` } : {};

/** One line about the end of a program. */
export function endLine({ tenant, outcome, exitCode, endedBy, durationMs, detail }: TenantEnd) {
  const how =
    outcome === 'timed_out'
      ? 'ended because of --timeout'
      : exitCode === undefined
        ? endedBy === undefined
          ? 'not started'
          : `ended by ${endedBy}`
        : `exit ${exitCode}`;
  const looks = outcome === 'succeeded' ? 'good' : 'bad';
  const more = detail === undefined ? '' : ` ${detail}`;
  return [`${labelOf(tenant)}: `, styled(looks, how), `, ${(durationMs / 1000).toFixed(1)} s.${more}`];
}

/** The sentence at the end. */
export function summaryOf(ends: readonly TenantEnd[], asked: number, doneBefore: number): string {
  const failed = ends.filter(({ outcome }) => outcome !== 'succeeded').length;
  const open = asked - doneBefore - ends.length;
  const parts = [
    `${ends.length - failed} succeeded`,
    `${failed} failed`,
    ...(doneBefore > 0 ? [`${doneBefore} done before`] : []),
    ...(open > 0 ? [`${open} not run`] : []),
  ];
  return `${counted(asked, 'tenant')}: ${parts.join(', ')}.`;
}
