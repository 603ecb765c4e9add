import { createReadStream } from 'node:fs';
import type { JWK } from 'jose';
import type { EcKey } from '../../lib/audit/proof/layout.ts';
import { type ExtractVerdict, verifyExtract } from '../../lib/audit/proof/verify-extract.ts';
import { counted } from '../counted.ts';
import { type Line, styled } from '../line.ts';
import { fileLines } from './file-lines.ts';

/** Whether a file is the extract of a tenant: its first bytes say so. */
export async function isExtract(file: string): Promise<boolean> {
  const input = createReadStream(file, { encoding: 'utf8', end: 63 });
  let start = '';
  for await (const piece of input) start += String(piece);
  return start.startsWith('{"type":"tenant-extract"');
}

/** @param keys that must have signed. Empty: those in the file. */
export async function verifyExtractFile(file: string, keys: readonly JWK[]): Promise<ExtractVerdict> {
  const trusted = keys.map(({ x = '', y = '', kid = '' }): EcKey => ({ kty: 'EC', crv: 'P-256', x, y, kid }));
  return verifyExtract(fileLines(file), { keys: trusted, nowMs: Date.now() });
}

/** The result for people. */
export function extractLines(verdict: ExtractVerdict, areTrusted: boolean): Line[] {
  const { isProven, problems, notes, header, proven, records, withheld, keys } = verdict;
  const total = counted(records + withheld, 'record');
  const first: Line = isProven
    ? [
        styled('good', 'PROVEN: '),
        `${total} of tenant ${header?.tenant ?? ''} from ${proven?.from ?? ''} to ${proven?.to ?? ''}: all that the signed checkpoints hold, and no other.`,
      ]
    : [styled('bad', 'NOT PROVEN: '), problems.join(' ')];
  const named = keys.map(({ kid, thumbprint }) => `  ${kid}  thumbprint ${thumbprint}`);
  return [
    first,
    ...notes,
    ...(named.length === 0
      ? []
      : [
          areTrusted
            ? 'Signatures were checked with the keys that you gave:'
            : 'Signatures were checked with the keys in the file. Compare them with those that the partner publishes, or give them with --key:',
          ...named,
        ]),
    'Not proven: that records were true when they were written, and that others were shown the same checkpoints. Compare GET /api/audit/heads for that.',
  ];
}
