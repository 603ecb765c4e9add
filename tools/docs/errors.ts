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
  caller: 'The request, token or policy of the caller.',
  tenant: 'One tenant; others are not affected.',
  credential: "The broker's own credential; every tenant is affected.",
  platform: 'Microsoft, the network or the deployment.',
};

function errorSection(code: ErrorCode): string {
  const { status, scope, retry, title } = errorTable[code];
  const [caller, operator] = [adviceFor(code, 'caller'), adviceFor(code, 'operator')];
  return [
    `### ${code}`,
    '',
    `${title}.`,
    '',
    `- HTTP ${status} · ${scope} · retry ${retry}`,
    ...(caller === operator ? [`- ${caller}`] : [`- Caller: ${caller}`, `- Operator: ${operator}`]),
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
    'Every error has one of these codes, with the same title everywhere. Switch on `code`, never on text. The advice depends on the reader: HTTP problem documents (`application/problem+json`) carry the advice for the *caller*; run records, health, notices, the dashboard and the command line carry the advice for the *operator*. For `config_invalid` and `caller_unauthenticated` the command line names its options and environment variables instead.',
    '',
    '`npm run docs` generates this file from `src/lib/core/error-table.ts` and `src/lib/microsoft/aadsts.ts`.',
    '',
    '## Codes',
    '',
    'The first line of each code has the HTTP status, the scope, and whether the same request may succeed *later* or *never* before somebody acts.',
    '',
    '| scope | affects |',
    '|---|---|',
    ...Object.entries(scopes).map(([scope, text]) => `| ${scope} | ${text} |`),
    '',
    ...errorCodes.map(errorSection),
    '## Codes of the command line',
    '',
    'Only `ptb` commands that sign an operator in end with these. No HTTP route answers with them.',
    '',
    ...setupErrorCodes.map(setupSection),
    '## AADSTS numbers',
    '',
    "Entra names its reasons by number. Microsoft says that the numbers are for diagnosis and may change, so they only refine what `error` and the HTTP status say. A number that is not listed is judged by those two. *Reach* is what the number suggests. For `ambiguous` and `credential` the broker first redeems a token for the partner's own tenant before it draws a conclusion.",
    '',
    '| AADSTS | code | reach | meaning |',
    '|---|---|---|---|',
    ...aadstsRows(),
    '',
  ].join('\n');
}
