import { adviceFor } from '../../src/lib/core/errors.ts';
import {
  type ErrorCode,
  errorCodes,
  type ErrorScope,
  errorTable,
  type SetupErrorCode,
  setupErrorCodes,
  setupErrorTable,
} from '../../src/lib/core/error-table.ts';
import { aadstsMeanings, aadstsVariants } from '../../src/lib/microsoft/aadsts.ts';

const scopes: Readonly<Record<ErrorScope, string>> = {
  caller: 'the request, token or policy of the caller',
  tenant: 'one tenant',
  credential: "the broker's credential, so every tenant",
  platform: 'Microsoft, the network or the deployment',
};

/** Advice that the page gives once, before the codes. */
const sendsToOperator = (advice: string): boolean => /^(?:Ask|Tell) the operator|give the operator/i.test(advice);

function errorSection(code: ErrorCode): string {
  const { status, scope, retry, title } = errorTable[code];
  const [caller, operator] = [adviceFor(code, 'caller'), adviceFor(code, 'operator')];
  return [
    `### ${code}`,
    '',
    `${title}. HTTP ${status}, ${scope}${retry === 'later' ? ', **retry later**' : ''}.`,
    '',
    ...(caller === operator || sendsToOperator(caller)
      ? [operator]
      : [`- Caller: ${caller}`, `- Operator: ${operator}`]),
    '',
  ].join('\n');
}

const setupSection = (code: SetupErrorCode): string =>
  [`### ${code}`, '', `${setupErrorTable[code].title}. ${adviceFor(code, 'operator')}`, ''].join('\n');

/** By code, one line per meaning: Entra has several numbers for most of them. A number with a second meaning comes last. */
function aadstsLines(): string[] {
  const numbered = [...aadstsMeanings.entries()]
    .toSorted(([a], [b]) => a - b)
    .map(([number, { code, meaning }]) => ({ number: `${number}`, code, meaning }));
  const others = aadstsVariants.map(({ number, condition, code, meaning }) => ({
    number: `${number} ${condition}`,
    code,
    meaning,
  }));
  return [...Map.groupBy([...numbered, ...others], ({ code }) => code)].flatMap(([code, ofCode]) => [
    `[${code}](#${code}):`,
    '',
    ...[...Map.groupBy(ofCode, ({ meaning }) => meaning)].map(
      ([meaning, same]) => `- ${same.map(({ number }) => number).join(', ')}: ${meaning}`,
    ),
    '',
  ]);
}

export function errorDocs(): string {
  return [
    '# Errors',
    '',
    '<!-- Written by `npm run docs` from src/lib/core/error-table.ts and src/lib/microsoft/aadsts.ts. Do not edit by hand. -->',
    '',
    "Switch on `code`, never on text. With **retry later**, the same request may succeed after a while; otherwise somebody must act first. An answer (`application/problem+json`) carries advice for the caller; run records, health, notices, the dashboard and the command line carry that for the operator. Where only the operator can act, this page has the operator's advice, and a caller gives the operator the correlation id.",
    '',
    '## Codes',
    '',
    `After the HTTP status stands what the error affects: ${Object.entries(scopes)
      .map(([scope, text]) => `**${scope}** (${text})`)
      .join(', ')}.`,
    '',
    ...errorCodes.map(errorSection),
    '## Codes of the command line',
    '',
    'Only `ptb` commands that sign an operator in end with these, no HTTP route.',
    '',
    ...setupErrorCodes.map(setupSection),
    '## AADSTS numbers',
    '',
    "Microsoft says that these numbers may change, so they only refine what `error` and the HTTP status say; these two judge a number that is not listed. Where a number may concern the credential, the broker first redeems a token for the partner's own tenant.",
    '',
    ...aadstsLines(),
  ].join('\n');
}
