import { readFile } from 'node:fs/promises';
import {
  type Join,
  joinSignIns,
  type KindPeriod,
  mergedLogs,
  readSignIns,
  type RecordedTokens,
  type SignIn,
  SignInFileError,
  type SignInLog,
} from '../../lib/audit/proof/join-sign-ins.ts';
import type { ExtractVerdict } from '../../lib/audit/proof/verify-extract.ts';
import { isoTime } from '../../lib/core/clock.ts';
import { counted } from '../counted.ts';
import { type Line, styled } from '../line.ts';
import { UsageError } from '../run-program.ts';

/** Entra has a log for each. */
export type SignInKind = 'users' | 'service-principals';

/** A comparison, and what it does not see. */
export interface Comparison extends Join {
  /** Rows of the downloads that cannot be read. */
  readonly unread: number;
  /** Records whose tokens the extract does not show. */
  readonly withheld: number;
  /** Kinds of which the customer says that the log has none, although there were sign-ins. */
  readonly refused: Join['notEmpty'];
}

/** Whether every sign-in of the partner has a record, and the downloads and the extract could show it. */
export const isClear = ({ uncovered, partner, withoutRecord, unread }: Comparison): boolean =>
  uncovered.length === 0 && partner.size > 0 && withoutRecord.length === 0 && unread === 0;

/**
 * Compares the records of an extract with downloads of the sign-in log of its tenant.
 * @param empty kinds of which the customer says that the log has none.
 * @param tokens of the records.
 * @returns undefined for an extract that is not proven.
 * @throws UsageError for a file that is no sign-in log.
 */
export async function compareSignIns(
  { files, empty }: { readonly files: readonly string[]; readonly empty: readonly SignInKind[] },
  { proven, withheld }: ExtractVerdict,
  tokens: RecordedTokens,
): Promise<Comparison | undefined> {
  const log = mergedLogs(await Promise.all(files.map(signInsOf)));
  if (proven === undefined) return undefined;
  const period = { fromMs: Date.parse(proven.from), toMs: Date.parse(proven.to) };
  const said = { ...log, empty: empty.map((kind) => kind === 'users') };
  const join = joinSignIns(tokens.all, said, period);
  const refused = join.notEmpty.filter(({ isUser }) => said.empty.includes(isUser));
  return { ...join, refused, unread: log.unread, withheld };
}

async function signInsOf(file: string): Promise<SignInLog> {
  try {
    return await readSignIns(await readFile(file, 'utf8'));
  } catch (thrown) {
    throw thrown instanceof SignInFileError ? new UsageError(`${file}: ${thrown.message}`) : thrown;
  }
}

/** Sign-ins that are printed. JSON has all. */
const shown = 20;

/** The result for people. */
export function comparisonLines(comparison: Comparison): Line[] {
  const { covered, uncovered, applications, partner, recorded, withoutRecord, otherProviders } = comparison;
  const { withoutSignIn, notCovered, saidEmpty, notEmpty, refused, unread, withheld } = comparison;
  const lacking = [true, false].filter(
    (isUser) => !saidEmpty.includes(isUser) && [...covered, ...notEmpty].every((each) => each.isUser !== isUser),
  );
  const said = [
    ...saidEmpty.map(
      (isUser): Line => `You say that the log has no sign-ins of ${nameOf(isUser)} in this time: nothing proves it.`,
    ),
    ...refused.map(
      ({ isUser, by }): Line =>
        `The log of ${nameOf(isUser)} was not empty: ${by === 'log' ? 'a download has a sign-in' : 'proven records have tokens'} of that kind in this time. Download it again, and add it.`,
    ),
  ];
  const limits: Line[] =
    unread === 0
      ? []
      : [[styled('warn', counted(unread, 'row')), ' of the log cannot be read: nothing is said of them.']];
  if (covered.length === 0 && saidEmpty.length === 0)
    return ['The sign-in log and the extract have no time in common.', ...limits, ...said];
  if (partner.size === 0)
    return [
      ...limits,
      ...said,
      styled('warn', 'No sign-in has a record: the log has none of the partner, or is of another tenant.'),
    ];
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
    `Sign-in log of ${timesOf(covered)}: ${counted(recorded, 'sign-in')} of ${named.join(', ')} with a record.`,
    withoutRecord.length === 0
      ? isClear(comparison)
        ? [styled('good', 'None'), ' without one.']
        : [styled('warn', 'None'), ' without one in what was compared.']
      : [
          styled('bad', counted(withoutRecord.length, 'sign-in')),
          ' without one: a token that the broker did not record, or got and handed to nobody.',
        ],
    ...listed(withoutRecord),
    ...(withoutRecord.length > 0 && withheld > 0
      ? [`The extract withholds ${counted(withheld, 'record')}, of which some may be theirs.`]
      : []),
    ...limits,
    ...said,
    ...(uncovered.length === 0 ? [] : [`Not compared: sign-ins of ${timesOf(uncovered)}, which no download covers.`]),
    ...lacking.map((isUser) => `If the log of ${nameOf(isUser)} was empty, say so: --empty-log ${kindOf(isUser)}.`),
    ...(otherProviders.length === 0
      ? []
      : [`${counted(otherProviders.length, 'sign-in')} of service providers with other applications:`]),
    ...listed(otherProviders),
    ...(withoutSignIn.length === 0
      ? []
      : [`${counted(withoutSignIn.length, 'token')} of the records are not in the log, which may be late by hours.`]),
    ...(notCovered === 0
      ? []
      : [
          `${counted(notCovered, 'token')} of the records were not compared: their time, or their kind of sign-in, is in no download or at the edge of one.`,
        ]),
  ];
}

const timesOf = (periods: readonly KindPeriod[]): string =>
  [true, false]
    .map((isOfUsers) => periods.filter(({ isUser }) => isUser === isOfUsers))
    .filter(({ length }) => length > 0)
    .map(
      (some) =>
        `${nameOf(some[0]?.isUser === true)} ${some.map(({ fromMs, toMs }) => `from ${isoTime(fromMs)} to ${isoTime(toMs)}`).join(' and ')}`,
    )
    .join(', ');

const kindOf = (isUser: boolean): SignInKind => (isUser ? 'users' : 'service-principals');
const nameOf = (isUser: boolean): string => kindOf(isUser).replace('-', ' ');
