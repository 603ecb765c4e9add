import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { faultKinds } from '../../src/faults/rule.ts';
import { tenantStates, tenantTraits } from '../../src/population/tenant.ts';
const packageRoot = join(import.meta.dirname, '../..');

const page = readFileSync(join(packageRoot, 'README.md'), 'utf8');
const rows = [...page.matchAll(/^\| .+ \| (\S+\.test\.ts) \| (.+) \|$/gm)].map(([, file = '', title = '']) => ({
  file,
  title,
}));

describe('packages/microsoft-cloud/README.md', () => {
  it('names tests for the behaviour of Entra', () => {
    expect(rows.length).toBeGreaterThan(40);
  });

  it.each(rows)('$file has the test "$title"', ({ file, title }) => {
    const source = readFileSync(join(packageRoot, 'test/e2e', file), 'utf8');
    expect(source).toContain(`'${title}'`);
  });

  it('explains every state, trait and kind of fault', () => {
    for (const name of [...tenantStates, ...tenantTraits, ...faultKinds]) expect(page).toContain(`\`${name}\``);
  });
});
