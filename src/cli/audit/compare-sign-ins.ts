import { readFile } from 'node:fs/promises';
import {
  type Join,
  joinSignIns,
  readSignIns,
  type RecordedTokens,
  type SignIn,
  SignInFileError,
} from '../../lib/audit/proof/join-sign-ins.ts';
import type { ExtractVerdict } from '../../lib/audit/proof/verify-extract.ts';
import { isoTime } from '../../lib/core/clock.ts';
import { counted } from '../counted.ts';
import { type Line, styled } from '../line.ts';
import { UsageError } from '../run-program.ts';

/**
 * Compares the records of an extract with downloads of the sign-in log of its tenant.
 * @param tokens of the records.
 * @returns undefined for an extract that is not proven.
 * @throws UsageError for a file that is no sign-in log.
 */
export async function compareSignIns(
  files: readonly string[],
  { proven }: ExtractVerdict,
  tokens: RecordedTokens,
): Promise<Join | undefined> {
  const read = await Promise.all(files.map(signInsOf));
  if (proven === undefined) return undefined;
  return joinSignIns(tokens.all, read.flat(), { fromMs: Date.parse(proven.from), toMs: Date.parse(proven.to) });
}

async function signInsOf(file: string): Promise<readonly SignIn[]> {
  try {
    return readSignIns(await readFile(file, 'utf8'));
  } catch (thrown) {
    throw thrown instanceof SignInFileError ? new UsageError(`${file}: ${thrown.message}`) : thrown;
  }
}

/** Sign-ins that are printed. JSON has all. */
const shown = 20;

/** The result for people. */
export function comparisonLines(join: Join): Line[] {
  const { fromMs, toMs, applications, partner, recorded, withoutRecord, otherProviders, withoutSignIn } = join;
  if (!(fromMs < toMs)) return ['The sign-in log and the extract have no time in common.'];
  if (partner.size === 0)
    return [styled('warn', 'No sign-in has a record: the log has none of the partner, or is of another tenant.')];
  const named = applications.filter(({ id }) => partner.has(id)).map(({ name, id }) => (name === '' ? id : name));
  const listed = (signIns: readonly SignIn[]): Line[] => [
    ...signIns
      .slice(0, shown)
      .map(({ atMs, application, who, address, uti }) =>
        [' ', isoTime(atMs), application, who, address, uti].filter((part) => part !== '').join(' '),
      ),
    ...(signIns.length > shown ? [`  … and ${signIns.length - shown} more`] : []),
  ];
  return [
    `Sign-in log from ${isoTime(fromMs)} to ${isoTime(toMs)}: ${counted(recorded, 'sign-in')} of ${named.join(', ')} with a record.`,
    withoutRecord.length === 0
      ? [styled('good', 'None'), ' without one.']
      : [
          styled('bad', counted(withoutRecord.length, 'sign-in')),
          ' without one: a token that the broker did not record.',
        ],
    ...listed(withoutRecord),
    ...(otherProviders.length === 0
      ? []
      : [`${counted(otherProviders.length, 'sign-in')} of service providers with other applications:`]),
    ...listed(otherProviders),
    ...(withoutSignIn.length === 0
      ? []
      : [`${counted(withoutSignIn.length, 'token')} of the records are not in the log, which may be late by hours.`]),
  ];
}
