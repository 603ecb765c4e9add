import { type Attack, control } from '../attack.ts';
import { evilNames } from '../names.ts';
import { ended, startRun } from '../runs.ts';
import type { Stage } from '../stage.ts';

/** Bytes that a terminal obeys, except for line breaks and tabs. */
const obeyed = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;

/** What the command line itself writes on a terminal: bold, dim and colours, and their ends. */
const ownColours = /\p{Cc}\[(?:1|2|22|3[0-79]|9[0-7])m/gu;

/** Runs a job over the customers whose names attack. */
async function runOverEvilNames(stage: Stage, window: string): Promise<string> {
  const { document } = stage.cloud;
  const tenants = document.tenants.slice(0, evilNames.length).map(({ tenantId }) => tenantId);
  const { status, text, body } = await startRun(stage.app, stage, { tenants, window });
  control(status === 202, `the run does not start: ${status} ${text}`);
  const runId = String(body['runId']);
  const run = await ended(stage.app, stage, runId);
  control(run.tenants.succeeded > evilNames.length / 2, `the run fails: ${JSON.stringify(run)}`);
  return runId;
}

/**
 * Runs a command without and with colours, and removes what the command line itself colours. The broker may learn
 * something between the two, such as the list of customers, so a difference counts only if it stays.
 */
async function plainAndColoured(stage: Stage, command: readonly string[]): Promise<readonly [string, string]> {
  for (let left = 3; ; left -= 1) {
    const { output } = await stage.ptb(command, false);
    const coloured = await stage.ptb(command, true);
    const uncoloured = coloured.output.replaceAll(ownColours, '');
    if (uncoloured === output || left === 0) return [output, uncoloured];
  }
}

/** The first line in which two texts differ. */
function difference(one: string, other: string): string {
  const others = other.split('\n');
  const at = one.split('\n').findIndex((line, index) => line !== others[index]);
  return JSON.stringify([one.split('\n')[at], others[at]]);
}

export const terminal: Attack = {
  name: 'terminal',
  tries:
    'escape sequences, line breaks and controls of the writing direction in names of customers, in the output of the command line',
  promise: 'Text from outside stays text.',
  run: async (stage, { full }, tally) => {
    const { document } = stage.cloud;
    const failing = document.tenants.slice(0, 3).map(({ tenantId }) => tenantId);
    const faults = failing.map((tenantId) =>
      stage.cloud.faults.add({ service: 'entra', tenantId, path: '/token$', aadsts: 53003 }),
    );
    const runId = await runOverEvilNames(stage, 'terminal');
    for (const fault of faults) stage.cloud.faults.clear(fault);
    const commands = [
      ['tenants'],
      ['runs', 'show', runId],
      ['runs', 'results', runId, '--format', 'jsonl'],
      ...(full
        ? [
            ['tenants', '--json'],
            ['runs'],
            ['runs', 'show', runId, '--json'],
            ['runs', 'results', runId, '--format', 'csv'],
            ['audit'],
            ['jobs'],
          ]
        : []),
    ];
    let named = 0;
    for (const command of commands) {
      const [output, uncoloured] = await plainAndColoured(stage, command);
      // A sequence in a name would be left in the text without colours.
      const different = uncoloured === output ? '' : difference(output, uncoloured);
      tally.attempt(different === '', `ptb ${command.join(' ')} with colours: ${different}`);
      const found = obeyed.exec(output);
      const around =
        found === null ? '' : JSON.stringify(output.slice(Math.max(0, found.index - 30), found.index + 30));
      tally.attempt(found === null, `ptb ${command.join(' ')}: ${around}`);
      const forged = /^break: 0 failed/m.test(output);
      tally.attempt(!forged, `ptb ${command.join(' ')}: a name makes a line of its own`);
      if (output.includes('owned')) named += 1;
    }
    control(named > 0, 'no command shows the names');
  },
};

/** Splits at every character that some spreadsheet takes for the end of a cell, and removes what precedes a formula. */
const cells = (csv: string): readonly string[] =>
  csv.split(/[,;\t\r\n\v\f\u0085\u2028\u2029]/).map((cell) => cell.replace(/^[\s\p{C}\p{Z}"]+/u, ''));

const isFormula = (cell: string): boolean => /^[=+\-@＝＋－＠]/.test(cell) && !/^-?\d+(\.\d+)?"?$/.test(cell);

export const spreadsheet: Attack = {
  name: 'spreadsheet',
  tries: 'formulas in names of customers, in the CSV export as spreadsheets with each separator read it',
  promise: 'Text from outside stays text.',
  run: async (stage, _options, tally) => {
    const runId = await runOverEvilNames(stage, 'spreadsheet');
    const { status, text } = await stage.app.ask({
      path: `/api/runs/${encodeURIComponent(runId)}/results?format=csv`,
      headers: { authorization: stage.forge.bearer() },
    });
    control(
      status === 200 && text.includes('HYPERLINK') && text.includes('1+1'),
      `the export lacks the names: ${status}`,
    );
    for (const cell of cells(text))
      tally.attempt(!isFormula(cell), `a cell is a formula: ${JSON.stringify(cell.slice(0, 80))}`);
  },
};
