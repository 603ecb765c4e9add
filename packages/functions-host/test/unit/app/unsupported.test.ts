import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Registry } from '../../../src/app/registry.ts';
import { adviceFor, warnOfUnsupported } from '../../../src/app/unsupported.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'host-app-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

/** The warnings about an app with one function that has these bindings. */
function warnings(bindings: Record<string, { type: string; direction?: string }> = {}): string[] {
  const registry = new Registry(() => undefined);
  const logged: string[] = [];
  registry.registerFunction({ name: 'tested', bindings }, () => undefined);
  warnOfUnsupported(registry, folder, (...entry) => logged.push(entry.join(' ')));
  return logged;
}

describe('warnOfUnsupported', () => {
  it.each(['httpTrigger', 'timerTrigger', 'orchestrationTrigger', 'activityTrigger', 'entityTrigger'])(
    'does not warn of %s and of the bindings that the host has',
    (type) => {
      const more = { a: { type: 'http' }, b: { type: 'durableClient' }, c: { type: 'orchestrationClient' } };
      expect(warnings({ t: { type: type.toUpperCase() }, ...more })).toEqual([]);
    },
  );

  it.each([
    ['queueTrigger', 'in', 'Run the function with POST /admin/functions/tested.'],
    ['blob', 'out', 'The output "x" has no effect.'],
    ['blob', 'in', 'The input "x" is undefined.'],
  ])('warns of %s with the direction %s', (type, direction, effect) => {
    expect(warnings({ x: { type, direction } })).toEqual([
      `warning system The host does not support ${type}. ${effect} tested`,
    ]);
  });

  it('warns of a function of the old model, by its first file', () => {
    write('second/function.json', '{}');
    write('first/function.json', '{}');
    expect(warnings()).toEqual([
      expect.stringContaining(`The host ignores ${join('first', 'function.json')}: function.json belongs to the v3`),
    ]);
  });

  it.each([
    ['3.2.9', 1],
    ['2.9.0', 1],
    ['3.3.0', 0],
    ['4.0.0', 0],
  ])('with durable-functions %s gives %i warnings', (version, count) => {
    write('node_modules/durable-functions/package.json', JSON.stringify({ version }));
    // The function is missing from Node.js 23 on.
    const expected = Number(process.versions.node.split('.')[0]) >= 23 ? count : 0;
    expect(warnings()).toHaveLength(expected);
  });

  it('ignores a library whose version cannot be read', () => {
    write('node_modules/durable-functions/package.json', '{');
    expect(warnings()).toEqual([]);
    write('node_modules/durable-functions/package.json', '{}');
    expect(warnings()).toEqual([]);
  });
});

it('advises to update the library if it misses a function of Node.js', () => {
  expect(adviceFor('util.isDate is not a function')).toContain('Update durable-functions');
  expect(adviceFor('isDate is a function')).toBe('');
});
