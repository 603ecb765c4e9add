import { type ChangeKind, Replay, type ReplayGroup, type ReplayReport } from '../../lib/gateway/replay/replay.ts';
import { skipReasons, unknowns } from '../../lib/gateway/replay/judge-record.ts';
import { counted } from '../counted.ts';
import { exitCodes } from '../exit-codes.ts';
import { type Line, styled } from '../line.ts';
import { CommandOutcome } from '../run-program.ts';
import { print } from '../sign-in/output.ts';
import { type PolicyFile, readPolicyFile, type UseEvidence, type UseFlags, withRecordedUse } from './recorded-use.ts';

/** `ptb policy replay`: what a new policy would have decided otherwise. Exit 3 if it would have refused anything. */
export async function replayPolicy(
  files: { readonly inForce: string; readonly proposed: string },
  flags: UseFlags,
  signal: AbortSignal,
): Promise<void> {
  const [inForce, proposed] = [await readPolicyFile(files.inForce), await readPolicyFile(files.proposed)];
  const { evidence, report } = await withRecordedUse(flags, signal, async (use) => {
    const replay = new Replay(use.judge(inForce.policy), use.judge(proposed.policy));
    for await (const entry of use.entries()) replay.add(entry);
    return { evidence: { ...use.evidence }, report: replay.report() };
  });
  const policies = { inForce: named(inForce), new: named(proposed) };
  print(flags.json, { policies, ...evidence, ...report }, replayLines(policies, evidence, report));
  if (report.changes.refused > 0) throw new CommandOutcome(exitCodes.partial);
}

const named = ({ file, sha256 }: PolicyFile) => ({ file, sha256 });

/** Groups of one kind that are shown. `--json` has all. */
const maxShown = 20;

const titles: Readonly<Record<ChangeKind, string>> = {
  refused: 'Newly refused',
  allowed: 'Newly allowed',
  approval: 'Now only with an approval or in an emergency',
  rule: 'By another rule',
};

const verdicts = {
  proven: styled('good', 'proven'),
  unproven: styled('warn', 'NOT PROVEN'),
  tampered: styled('bad', 'TAMPERED'),
} as const;

/** What the result rests on, in lines. */
export function evidenceLines({ period, audit, notes }: UseEvidence): Line[] {
  const late = period.firstRecordAt === undefined ? '' : `, first record ${period.firstRecordAt}`;
  return [
    `Period: ${period.from} to ${period.to}${late}`,
    [
      'Audit log: ',
      verdicts[audit.verdict],
      `, ${audit.proven} of ${counted(audit.records, 'record')} signed${audit.from === undefined ? '' : `, from ${audit.from} to ${audit.to}`}`,
    ],
    ...notes.map((note) => `Note: ${note}`),
  ];
}

function verdictLine({ judged, changes: { refused }, skipped: { unreadable = 0 }, unknown }: ReplayReport): Line {
  if (refused > 0)
    return styled('bad', `The new policy refuses ${counted(refused, 'record')} that the policy in force allows.`);
  const open = Object.values(unknown).reduce((sum, records) => sum + records, unreadable);
  if (judged > 0 && open === 0)
    return styled('good', 'The new policy refuses nothing that the policy in force allows.');
  return styled(
    'warn',
    `Of ${counted(judged, 'record')} judged, the new policy refuses none that the policy in force allows; ${open} could not be judged.`,
  );
}

function replayLines(
  { inForce, new: proposed }: Readonly<Record<'inForce' | 'new', { file: string; sha256: string }>>,
  evidence: UseEvidence,
  report: ReplayReport,
): Line[] {
  const { records, judged, judgedInPart, refusedByBoth, changes, groups, ungrouped } = report;
  return [
    verdictLine(report),
    `In force: ${inForce.file}, SHA-256 ${inForce.sha256}`,
    `New: ${proposed.file}, SHA-256 ${proposed.sha256}`,
    ...evidenceLines(evidence),
    `Judged: ${judged} of ${counted(records, 'record')}${judgedInPart === 0 ? '' : `, ${judgedInPart} by less than was sent (earlier versions, bodies of refused writes)`}`,
    ...countLines(report),
    ...(refusedByBoth === 0 ? [] : [`${refusedByBoth} were served, and both policies refuse them now.`]),
    ...(Object.keys(titles) as ChangeKind[]).flatMap((kind) =>
      kindLines(
        `${titles[kind]}: ${counted(changes[kind], 'record')}`,
        groups.filter(({ change }) => change === kind),
      ),
    ),
    ...(ungrouped === 0 ? [] : ['', `${counted(ungrouped, 'record')} more are in no group: there are too many.`]),
  ];
}

const countLines = ({ skipped, unknown }: ReplayReport): string[] => [
  ...Object.entries(skipped).map(
    ([reason, count]) => `Not judged: ${count} ${textOf(skipReasons, reason) ?? 'rows that cannot be read'}`,
  ),
  ...Object.entries(unknown).map(([reason, count]) => `Not known: ${count}, because ${textOf(unknowns, reason)}`),
];

const textOf = (texts: Readonly<Record<string, string>>, key: string): string | undefined => texts[key];

function kindLines(title: string, groups: readonly ReplayGroup[]): Line[] {
  if (groups.length === 0) return [];
  const more = groups.length - maxShown;
  return [
    '',
    title,
    ...groups.slice(0, maxShown).flatMap(groupLines),
    ...(more > 0 ? [`  … and ${more} more; --json has all.`] : []),
  ];
}

function groupLines(group: ReplayGroup): Line[] {
  const { caller, request, resource, ruleInForce = 'none', ruleNew = 'none', records, tenants, lastAt, reason } = group;
  const who = `${caller.kind} ${caller.applicationId}${caller.kind === 'application' ? '' : ` (object ${caller.objectId})`}`;
  return [
    `  ${request} at ${resource}: ${counted(records, 'record')} in ${counted(tenants, 'tenant')}, last ${lastAt}`,
    `    ${who}; rule: ${ruleInForce} → ${ruleNew}`,
    ...(reason === undefined ? [] : [`    ${reason}`]),
    ...group.examples.slice(0, 1).map(({ tenantId, tokenId }) => `    for example ${tokenId} in ${tenantId}`),
  ];
}
