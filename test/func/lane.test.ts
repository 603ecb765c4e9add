import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot, ptbScript } from '../paths.ts';

// The lane itself, with a `func` that serves the app with the embedded host.

let folder: string;
let bin: string;
/** A folder with a `func` that fails. */
let broken: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-lane-'));
  bin = join(folder, 'bin');
  await mkdir(bin);
  const script = `#!/bin/sh
if [ "$1" = "--version" ]; then echo 0.0.0-stand-in; exit; fi
echo "Function Runtime Version: 0.0.0-embedded"
exec "${process.execPath}" "${ptbScript}" host --app . --port "$3"
`;
  await writeFile(join(bin, 'func'), script);
  await chmod(join(bin, 'func'), 0o755);
  broken = join(folder, 'broken');
  await mkdir(broken);
  await writeFile(join(broken, 'func'), '#!/bin/sh\nexit 3\n', { mode: 0o755 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('npm run test:func', () => {
  const lane = async (path: string): Promise<{ output: string; record: string }> => {
    const record = join(folder, `record-${path.length}.json`);
    const vitest = join(projectRoot, 'node_modules/vitest/vitest.mjs');
    const args = [vitest, 'run', '--config', 'test/func/vitest.config.ts'];
    const env = { ...process.env, PATH: path, FUNC_RECORD: record };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: projectRoot, env });
    return { output: stdout + stderr, record };
  };
  const withoutFunc = '/usr/bin:/bin';

  it('skips with a reason where Core Tools are missing', async () => {
    const { output } = await lane(withoutFunc);
    expect(output).toMatch(/there is no `func`.*\n +test\/func\/real-host\.func\.ts: /);
    expect(output).not.toMatch(/\d+ (passed|failed)/);
  });

  it('fails where Core Tools do not run', async () => {
    await expect(lane(`${broken}${delimiter}${withoutFunc}`)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/--version fails/) as string,
    });
  });

  it('runs each test on the program that it finds, and records results and versions', async () => {
    const { record } = await lane(`${bin}${delimiter}${withoutFunc}`);
    const { tests, ...versions } = JSON.parse(await readFile(record, 'utf8')) as {
      tests: { name: string; result: string }[];
    };
    expect(versions).toMatchObject({
      coreTools: '0.0.0-stand-in',
      host: '0.0.0-embedded',
      node: process.version,
      package: expect.stringMatching(/^\d+\.\d+\.\d+$/) as string,
    });
    expect(tests.length).toBeGreaterThan(5);
    expect(tests.filter(({ result }) => result !== 'pass')).toEqual([]);
  });
});
