import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../../paths.ts';

const folder = mkdtempSync(join(tmpdir(), 'workspaces-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The tests of the workspaces use their sources. This checks what is built from them, apart from the repository. */
describe.each(['functions-host', 'microsoft-cloud'])('%s outside the repository', (name) => {
  const copy = join(folder, name);
  const node = (...args: string[]): string => execFileSync(process.execPath, args, { cwd: copy, encoding: 'utf8' });

  it('builds, prints its help and has every export', () => {
    for (const part of ['src', 'package.json', 'prepare.mjs', 'tsconfig.json', 'tsconfig.build.json']) {
      cpSync(join(projectRoot, 'packages', name, part), join(copy, part), { recursive: true });
    }
    symlinkSync(join(projectRoot, 'node_modules'), join(copy, 'node_modules'));
    node('prepare.mjs');
    expect(node('dist/main.js', '--help')).toContain(`Usage: ${name}`);
    const { exports } = JSON.parse(readFileSync(join(copy, 'package.json'), 'utf8')) as { exports: object };
    const entries = Object.keys(exports).map((entry) => entry.replace('.', name));
    expect(entries.length).toBeGreaterThan(1);
    const script = entries.map((entry) => `await import('${entry}');`).join('\n');
    expect(node('--input-type=module', '--eval', `${script}\nconsole.log('imported');`)).toBe('imported\n');
  });
});
