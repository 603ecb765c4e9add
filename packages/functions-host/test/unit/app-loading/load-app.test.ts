import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadApp } from '../../../src/app/load-app.ts';
import { Registry } from '../../../src/app/registry.ts';
import { HostStartError } from '../../../src/runtime/host-start-error.ts';

// A process can load an app once: the last test does it. The others end before.

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'host-load-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

const load = (registry = new Registry(() => undefined)): ReturnType<typeof loadApp> => loadApp(folder, registry);

it('says what is missing from the package of an app', async () => {
  await expect(load()).rejects.toThrow(HostStartError);
  await expect(load()).rejects.toThrow(`There is no package.json in ${folder}.`);
  write('package.json', '{');
  await expect(load()).rejects.toThrow(`${join(folder, 'package.json')} is not valid JSON.`);
  write('package.json', '{}');
  await expect(load()).rejects.toThrow(`package.json in ${folder} has no "main".`);
  write('package.json', '{"main":"dist/*.cjs"}');
  await expect(load()).rejects.toThrow(`"main" in package.json matches no file in ${folder}: dist/*.cjs.`);
});

it('loads every file of main in order, runs the start hooks, and then takes no more functions', async () => {
  const seen: unknown[] = [];
  Object.assign(globalThis, { hostTestSeen: seen });
  write('package.json', '{"main":"dist/*.{cjs,js}"}');
  write(
    'dist/b.cjs',
    `const core = require('@azure/functions-core');
    core.registerFunction({ name: 'second', bindings: { t: { type: 'timerTrigger' } } }, () => 1);
    core.registerFunction({ name: 'takenBack', bindings: { t: { type: 'timerTrigger' } } }, () => 1).dispose();
    core.setProgrammingModel({ name: 'm', version: '1', getCapabilities: async () => ({ HttpUri: 'http://x.test' }) });
    globalThis.hostTestSeen.push('b', core.getProgrammingModel().name);`,
  );
  write(
    'dist/a.js',
    `const { registerFunction, registerHook, log } = require('@azure/functions-core');
    registerFunction({ name: 'first', bindings: { t: { type: 'timerTrigger' } } }, () => 1);
    registerHook('appStart', async (context) => globalThis.hostTestSeen.push(context.functionAppDirectory));
    registerHook('appStart', async () => globalThis.hostTestSeen.push('never')).dispose();
    log('warning', 'user', 'from the app');
    globalThis.hostTestSeen.push('a');`,
  );
  const logged: string[] = [];
  const registry = new Registry((...entry) => logged.push(entry.join(' ')));
  expect(await load(registry)).toEqual({ streamUrl: 'http://x.test' });
  expect([...registry.functions.keys()]).toEqual(['first', 'second']);
  expect(seen).toEqual(['a', 'b', 'm', folder]);
  expect(logged).toEqual(['warning user from the app']);
  const late = { name: 'late', bindings: {} };
  expect(() => registry.registerFunction(late, () => 1)).toThrow('only be registered during app startup');
  await expect(load()).rejects.toThrow('a process can start the host only once');
});
