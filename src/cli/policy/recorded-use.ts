import { hash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parsePolicy } from '../../lib/access/policy/parse-policy.ts';
import type { PolicyDocument } from '../../lib/access/policy/policy-document.ts';
import type { AccessPolicy } from '../../lib/access/policy/policy.ts';
import type { TenantFacts } from '../../lib/access/tenants/tenant-set.ts';
import type { TenantsAnswer } from '../../lib/api/answers/tenants.ts';
import type { AuditEntry } from '../../lib/audit/audit-log.ts';
import { fromRow } from '../../lib/audit/log/audit-row.ts';
import { isoTime } from '../../lib/core/clock.ts';
import { parseDomainName, parseTenantId, type TenantId } from '../../lib/core/identifiers.ts';
import { RecordJudge } from '../../lib/gateway/replay/judge-record.ts';
import { namesOfTags } from '../../lib/tenants/tags.ts';
import { verdictOf, verifyExport } from '../../operator/audit/verify-export.ts';
import { exportAudit } from '../audit/export-audit.ts';
import { openExport } from '../audit/export-file.ts';
import { trustedKeys } from '../audit/trusted-keys.ts';
import { barText } from '../remote/progress.ts';
import { connect, type ConnectionFlags } from '../remote/connection.ts';
import { UsageError } from '../run-program.ts';
import { mapInForce } from './request-outcome.ts';

/** Options of commands that read what callers did. */
export interface UseFlags extends ConnectionFlags {
  readonly since: string;
  readonly audit?: string;
  readonly key?: readonly string[];
  readonly json?: true;
}

/** A policy of a file, and the digest of its text. */
export interface PolicyFile {
  readonly file: string;
  /** SHA-256, hexadecimal. */
  readonly sha256: string;
  readonly policy: AccessPolicy;
  readonly document: PolicyDocument;
}

/** @throws UsageError for a file that is no valid policy. */
export async function readPolicyFile(file: string): Promise<PolicyFile> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new UsageError(`${file} cannot be read: ${error instanceof Error ? error.message : 'unknown error'}`);
  });
  const parsed = parsePolicy(text);
  if (!parsed.ok) throw new UsageError([`${file} is not valid.`, ...parsed.problems].join('\n  '));
  const { policy, document } = parsed;
  return { file, sha256: hash('sha256', text, 'hex'), policy, document };
}

/** What a result rests on, so that somebody else gets the same one. */
export interface UseEvidence {
  readonly period: { readonly from: string; readonly to: string; readonly firstRecordAt?: string };
  /** What `ptb audit verify` says about the records. */
  readonly audit: {
    readonly verdict: 'proven' | 'unproven' | 'tampered';
    readonly proven: number;
    readonly records: number;
    /** The part of the period in which every record is signed. */
    readonly from?: string;
    readonly to?: string;
  };
  /** SHA-256 of the permission map, and of the tenants with their domains and tags. */
  readonly mapSha256: string;
  readonly tenantsSha256: string;
  readonly notes: readonly string[];
}

/** Recorded use, ready to be read. */
export interface RecordedUse {
  readonly evidence: UseEvidence;
  /** All customers that are listed now. */
  readonly tenants: readonly TenantFacts[];
  judge(policy: AccessPolicy): RecordJudge;
  /** Reads every record once, the newest first. Undefined: a row that cannot be read. */
  entries(): AsyncIterable<AuditEntry | undefined>;
}

/**
 * Exports and verifies the audit log of a period, or reads an export, and hands it over for one piece of work.
 * @throws BrokerError, UsageError, and the reason of the signal.
 */
export async function withRecordedUse<T>(
  flags: UseFlags,
  signal: AbortSignal,
  work: (use: RecordedUse) => Promise<T>,
): Promise<T> {
  const client = await connect(flags);
  const folder = await mkdtemp(join(tmpdir(), 'ptb-use-'));
  try {
    // The broker refuses this to a caller that may read some tenants only. To such a caller, tenants in an export would seem gone.
    if (flags.audit !== undefined) await client.get('/audit/checkpoints', { from: isoTime(Date.now()) });
    const { tenants, warnings } = (await client.get('/tenants')) as TenantsAnswer;
    const file = flags.audit ?? join(folder, 'export.jsonl');
    if (flags.audit === undefined) await exportAudit(client, file, { from: flags.since });
    signal.throwIfAborted();
    const period = { fromMs: Date.parse(flags.since), toMs: Number.POSITIVE_INFINITY };
    const exported = await openExport(file, period, Date.now());
    const given = await trustedKeys(flags.key ?? []);
    const verification = await verifyExport({ ...exported, keys: given.length > 0 ? given : exported.keys });
    signal.throwIfAborted();
    const { map, note } = await mapInForce();
    // Exports of older versions have the address of the broker there.
    const partnerTenantId = parseTenantId(exported.broker ?? '');
    const unknownPartner =
      'The export does not say which tenant is the partner. Its records are judged as those of a customer.';
    const listed = tenants.map(
      ({ tenantId, defaultDomain = '', tags }): TenantFacts => ({
        tenantId: tenantId as TenantId,
        domains: [parseDomainName(defaultDomain)].filter((domain) => domain !== undefined),
        tags: tags && namesOfTags(tags),
      }),
    );
    const times = { firstMs: Number.POSITIVE_INFINITY };
    const entries = async function* (): AsyncIterable<AuditEntry | undefined> {
      const bar = progressBar(verification.records);
      for await (const record of exported.records()) {
        bar.step();
        signal.throwIfAborted();
        const entry = fromRow(record);
        if (entry !== undefined && (entry.atMs < exported.fromMs || entry.atMs >= exported.toMs)) continue;
        if (entry !== undefined) times.firstMs = Math.min(times.firstMs, entry.atMs);
        yield entry;
      }
      bar.end();
    };
    return await work({
      evidence: {
        get period() {
          return {
            from: flags.since,
            to: isoTime(Math.min(exported.toMs, exported.exportedMs)),
            ...(Number.isFinite(times.firstMs) ? { firstRecordAt: isoTime(times.firstMs) } : {}),
          };
        },
        audit: {
          verdict: verdictOf(verification),
          proven: verification.counts.proven,
          records: verification.records,
          ...verification.period,
        },
        mapSha256: hash('sha256', JSON.stringify(map), 'hex'),
        tenantsSha256: hash(
          'sha256',
          JSON.stringify(
            tenants
              .toSorted((one, other) => (one.tenantId < other.tenantId ? -1 : 1))
              .map(({ tenantId, defaultDomain, tags }) => [tenantId, defaultDomain, tags]),
          ),
          'hex',
        ),
        notes: [
          'Tenants are judged by the tags and default domains that they have now.',
          ...(partnerTenantId === undefined ? [unknownPartner] : []),
          ...note,
          ...warnings,
        ],
      },
      tenants: listed,
      judge: (policy) => new RecordJudge(policy, { map, tenants: listed, partnerTenantId }),
      entries,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const stepsOfBar = 5_000;

/** One updated line on a terminal; nothing elsewhere. */
function progressBar(total: number) {
  const stream = process.stderr;
  let done = 0;
  return {
    step: (): void => {
      done += 1;
      if (!stream.isTTY || done % stepsOfBar !== 0) return;
      const part = total === 0 ? 1 : Math.min(1, done / total);
      stream.write(`\r\u001B[2K[${barText(part, 24)}] ${done} of ${total} records`);
    },
    end: (): void => {
      if (stream.isTTY) stream.write('\r\u001B[2K');
    },
  };
}
