import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { JWK } from 'jose';
import * as z from 'zod';
import type { RecordedTokens } from '../../lib/audit/proof/join-sign-ins.ts';
import type { EcKey } from '../../lib/audit/proof/layout.ts';
import { type ExtractVerdict, type VerifyOptions, verifyExtract } from '../../lib/audit/proof/verify-extract.ts';
import { parseJson } from '../../lib/core/outbound.ts';
import { counted } from '../counted.ts';
import { type Line, styled } from '../line.ts';
import { UsageError } from '../run-program.ts';
import { fileLines } from './file-lines.ts';
import type { RecordedChanges } from './recorded-changes.ts';

/** Whether a file is the extract of a tenant: its first bytes say so. */
export async function isExtract(file: string): Promise<boolean> {
  const input = createReadStream(file, { encoding: 'utf8', end: 63 });
  let start = '';
  for await (const piece of input) start += String(piece);
  return start.startsWith('{"type":"tenant-extract"');
}

const headsSchema = z.object({ heads: z.array(z.string()) });

/**
 * Heads from files that somebody got from GET /api/audit/heads, at any place.
 * @throws UsageError
 */
export async function publishedHeads(files: readonly string[]): Promise<readonly string[]> {
  const read = files.map(async (file) => {
    const parsed = headsSchema.safeParse(parseJson(await readFile(file, 'utf8')));
    if (parsed.success) return parsed.data.heads;
    throw new UsageError(`${file}: has no heads. Write it with \`curl 'https://BROKER/api/audit/heads?from=TIME'\`.`);
  });
  return (await Promise.all(read)).flat();
}

/**
 * @param keys that must have signed. Empty: those in the file.
 * @param wanted published heads, among which those of the file must be, and the id of the tenant that it must be about.
 * Undefined: not compared. `tokens` and `changes` get those that the records name.
 */
export async function verifyExtractFile(
  file: string,
  keys: readonly JWK[],
  wanted: {
    readonly published: readonly string[] | undefined;
    readonly tenant: string | undefined;
    readonly tokens: RecordedTokens;
    readonly changes: RecordedChanges;
  },
): Promise<ExtractVerdict> {
  const { published: heads, tenant, tokens, changes } = wanted;
  const trusted = keys.map(({ x = '', y = '', kid = '' }): EcKey => ({ kty: 'EC', crv: 'P-256', x, y, kid }));
  const onRecord: VerifyOptions['onRecord'] = (record, checkpoint) => {
    tokens.add(record, checkpoint);
    changes.add(record, checkpoint);
  };
  const onChange = changes.addValues.bind(changes);
  const options = { keys: trusted, nowMs: Date.now(), onRecord, onChange, ...(tenant === undefined ? {} : { tenant }) };
  return verifyExtract(fileLines(file), heads === undefined ? options : { ...options, heads });
}

/** The result for people. */
export function extractLines(
  verdict: ExtractVerdict,
  areTrusted: boolean,
  areCompared: boolean,
  isTenantGiven: boolean,
): Line[] {
  const { isProven, problems, notes, header, proven, records, withheld, keys, names, missingHeads } = verdict;
  const called = names[header?.tenant ?? ''];
  const total = counted(records + withheld, 'record');
  const first: Line = isProven
    ? [
        styled('good', 'PROVEN: '),
        `${total} of tenant ${header?.tenant ?? ''}${called === undefined ? '' : ` (“${called}” in the file)`} from ${proven?.from ?? ''} to ${proven?.to ?? ''}: all that the signed checkpoints hold, and no other.`,
      ]
    : [styled('bad', 'NOT PROVEN: '), problems.join(' ')];
  const notCompared: Line[] = missingHeads.map(({ number, to }) => [
    styled('warn', 'NOT COMPARED: '),
    `checkpoint ${number} with the published heads that you gave. It is among those of its hour: GET /api/audit/heads?from=${to}`,
  ]);
  const named = keys.map(({ kid, thumbprint }) => `  ${kid}  thumbprint ${thumbprint}`);
  return [
    ...(isProven ? notCompared : []),
    first,
    ...(isTenantGiven || header === undefined
      ? []
      : ['Compare this tenant id with that of your tenant (Entra admin center, Overview), or give it with --tenant.']),
    ...(header === undefined ? [] : [`The broker is that of the partner with the tenant id ${header.broker}.`]),
    ...notes,
    ...(named.length === 0
      ? []
      : [
          areTrusted
            ? 'Signatures were checked with the keys that you gave:'
            : 'Signatures were checked with the keys in the file. Compare them with those that the partner publishes, or give them with --key:',
          ...named,
        ]),
    `Not proven: that records were true when they were written${areCompared && missingHeads.length === 0 ? '. The checkpoints are among the published ones.' : ', and that others were shown the same checkpoints: --heads compares them.'}`,
  ];
}
