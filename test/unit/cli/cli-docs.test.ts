import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { expect, it } from 'vitest';
import { registerRun } from '../../../src/cli/commands/run.ts';
import { exitCodeOf, exitCodes } from '../../../src/cli/exit-codes.ts';
import { errorCodes, setupErrorCodes } from '../../../src/lib/core/error-table.ts';
import { projectRoot } from '../../paths.ts';

const page = readFileSync(join(projectRoot, 'docs/cli.md'), 'utf8');
const codesIn = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
const rows = [...page.matchAll(/^- `(\d+)`: .*?(?:Error codes?: (.*))?$/gm)].map(([, exitCode, codes = '']) => ({
  exitCode: Number(exitCode),
  codes,
}));

it('docs/cli.md lists every exit code', () => {
  expect(rows.map(({ exitCode }) => exitCode)).toEqual(Object.values(exitCodes));
});

it('docs/cli.md lists the error codes of each exit code', () => {
  for (const { exitCode, codes } of rows.filter((row) => row.exitCode !== exitCodes.failure)) {
    const expected = [...errorCodes, ...setupErrorCodes].filter((code) => exitCodeOf(code) === exitCode);
    expect(codesIn(codes).toSorted(), `exit code ${exitCode}`).toEqual(expected.toSorted());
  }
});

it('docs/cli.md and docs/exec.md list every PTB_ and BROKER_ variable that the command line reads', () => {
  const folder = join(projectRoot, 'src/cli');
  // These describe the demo in a file, and read that.
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (path) =>
      path.endsWith('.ts') && !['environment-file.ts', 'running-demo.ts'].some((name) => path === join('demo', name)),
  );
  const read = sources.flatMap(
    (path) => readFileSync(join(folder, path), 'utf8').match(/\b(?:PTB|BROKER)_[A-Z_]+/g) ?? [],
  );
  const pages = page + readFileSync(join(projectRoot, 'docs/exec.md'), 'utf8');
  const listed = [...pages.matchAll(/^- `([A-Z_]+)`: /gm)].map(([, name = '']) => name);
  expect(listed.toSorted()).toEqual([...new Set(read)].toSorted());
});

it('ptb run --help describes exit code 4 as docs/cli.md does', () => {
  const program = new Command('ptb');
  registerRun(program);
  expect(program.commands[0]?.description()).toContain('4 if a person must sign in or consent');
  expect(page).toContain('- `4`: a person must sign in, consent');
});
