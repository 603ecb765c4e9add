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
  credential: "the broker's own credential, so every tenant",
  platform: 'Microsoft, the network or the deployment',
};

/** The advice that most codes have for callers. It stands before the codes, once. */
const usualAdvice = ((): string => {
  const byText = Map.groupBy(errorCodes, (code) => adviceFor(code, 'caller'));
  const [[text] = ['']] = [...byText].toSorted(([, a], [, b]) => b.length - a.length);
  return text;
})();

function errorSection(code: ErrorCode): string {
  const { status, scope, retry, title } = errorTable[code];
  const [caller, operator] = [adviceFor(code, 'caller'), adviceFor(code, 'operator')];
  return [
    `### ${code}`,
    '',
    `${title}. HTTP ${status}, ${scope}${retry === 'later' ? ', **retry later**' : ''}.`,
    '',
    ...(caller === operator
      ? [`- ${caller}`]
      : [...(caller === usualAdvice ? [] : [`- Caller: ${caller}`]), `- Operator: ${operator}`]),
    '',
  ].join('\n');
}

const setupSection = (code: SetupErrorCode): string =>
  [`### ${code}`, '', `${setupErrorTable[code].title}.`, '', `- ${adviceFor(code, 'operator')}`, ''].join('\n');

/** One row per meaning: Entra has several numbers for most of them. A number with a second meaning comes last. */
function aadstsRows(): string[] {
  const entries = [...aadstsMeanings.entries()].toSorted(([a], [b]) => a - b);
  const byMeaning = Map.groupBy(
    entries,
    ([, { code, reach, meaning }]) => `[${code}](#${code}) | ${reach} | ${meaning}`,
  );
  return [
    ...[...byMeaning].map(([row, group]) => `| ${group.map(([number]) => number).join(' ')} | ${row} |`),
    ...aadstsVariants.map(
      ({ number, condition, code, reach, meaning }) =>
        `| ${number} ${condition} | [${code}](#${code}) | ${reach} | ${meaning} |`,
    ),
  ];
}

export function errorDocs(): string {
  return [
    '# Errors',
    '',
    '<!-- Written by `npm run docs` from src/lib/core/error-table.ts and src/lib/microsoft/aadsts.ts. Do not edit by hand. -->',
    '',
    'Every error has one of these codes. Switch on `code`, never on text. HTTP problem documents (`application/problem+json`) carry the advice for the *caller*; run records, health, notices, the dashboard and the command line that for the *operator*. For `config_invalid` and `caller_unauthenticated` the command line names its options and variables instead.',
    '',
    '## Codes',
    '',
    'Each code has an HTTP status and a scope. With **retry later**, the same request may succeed after a while; otherwise somebody must act first. Where a code has no advice for the caller, it is:',
    '',
    `> ${usualAdvice}`,
    '',
    '| scope | affects |',
    '|---|---|',
    ...Object.entries(scopes).map(([scope, text]) => `| ${scope} | ${text} |`),
    '',
    ...errorCodes.map(errorSection),
    '## Codes of the command line',
    '',
    'Only `ptb` commands that sign an operator in end with these, no HTTP route.',
    '',
    ...setupErrorCodes.map(setupSection),
    '## AADSTS numbers',
    '',
    "Microsoft says that these numbers are for diagnosis and may change, so they only refine what `error` and the HTTP status say. A number that is not listed is judged by those two. *Reach* is what the number suggests; for `ambiguous` and `credential` the broker first redeems a token for the partner's own tenant.",
    '',
    '| AADSTS | code | reach | meaning |',
    '|---|---|---|---|',
    ...aadstsRows(),
    '',
  ].join('\n');
}
