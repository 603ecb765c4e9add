import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const example = join(import.meta.dirname, '../examples/node-test.ts');

describe('the node:test example', () => {
  it('passes', async () => {
    // The sources of the workspaces: another test may be building what is in dist.
    const args = ['--conditions=workspace-source', '--test', example];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(stdout).toMatch(/pass 2\b/);
  });
});
