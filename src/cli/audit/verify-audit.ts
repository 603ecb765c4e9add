import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verdictOf, verifyExport } from '../../operator/audit/verify-export.ts';
import { parseTenantId } from '../../lib/core/identifiers.ts';
import { exitCodes } from '../exit-codes.ts';
import { connect, type ConnectionFlags } from '../remote/connection.ts';
import { CommandOutcome, UsageError } from '../run-program.ts';
import { print, progress } from '../sign-in/output.ts';
import { RecordedTokens } from '../../lib/audit/proof/join-sign-ins.ts';
import { compareSignIns, comparisonLines, isClear, type SignInKind } from './compare-sign-ins.ts';
import { exportAudit } from './export-audit.ts';
import { openExport } from './export-file.ts';
import { RecordedChanges } from './recorded-changes.ts';
import { trustedKeys } from './trusted-keys.ts';
import { extractLines, isExtract, publishedHeads, verifyExtractFile } from './verify-extract-file.ts';
import { verificationLines } from './verification-lines.ts';

export interface VerifyFlags extends ConnectionFlags {
  readonly from?: string;
  readonly to?: string;
  readonly key?: readonly string[];
  readonly heads?: readonly string[];
  readonly tenant?: string;
  readonly signIns?: readonly string[];
  readonly emptyLog?: readonly SignInKind[];
  readonly json?: true;
}

const exitOf = { proven: exitCodes.ok, unproven: exitCodes.partial, tampered: exitCodes.failure } as const;

/** `ptb audit verify`: with a file offline, otherwise with a fresh export of a running broker. */
export async function verifyAudit(file: string | undefined, flags: VerifyFlags): Promise<void> {
  if (file !== undefined) return verifyFile(file, flags);
  const folder = await mkdtemp(join(tmpdir(), 'ptb-audit-'));
  try {
    const fresh = join(folder, 'export.jsonl');
    const { records } = await exportAudit(await connect(flags), fresh, flags);
    progress(`${records} records were exported.`);
    await verifyFile(fresh, flags);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function verifyFile(
  file: string,
  { from, to, key = [], heads, tenant, signIns, emptyLog = [], json }: VerifyFlags,
): Promise<void> {
  const period = { fromMs: msOf(from, Number.NEGATIVE_INFINITY), toMs: msOf(to, Number.POSITIVE_INFINITY) };
  const given = await trustedKeys(key);
  if (await isExtract(file)) {
    if (from !== undefined || to !== undefined)
      throw new UsageError('--from, --to: the proof of an extract is for its whole period. Make another extract.');
    const published = heads === undefined ? undefined : await publishedHeads(heads);
    if (tenant !== undefined && parseTenantId(tenant) === undefined)
      throw new UsageError('--tenant: is not the id of a tenant (GUID).');
    if (emptyLog.length > 0 && signIns === undefined)
      throw new UsageError('--empty-log: says what downloads do not show. Give these with --sign-ins.');
    const tokens = new RecordedTokens();
    const changes = new RecordedChanges();
    const verdict = await verifyExtractFile(file, given, { published, tenant, tokens, changes });
    const join =
      signIns === undefined ? undefined : await compareSignIns({ files: signIns, empty: emptyLog }, verdict, tokens);
    const keysFrom = given.length > 0 ? 'option' : 'extract';
    const isCompared = verdict.missingHeads.length === 0;
    const outcome = !verdict.isProven ? 'tampered' : isCompared ? 'proven' : 'unproven';
    print(
      json,
      {
        verdict: outcome,
        keysFrom,
        ...verdict,
        ...(verdict.isProven && { changes: changes.view() }),
        ...(join && { signIns: { ...join, partner: [...join.partner] } }),
      },
      [
        ...extractLines(verdict, given.length > 0, published !== undefined, tenant !== undefined),
        ...(verdict.isProven ? changes.lines(verdict.names) : []),
        ...(join === undefined ? [] : comparisonLines(join)),
      ],
    );
    if (outcome !== 'proven') throw new CommandOutcome(exitOf[outcome]);
    if (join !== undefined && !isClear(join)) throw new CommandOutcome(exitCodes.partial);
    return;
  }
  if (heads !== undefined || tenant !== undefined || signIns !== undefined || emptyLog.length > 0)
    throw new UsageError('--heads, --tenant, --sign-ins, --empty-log: are for extracts of `ptb audit extract`.');
  const evidence = await openExport(file, period, Date.now());
  const keys = given.length > 0 ? given : evidence.keys;
  const verification = await verifyExport({ ...evidence, keys });
  const verdict = verdictOf(verification);
  const areTrusted = given.length > 0;
  print(
    json,
    { verdict, keysFrom: areTrusted ? 'option' : 'export', ...verification },
    verificationLines(verification, keys, areTrusted),
  );
  if (verdict !== 'proven') throw new CommandOutcome(exitOf[verdict]);
}

function msOf(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const ms = Date.parse(text);
  if (Number.isFinite(ms)) return ms;
  throw new UsageError(`${text}: is not an ISO 8601 time such as 2026-11-24 or 2026-11-24T09:30:00Z.`);
}
