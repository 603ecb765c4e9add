import { PassThrough } from 'node:stream';
import { afterEach, expect, it, vi } from 'vitest';
import { plainLine, shownLine } from '../../../src/cli/line.ts';
import { createProgress } from '../../../src/cli/remote/progress.ts';
import { advice } from '../../../src/cli/remote/report.ts';
import { runProgram } from '../../../src/cli/run-program.ts';
import { print, say } from '../../../src/cli/sign-in/output.ts';
import { table } from '../../../src/cli/table.ts';
import { BrokerError } from '../../../src/lib/core/errors.ts';
import { Command } from 'commander';

// Clears the screen, starts a new line, and sets the colour with a C1 control.
const name = 'Contoso\u001b[2J\nFabrikam\u009b31m';
const shown = 'Contoso\\u001b[2J\\nFabrikam\\u009b31m';
const failure = { tenantId: 't', name, code: 'access_denied', title: name, advice: 'Ask.', detail: name } as const;

afterEach(() => void vi.restoreAllMocks());

/** What `work` writes to a stream. */
async function written(stream: 'stdout' | 'stderr', work: () => unknown): Promise<string> {
  const write = vi.spyOn(process[stream], 'write').mockReturnValue(true);
  await work();
  return write.mock.calls.map(([text]) => String(text)).join('');
}

it('shows control characters of a name as text in a table, in its real width', () => {
  const [, line = '', row] = table(['tenant', 'domain'], [[name, 'contoso.com']]).map(plainLine);
  expect(row).toBe(`${shown}  contoso.com`);
  expect(line.split('  ')[0]).toHaveLength(shown.length);
});

it('shows them as text in lines, notes and errors', async () => {
  expect(await written('stdout', () => print(false, {}, [`! ${name}`]))).toBe(`! ${shown}\n`);
  expect(await written('stderr', () => say(name))).toBe(`${shown}\n`);
  const program = new Command().action(() => {
    throw new BrokerError('access_denied', name);
  });
  expect(await written('stderr', () => runProgram(program, ['node', 'ptb']))).toContain(`ptb: ${shown} `);
});

it('shows them as text in JSON that a terminal may display', async () => {
  const text = await written('stdout', () => print(true, { name }, []));
  expect(text).toBe(`{"name":"${shown}"}\n`);
  expect(JSON.parse(text)).toEqual({ name });
});

it('shows them as text in progress and in advice', () => {
  const stream = Object.assign(new PassThrough(), { isTTY: false });
  const run = {
    job: 'mfa-report',
    outcome: 'running',
    tenants: { total: 2, succeeded: 0, failed: 1, skipped: 0, notAttempted: 0 },
    durationMs: 1,
    failures: [failure],
  } as const;
  createProgress(stream as unknown as NodeJS.WriteStream, () => 0, { failures: true }).update(run);
  expect(String(stream.read())).toContain(`  ${shown}: ${shown}\n`);
  expect(advice([run]).map((line) => shownLine(line, process.stdout))).toContain(`  ${shown}: ${shown}`);
});
