import type { JWK } from 'jose';
import { type Finding, isTampering } from '../../operator/audit/read-checkpoints.ts';
import { verdictOf, type Verification } from '../../operator/audit/verify-export.ts';
import { counted } from '../counted.ts';
import { type Line, styled } from '../line.ts';
import { thumbprintOf } from './trusted-keys.ts';

/** Findings of one kind that are shown. `--json` has all. */
const maxShown = 50;

/** The result for people: the verdict, the findings, what was counted, and what all this proves. */
export function verificationLines(verification: Verification, keys: readonly JWK[], areTrusted: boolean): Line[] {
  const shown = verification.findings.slice(0, maxShown);
  const more = verification.findings.length - shown.length;
  return [
    verdictLine(verification),
    ...shown.map(findingLine),
    ...(more > 0 ? [`… and ${more} more; --json has all.`] : []),
    '',
    ...countLines(verification),
    ...keyLines(keys, areTrusted),
    '',
    ...limits,
  ];
}

function verdictLine(verification: Verification): Line {
  switch (verdictOf(verification)) {
    case 'tampered':
      return [styled('bad', 'TAMPERED: '), 'the audit log is not as it was written.'];
    case 'unproven':
      return [styled('warn', 'NOT PROVEN: '), `nothing speaks for tampering, but ${whyUnproven(verification)}.`];
    case 'proven':
      return [styled('good', 'PROVEN: '), provenText(verification)];
  }
}

function provenText({ counts, period, crashed, lost }: Verification): string {
  const records = `${counted(counts.proven, 'record')} from ${period?.from ?? ''} to ${period?.to ?? ''}`;
  return [
    `${records} ${counts.proven === 1 ? 'is' : 'are'} as written, and none is missing`,
    ...(counts.newer === 0 ? [] : [`with ${counted(counts.newer, 'record')} newer than that`]),
    ...(crashed + lost === 0 ? [] : [`and ${counted(crashed + lost, 'place')} of crashes and failed writes`]),
  ].join(', ');
}

function whyUnproven({ checkpoints, period, counts }: Verification): string {
  if (checkpoints.length === 0) return 'there is no checkpoint, so nothing is signed';
  if (period === undefined) return 'no checkpoint covers any of the period';
  if (counts.proven === 0) return `there is no signed record from ${period.from} to ${period.to}`;
  return 'not everything is signed';
}

/** One finding in one line. */
function findingLine({ kind, chain, first, last, record, checkpoint, between, detail }: Finding): Line {
  const places = first === undefined ? '' : first === last ? ` record ${first}` : ` records ${first} to ${last}`;
  const subject = [
    chain === undefined ? '' : ` chain ${chain}`,
    places,
    record === undefined ? '' : ` (${record.partitionKey} ${record.rowKey})`,
    checkpoint === undefined ? '' : ` checkpoint ${checkpoint}`,
    between === undefined ? '' : ` between ${between[0]} and ${between[1]}`,
  ].join('');
  const style = isTampering({ kind }) ? 'bad' : 'warn';
  return [styled(style, kind), `${subject}: ${detail}`];
}

function countLines(verification: Verification): string[] {
  const { records, counts, chains, checkpoints, period } = verification;
  const [first, last] = [checkpoints[0], checkpoints.at(-1)];
  const signed =
    first === undefined || last === undefined
      ? 'No checkpoints: the chains agree with each other, but whoever can write the table can write chains.'
      : `${checkpoints.length} checkpoints, ${first.number} to ${last.number}, from ${first.at} to ${last.at}.`;
  const within = period === undefined ? '' : ` They are from ${period.from} to ${period.to}.`;
  return [
    `${counted(records, 'record')} in ${counted(chains, 'chain')} (one for each start of an instance); ${counts.proven} are proven by a signature.${within}`,
    signed,
    ...lineOf(
      counts.newer,
      'records are newer: at most their chain speaks for them. The next checkpoints will sign them.',
    ),
    ...lineOf(counts.earlier, 'records are older than the first checkpoint: nothing signed says which there were.'),
    ...lineOf(counts.unsigned, 'records of the period are not signed.'),
    ...lineOf(counts.outside, 'records lie outside the period and were not judged.'),
    ...lineOf(counts.tampered, 'records are not as they were written, or were added.'),
    ...placeLines(verification),
  ];
}

const lineOf = (count: number, text: string): string[] => (count === 0 ? [] : [`${count} ${text}`]);

function placeLines(verification: Verification): string[] {
  const { unchained, lost, crashed, purged, beyond, withoutOutcome, purgedBefore } = verification;
  const old = unchained.first === undefined ? '' : `, from ${unchained.first} to ${unchained.last}`;
  const before = purgedBefore === undefined ? '' : ` before ${purgedBefore}`;
  return [
    ...lineOf(
      unchained.records,
      `records have no chain${old}: a version without chains wrote them. Checkpoints cover them as a set.`,
    ),
    ...lineOf(lost, 'records were not written because storage failed. Nobody got what they were for.'),
    ...lineOf(crashed, 'records were not written because their instance ended. Nobody got what they were for.'),
    ...lineOf(purged, `missing records were old enough to be purged${before}.`),
    ...lineOf(beyond, 'missing records lie at or beyond the limits of the period.'),
    ...lineOf(
      withoutOutcome,
      'requests through the gateway have no outcome: the instance ended, or it is outside the export.',
    ),
  ];
}

function keyLines(keys: readonly JWK[], areTrusted: boolean): string[] {
  if (keys.length === 0) return [];
  const named = keys.map((key) => `  ${key.kid}  thumbprint ${thumbprintOf(key)}`);
  if (areTrusted) return ['Signatures were checked with the keys that you gave:', ...named];
  return [
    'Signatures were checked with the keys in the export. Compare them with Key Vault, or give them with --key:',
    ...named,
  ];
}

const limits = [
  'Not proven: that records were true when they were written, by whoever controlled the app or its code then;',
  'anything about records outside the period, and that the export has the newest checkpoints.',
];
