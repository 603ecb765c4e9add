import type { JWK } from 'jose';
import type { Finding } from '../../lib/audit/verify/finding.ts';
import { isTampering } from '../../lib/audit/verify/finding.ts';
import type { Verification } from '../../lib/audit/verify/verify-export.ts';
import { counted } from '../counted.ts';
import { type Line, styled } from '../line.ts';
import { thumbprintOf } from './trusted-keys.ts';

/** Findings of one kind that are shown. `--json` has all. */
const maxShown = 50;

/** What verification amounts to: `tampered`, `unproven` (nothing speaks for tampering, but not all is signed), `proven`. */
export type Verdict = 'tampered' | 'unproven' | 'proven';

export function verdictOf({ findings, checkpoints }: Verification): Verdict {
  if (findings.some(isTampering)) return 'tampered';
  return checkpoints.length === 0 || findings.some(({ kind }) => kind === 'unproven') ? 'unproven' : 'proven';
}

/** The result for people: the verdict, the findings, what was counted, and what all this proves. */
export function verificationLines(verification: Verification, keys: readonly JWK[], areTrusted: boolean): Line[] {
  const verdict = verdictOf(verification);
  const shown = verification.findings.slice(0, maxShown);
  const more = verification.findings.length - shown.length;
  return [
    verdictLines[verdict],
    ...shown.map(findingLine),
    ...(more > 0 ? [`… and ${more} more; --json has all.`] : []),
    '',
    ...countLines(verification),
    ...keyLines(keys, areTrusted),
    '',
    ...limits,
  ];
}

const verdictLines: Readonly<Record<Verdict, Line>> = {
  tampered: [styled('bad', 'TAMPERED: '), 'the audit log is not as it was written.'],
  unproven: [styled('warn', 'NOT PROVEN: '), 'nothing speaks for tampering, but not everything is signed.'],
  proven: [styled('good', 'PROVEN: '), 'the audit log is as it was written, up to the last checkpoint.'],
};

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
  const { records, proven, uncovered, unchained, lost, purged, outside, chains, withoutOutcome, checkpoints } =
    verification;
  const [first, last] = [checkpoints[0], checkpoints.at(-1)];
  const signed =
    first === undefined || last === undefined
      ? 'No checkpoints: the chains agree with each other, but whoever can write the table can write chains.'
      : `${checkpoints.length} checkpoints, ${first.number} to ${last.number}, from ${first.at} to ${last.at}.`;
  const old = unchained.first === undefined ? '' : `, from ${unchained.first} to ${unchained.last}`;
  return [
    `${counted(records, 'record')} in ${counted(chains, 'chain')} (one for each start of an instance); ${proven} are proven by a signature.`,
    signed,
    ...(uncovered === 0 || last === undefined
      ? []
      : [`${uncovered} records are newer than the last checkpoint: only their chain speaks for them.`]),
    ...(unchained.records === 0
      ? []
      : [
          `${unchained.records} records have no chain${old}: a version without chains wrote them. Checkpoints cover them as a set.`,
        ]),
    ...(lost === 0 ? [] : [`${lost} records were not written because storage failed. Nobody got what they were for.`]),
    ...(purged === 0 ? [] : [`${purged} records were old enough to be purged${before(verification)}.`]),
    ...(outside === 0 ? [] : [`${outside} records lie at or beyond the limits of the export and were not judged.`]),
    ...(withoutOutcome === 0
      ? []
      : [
          `${withoutOutcome} requests through the gateway have no outcome: the instance ended, or it is outside the export.`,
        ]),
  ];
}

const before = ({ purgedBefore }: Verification): string =>
  purgedBefore === undefined ? '' : ` before ${purgedBefore}`;

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
  'anything about records since the last checkpoint; that the export has the newest checkpoints.',
];
