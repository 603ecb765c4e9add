import { type ErrorScope, errorCodes, errorTable } from '../../src/lib/model/errors.ts';
import { aadstsMeanings } from '../../src/lib/entra/aadsts.ts';

const scopes: Record<ErrorScope, string> = {
  caller: 'the caller: its request, token or policy',
  tenant: 'one tenant: the others go on',
  credential: "the broker's own credential: every tenant is affected",
  platform: 'Microsoft, the network or the deployment',
};

export function errorDocs(): string {
  const sections = errorCodes.map((code) => {
    const { status, scope, retry, title, advice } = errorTable[code];
    return [
      `### ${code}`,
      '',
      `${title}.`,
      '',
      `- HTTP status ${status}; concerns ${scopes[scope]}.`,
      `- ${retry === 'later' ? 'The same request may work later, without anybody acting.' : 'Repeating the request changes nothing: somebody must act.'}`,
      `- What to do: ${advice}`,
      '',
    ].join('\n');
  });
  const numbers = [...aadstsMeanings.entries()]
    .toSorted(([a], [b]) => a - b)
    .map(([number, { code, reach, meaning }]) => `| ${number} | [${code}](#${code}) | ${reach} | ${meaning} |`);
  return [
    '# Errors',
    '',
    'Every failure has one of these codes, with the same title and advice over HTTP (`application/problem+json`), on the command line, in run records and in the dashboard; where the remedy is an option or variable of `ptb`, the command line names that instead. Switch on `code`, never on text. The file is produced from `src/lib/model/errors.ts` and `src/lib/entra/aadsts.ts` by `npm run docs`.',
    '',
    '## Codes',
    '',
    ...sections,
    '## AADSTS numbers',
    '',
    "Entra names its reasons by number. Microsoft says that the numbers are for diagnosis and may change, so they only refine what `error` and the HTTP status say; a number that is not listed is judged by those. *Reach* is what the number suggests: `ambiguous` and `credential` are checked by a redemption for the partner's own tenant before anything is concluded.",
    '',
    '| AADSTS | code | reach | meaning |',
    '|---|---|---|---|',
    ...numbers,
    '',
  ].join('\n');
}
