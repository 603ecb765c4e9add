import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { chosenBackend } from '../../../src/cli/project/app-package.ts';
import { newProject } from '../../../src/cli/project/new-project.ts';
import { projectRoot } from '../../paths.ts';
import { azdSchema } from './azd-schema.ts';

interface AzureYaml {
  readonly infra: { readonly path: string; readonly module: string };
  readonly workflows: { readonly up: { readonly steps: readonly { readonly azd: string }[] } };
  readonly hooks: Readonly<Record<string, Hook>>;
  readonly services: Readonly<
    Record<string, { readonly dist: string; readonly hooks: Readonly<Record<string, Hook>> }>
  >;
}
interface Hook {
  readonly posix: { readonly run: string };
  readonly windows: { readonly run: string };
}

const source = readFileSync(join(projectRoot, 'azure.yaml'), 'utf8');
const document = parse(source) as AzureYaml;
const isValid = new Ajv2020({ allErrors: true }).compile(azdSchema);
const problems = (value: unknown): string[] =>
  isValid(value) ? [] : (isValid.errors ?? []).map(({ instancePath, message }) => `${instancePath}: ${message}`);

const hooks = [document.hooks, ...Object.values(document.services).map((service) => service.hooks)].flatMap((all) =>
  Object.values(all),
);

describe('azure.yaml', () => {
  it("conforms to azd's schema", () => {
    expect(problems(document)).toEqual([]);
  });

  it('of a project of ptb init does so, too', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'own-'));
    await newProject(folder);
    expect(problems(parse(readFileSync(join(folder, 'azure.yaml'), 'utf8')))).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  it.each([
    ['hooks', { preprovisioning: document.hooks['preprovision'] }, '/hooks: must NOT have additional properties'],
    ['name', 'Partner Broker', '/name: must match pattern'],
    ['workflows', { up: { steps: [{ azd: 'provison' }] } }, '/workflows/up/steps/0/azd: must match pattern'],
    ['services', { broker: { project: '.', host: 'functions', language: 'custom' } }, '/services/broker/host: must be'],
    [
      'services',
      { broker: { host: 'function', project: '.', language: 'custom', distt: 'x' } },
      '/services/broker: must NOT',
    ],
  ])('would be refused with another %s: %j', (name, value, problem) => {
    expect(problems({ ...document, [name]: value })).toEqual([expect.stringContaining(problem)]);
  });

  it('names files that exist', () => {
    expect(existsSync(join(projectRoot, document.infra.path, `${document.infra.module}.bicep`))).toBe(true);
    const scripts = hooks.flatMap(({ posix, windows }) => [posix.run, windows.run]);
    const files = scripts.flatMap((script) => [...script.matchAll(/node ([\w./-]+)/g)].map(([, file]) => file ?? ''));
    expect(files).toEqual([
      'tools/preprovision.ts',
      'tools/preprovision.ts',
      'tools/postprovision.ts',
      'tools/postprovision.ts',
    ]);
    expect(files.filter((file) => !existsSync(join(projectRoot, file)))).toEqual([]);
    const { scripts: known } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
      scripts: object;
    };
    const called = scripts.flatMap((script) => [...script.matchAll(/npm run (\w+)/g)].map(([, name]) => name ?? ''));
    expect(Object.keys(known)).toEqual(expect.arrayContaining(called));
  });

  it('provisions before it deploys, because both hooks write to node_modules', () => {
    expect(document.workflows.up.steps.map(({ azd }) => azd)).toEqual(['provision', 'deploy --all']);
  });

  it('deploys the archive of `npm run package`', () => {
    expect(document.services['broker']).toMatchObject({ dist: 'out/app.zip', remoteBuild: false });
  });

  it('runs the same commands on Windows, without arguments after `--`, which npm in PowerShell can lose', () => {
    const commandsOf = ({ posix, windows }: Hook): string[][] => [
      posix.run.split('&&').map((command) => command.trim()),
      windows.run
        .trim()
        .split('\n')
        .filter((line) => !/^\$\w+Preference = /.test(line)),
    ];
    for (const hook of hooks) {
      const [posix = [], windows] = commandsOf(hook);
      expect(windows).toEqual(posix);
      expect(posix.filter((command) => / -- /.test(command))).toEqual([]);
    }
  });

  it('packages for the backend in DURABLE_BACKEND, for which azd also provisions, unless an option names one', () => {
    expect(chosenBackend(undefined, undefined)).toBe('azureStorage');
    expect(chosenBackend(undefined, '')).toBe('azureStorage');
    expect(chosenBackend(undefined, 'durableTaskScheduler')).toBe('durableTaskScheduler');
    expect(chosenBackend('azureStorage', 'durableTaskScheduler')).toBe('azureStorage');
    expect(() => chosenBackend(undefined, 'mssql')).toThrow(
      'is one of azureStorage, durableTaskScheduler, not "mssql"',
    );
  });

  it('stops at the first command that fails, also on Windows', () => {
    expect(hooks.length).toBeGreaterThan(1);
    for (const { windows } of hooks) {
      expect(windows.run).toMatch(
        /^\$ErrorActionPreference = 'Stop'\n\$PSNativeCommandUseErrorActionPreference = \$true\n/,
      );
    }
  });
});
