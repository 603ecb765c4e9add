import { hash } from 'node:crypto';
import { opensAll } from '../../access/policy/explain.ts';
import { parsePolicy } from '../../access/policy/parse-policy.ts';
import type { AccessPolicy } from '../../access/policy/policy.ts';
import { type PolicyStore, summary } from '../../access/policy/policy-store.ts';
import { byProvenDomains } from '../../access/tenants/requested-tenant.ts';
import { domainsIn, type TenantFacts } from '../../access/tenants/tenant-set.ts';
import { isVisible, visibleTenants } from '../../access/tenants/visible-tenants.ts';
import type { AuditLog } from '../../audit/audit-log.ts';
import { type Caller, callerIdOf } from '../../core/caller.ts';
import type { Clock } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import type { Turns } from '../../core/turns.ts';
import type { TenantDirectory } from '../../tenants/directory.ts';
import { tagNamesOf, type TenantTags } from '../../tenants/tags.ts';
import type { GatewayDeps } from '../gateway.ts';
import { RecordJudge } from './judge-record.ts';
import { Replay, type ReplayReport } from './replay.ts';
import { UnusedFinder, type UseReport } from './unused.ts';

/** What {@link replayLog} needs. */
export interface ReplayLogDeps {
  readonly audit: Pick<AuditLog, 'query'>;
  readonly callers: { readonly policy: PolicyStore };
  readonly directory: Pick<TenantDirectory, 'find' | 'tenantOf' | 'list'>;
  readonly tenantTags: Pick<TenantTags, 'current'>;
  readonly partnerTenantId: TenantId;
  readonly gateway: Pick<GatewayDeps, 'permissionMap'>;
  readonly clock: Clock;
  readonly turns: Turns;
}

export interface AskedReplay {
  /** The text of a policy. Absent: the one in force, to see what it is used for. */
  readonly policy?: string | undefined;
  /** Inclusive. */
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
}

export interface LogReplay extends ReplayReport {
  /** SHA-256 of the texts, in hexadecimal. */
  readonly policies: { readonly inForce: string; readonly new: string };
  /** Start of what was read. Later than what was asked for if there were more records or it took too long. */
  readonly readFromMs: number;
  /** Records of tenants that the caller may not read. They are only counted. */
  readonly others: number;
  /** Further groups with fewer records. */
  readonly moreGroups: number;
  /** Absent for a caller who may not read every tenant, because others may have used what it does not see. */
  readonly use?: UseReport;
}

/** A request may read as many records, for so long, and stays this long on the event loop at a time. */
const most = { records: 20_000, groups: 200, ms: 20_000, sliceMs: 10 } as const;
const pageSize = 500;

/**
 * Judges the newest records of a time by another policy. It does not prove the log: whoever holds an export does.
 * @throws BrokerError request_invalid for a policy with errors; caller_forbidden while none is in force; directory_unavailable;
 * storage_unavailable.
 */
export async function replayLog(
  deps: ReplayLogDeps,
  caller: Caller,
  { policy: text, fromMs, toMs }: AskedReplay,
  permissionsOf: (job: string) => readonly string[],
): Promise<LogReplay> {
  const proposed = text === undefined ? undefined : policyOf(text);
  const visible = await visibleTenants(deps, caller);
  const { policy, sha256 = '' } = await deps.callers.policy.current();
  const judgeOf = await judgesOf(deps);
  const inForce = judgeOf(policy);
  const other = proposed === undefined ? inForce : judgeOf(proposed);
  const judges = new Set([inForce, other]);
  const replay = new Replay(inForce, other);
  const use = new UnusedFinder(inForce, permissionsOf);
  const { clock, turns } = deps;
  const startMs = clock.nowMs();
  let [others, records, readFromMs, sliceMs] = [0, 0, toMs, startMs];
  let continuation: string | undefined;
  let isCut = false;
  const isOver = (): boolean => records >= most.records || clock.nowMs() - startMs >= most.ms;
  const pause = async (): Promise<void> => {
    if (clock.nowMs() - sliceMs < most.sliceMs) return;
    await turns.take();
    sliceMs = clock.nowMs();
  };
  do {
    const page = await deps.audit.query({
      fromMs,
      toMs,
      limit: pageSize,
      ...(continuation === undefined ? {} : { continuation }),
    });
    for (const entry of page.entries) {
      isCut = records > 0 && isOver();
      if (isCut) break;
      records += 1;
      readFromMs = Math.min(readFromMs, entry.writtenMs ?? entry.atMs);
      if (!isVisible(visible, entry.tenantId)) others += 1;
      else {
        for (const judge of judges) for (const _ of judge.prepare(entry)) await pause();
        await pause();
        replay.add(entry);
        if (visible === '*') use.add(entry);
      }
    }
    ({ continuation } = page);
    isCut ||= continuation !== undefined && isOver();
  } while (continuation !== undefined && !isCut);
  const { groups, ...report } = replay.report();
  return {
    ...report,
    groups: groups.slice(0, most.groups),
    moreGroups: Math.max(0, groups.length - most.groups),
    policies: { inForce: sha256, new: text === undefined ? sha256 : hash('sha256', text, 'hex') },
    readFromMs: isCut ? readFromMs : fromMs,
    others,
    ...(visible === '*' ? { use: use.report(await partnerFacts(deps, callerIdOf(caller), policy)) } : {}),
  };
}

function policyOf(text: string): AccessPolicy {
  const parsed = parsePolicy(text);
  if (parsed.ok) return parsed.policy;
  throw new BrokerError('request_invalid', `policy: ${summary(parsed.problems)}`);
}

/** Tenants count with the tags and default domains that they have now, as for `ptb policy replay`. */
async function judgesOf({ directory, tenantTags, gateway, partnerTenantId }: ReplayLogDeps) {
  const [listed, tags, map] = await Promise.all([directory.list(), tenantTags.current(), gateway.permissionMap()]);
  const tenants = listed.map(({ tenantId, defaultDomain }) => ({
    tenantId,
    domains: defaultDomain === undefined ? [] : [defaultDomain],
    tags: tagNamesOf(tags, tenantId),
  }));
  return (policy: AccessPolicy) => new RecordJudge(policy, { map, tenants, partnerTenantId });
}

/** Domains whose owner is looked up for one answer, which must not wait for thousands of them. */
const mostDomains = 20;

/**
 * What is known of the partner's own tenant, for the lists of rules that may open all of it. What cannot be found out
 * excepts nothing: a warning too many does less harm than one that is missing.
 */
async function partnerFacts(deps: ReplayLogDeps, callerId: string, { rules }: AccessPolicy): Promise<TenantFacts> {
  const lists = rules.filter(opensAll).flatMap(({ tenants: { tenants, except } }) => [tenants, except]);
  // Most domains of a policy are those of customers.
  const ofCustomers = new Set((await deps.directory.list()).map(({ defaultDomain }) => defaultDomain));
  const domains = domainsIn(lists)
    .filter((domain) => !ofCustomers.has(domain))
    .slice(0, mostDomains);
  const partner = { tenantId: deps.partnerTenantId, domain: undefined, listed: undefined };
  return byProvenDomains(deps, callerId, partner, {
    decideBy: (facts) => ({ ...facts, tags: facts.tags ?? new Set(), unresolved: undefined }),
    isSame: () => true,
    needed: { tags: true, domains },
  });
}
