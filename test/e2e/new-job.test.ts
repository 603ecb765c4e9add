import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ptbScript } from '../paths.ts';
import { canCopyCheckout, copyCheckout } from '../support/copy-checkout.ts';
import { skippedBecause } from '../support/skipped.ts';

// Who adds a job changes nothing else. So nothing that this project checks may depend on which jobs there are.

/** The tests that read the jobs, or all sources, or compare a document with the code. */
const readsJobs = /jobs\/index\.ts|src\/(?:jobs|\*\*)|tools\/docs\.ts/;

describe(
  'a job of ptb jobs new, with and without --change, and a query of ptb query --save',
  skippedBecause(canCopyCheckout ? undefined : 'a copy of the project takes minutes on this system'),
  () => {
    let folder: string;
    let copy: string;

    /** @returns what it printed, or, if it failed, how. */
    const run = async (program: string, ...args: readonly string[]): Promise<string> => {
      // The settings of this run of Vitest are not those of the copy's.
      const own = Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST'));
      const options = { cwd: copy, env: { ...Object.fromEntries(own), CI: '1' }, maxBuffer: 64 * 1024 * 1024 };
      return promisify(execFile)(program, args, options).then(
        ({ stdout }) => stdout,
        (error: { code: number; stdout: string; stderr: string }) =>
          `exit code ${error.code}\n${error.stdout}\n${error.stderr}`,
      );
    };
    const tool = (name: string, ...args: readonly string[]): Promise<string> =>
      run(join(copy, 'node_modules/.bin', name), ...args);

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'ptb-new-job-'));
      copy = join(folder, 'copy');
      await copyCheckout(copy);
      await run(process.execPath, ptbScript, 'jobs', 'new', 'device-report');
      await run(process.execPath, ptbScript, 'jobs', 'new', 'no-new-groups', '--change');
      await run(process.execPath, ptbScript, 'query', '/groups', '--save', 'group-list', '--schedule', '0 0 * * * *');
      const job = join(copy, 'src/jobs/device-report.ts');
      const source = await readFile(job, 'utf8');
      // The schedule of the new job is a comment.
      await writeFile(job, source.replace(/^ {2}\/\/ schedule: '[^']*'/m, "  schedule: '0 0 * * * *'"));
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    it.each([
      ['the compiler', 'tsc', ['-p', 'tsconfig.json', '--noEmit']],
      ['the linter', 'oxlint', ['--type-aware', 'src/jobs', 'test/unit/jobs']],
      ['the formatter', 'biome', ['format', 'src/jobs', 'test/unit/jobs']],
      ['the search for unused code', 'knip', ['--config', 'tools/knip.json']],
    ])('satisfies %s', async (_, program, args) => {
      expect(await tool(program, ...args)).not.toContain('exit code');
    });

    it('has a schedule', async () => {
      for (const name of ['device-report', 'group-list'])
        expect(await readFile(join(copy, `src/jobs/${name}.ts`), 'utf8')).toContain("schedule: '0 0 * * * *'");
    });

    it('breaks no test that reads the jobs, the sources or the documents', async () => {
      const files = globSync('test/{unit,functions}/**/*.test.ts', { cwd: copy }).filter((file) =>
        readsJobs.test(readFileSync(join(copy, file), 'utf8')),
      );
      expect(files.length).toBeGreaterThan(10);
      expect(await failuresOf(...files)).toEqual([]);
    });

    it('is not part of the size budget', async () => {
      expect(await failuresOf('test/e2e/package/package.test.ts', '-t', 'stays within the size budget')).toEqual([]);
    });

    /** Runs tests in the copy. @returns the tests that failed, and the files that did not load. */
    async function failuresOf(...args: readonly string[]): Promise<readonly string[]> {
      await tool('vitest', 'run', ...args);
      const report = JSON.parse(await readFile(join(copy, '.local/test-results.json'), 'utf8')) as Report;
      expect(report.numPassedTests).toBeGreaterThan(0);
      return report.testResults.flatMap(({ name, message, assertionResults }) =>
        message === ''
          ? assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName)
          : [`${name}: ${message}`],
      );
    }
  },
);

/** The part of a report of Vitest that this test reads. */
interface Report {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}
